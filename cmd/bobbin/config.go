package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
)

// config is bobbin.yaml. Its keys are fixed: see `bobbin config`.
type config struct {
	Slack     slackConfig     `yaml:"slack"`
	Storage   storageConfig   `yaml:"storage"`
	LLM       llmConfig       `yaml:"llm"`
	Chat      chatConfig      `yaml:"chat"`
	Reply     replyConfig     `yaml:"reply"`
	Access    accessConfig    `yaml:"access"`
	Budget    budgetConfig    `yaml:"budget"`
	Report    reportConfig    `yaml:"report"`
	Retention retentionConfig `yaml:"retention"`
	HTTP      httpConfig      `yaml:"http"`
	Log       logConfig       `yaml:"log"`

	file string // where it comes from, for messages; "" is the environment
}

type slackConfig struct {
	BotToken    string `yaml:"bot_token"`
	AppToken    string `yaml:"app_token"`
	APIURL      string `yaml:"api_url"`
	Connections int    `yaml:"connections"`
	Command     string `yaml:"command"`
}

type storageConfig struct {
	URL     string       `yaml:"url"`
	MaxSize string       `yaml:"max_size"`
	Backup  backupConfig `yaml:"backup"`
}

type backupConfig struct {
	Dir  string `yaml:"dir"`
	At   string `yaml:"at"`
	Keep int    `yaml:"keep"`
}

type llmConfig struct {
	Providers []providerConfig `yaml:"providers"`
}

type providerConfig struct {
	Name              string        `yaml:"name"`
	BaseURL           string        `yaml:"base_url"`
	APIKey            string        `yaml:"api_key"`
	Model             string        `yaml:"model"`
	RequestsPerMinute int           `yaml:"requests_per_minute"`
	TokensPerMinute   int           `yaml:"tokens_per_minute"`
	Concurrency       int           `yaml:"concurrency"`
	ConnectTimeout    time.Duration `yaml:"connect_timeout"`
	FirstTokenTimeout time.Duration `yaml:"first_token_timeout"`
	IdleTimeout       time.Duration `yaml:"idle_timeout"`
	MaxRetries        *int          `yaml:"max_retries"`
	Breaker           breakerConfig `yaml:"breaker"`
	Price             *priceConfig  `yaml:"price"`
	ContextWindow     int           `yaml:"context_window"`
	MaxOutputTokens   int           `yaml:"max_output_tokens"`
	Temperature       *float64      `yaml:"temperature"`
}

type breakerConfig struct {
	Failures int           `yaml:"failures"`
	Open     time.Duration `yaml:"open"`
}

// priceConfig is in USD per million tokens.
type priceConfig struct {
	Input  float64  `yaml:"input"`
	Cached *float64 `yaml:"cached"`
	Output float64  `yaml:"output"`
}

type chatConfig struct {
	SystemPrompt string                   `yaml:"system_prompt"`
	Channels     map[string]channelConfig `yaml:"channels"`
}

type channelConfig struct {
	SystemPrompt string `yaml:"system_prompt"`
	Model        string `yaml:"model"`
	Reply        string `yaml:"reply"`
}

type replyConfig struct {
	Mode      string   `yaml:"mode"`
	LinkHosts []string `yaml:"link_hosts"`
	StopBy    string   `yaml:"stop_by"`
}

// accessConfig has pointers because a list that is left out and an empty one
// mean the opposite.
type accessConfig struct {
	Users    *[]string `yaml:"users"`
	Channels *[]string `yaml:"channels"`
	Admins   []string  `yaml:"admins"`
	External bool      `yaml:"external"`
}

type budgetConfig struct {
	UserDailyUSD           float64 `yaml:"user_daily_usd"`
	UserDailyTokens        int64   `yaml:"user_daily_tokens"`
	UserMonthlyUSD         float64 `yaml:"user_monthly_usd"`
	UserMonthlyTokens      int64   `yaml:"user_monthly_tokens"`
	ChannelDailyUSD        float64 `yaml:"channel_daily_usd"`
	ChannelDailyTokens     int64   `yaml:"channel_daily_tokens"`
	ChannelMonthlyUSD      float64 `yaml:"channel_monthly_usd"`
	ChannelMonthlyTokens   int64   `yaml:"channel_monthly_tokens"`
	WorkspaceDailyUSD      float64 `yaml:"workspace_daily_usd"`
	WorkspaceDailyTokens   int64   `yaml:"workspace_daily_tokens"`
	WorkspaceMonthlyUSD    float64 `yaml:"workspace_monthly_usd"`
	WorkspaceMonthlyTokens int64   `yaml:"workspace_monthly_tokens"`
}

// reportConfig asks for a weekly summary.
type reportConfig struct {
	Channel string `yaml:"channel"`
	Weekday string `yaml:"weekday"`
	At      string `yaml:"at"`
}

type retentionConfig struct {
	Conversations time.Duration `yaml:"conversations"`
	Usage         time.Duration `yaml:"usage"`
}

type httpConfig struct {
	Listen string `yaml:"listen"`
	Token  string `yaml:"token"`
}

type logConfig struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// defaultConfig holds until a file says otherwise.
func defaultConfig() config {
	return config{
		Slack:     slackConfig{APIURL: "https://slack.com/api/", Connections: 2, Command: "/bobbin"},
		Storage:   storageConfig{URL: "bolt://bobbin.db", MaxSize: "0", Backup: backupConfig{At: "03:00", Keep: 7}},
		Reply:     replyConfig{Mode: "auto", LinkHosts: []string{}, StopBy: bot.StopByAsker},
		Retention: retentionConfig{Conversations: 720 * time.Hour, Usage: 9480 * time.Hour},
		Report:    reportConfig{Weekday: "monday", At: "09:00"},
		HTTP:      httpConfig{Listen: "127.0.0.1:8421"},
		Log:       logConfig{Level: "info", Format: "text"},
	}
}

// defaultFile is read if --config is not given and it exists.
const defaultFile = "bobbin.yaml"

// loadConfig reads the file, or with no file at all the environment. Every
// mistake is reported at once, each with its place and what to do.
func loadConfig(path string, getenv func(string) string) (config, error) {
	c := defaultConfig()
	name := cmp.Or(path, defaultFile)
	text, err := os.ReadFile(name)
	switch {
	case err == nil:
		c.file = name
		if err := decodeConfig(text, name, getenv, &c); err != nil {
			return c, usageError{err}
		}
	case errors.Is(err, fs.ErrNotExist) && path == "":
		c.fromEnvironment(getenv)
	default:
		return c, usageError{fmt.Errorf("read configuration: %w", err)}
	}
	// A line break at the end is what files and .env of other systems leave.
	c.Slack.BotToken = strings.TrimSpace(cmp.Or(c.Slack.BotToken, getenv("SLACK_BOT_TOKEN")))
	c.HTTP.Token = strings.TrimSpace(c.HTTP.Token)
	c.Slack.AppToken = strings.TrimSpace(cmp.Or(c.Slack.AppToken, getenv("SLACK_APP_TOKEN")))
	for i := range c.LLM.Providers {
		c.LLM.Providers[i].APIKey = strings.TrimSpace(c.LLM.Providers[i].APIKey)
	}
	if err := c.check(); err != nil {
		return c, usageError{err}
	}
	return c, nil
}

// fromEnvironment makes the one provider that OpenAI's own variables describe.
func (c *config) fromEnvironment(getenv func(string) string) {
	key, base, model := getenv("OPENAI_API_KEY"), getenv("OPENAI_BASE_URL"), getenv("OPENAI_MODEL")
	if key == "" && base == "" {
		return
	}
	if base == "" {
		base = "https://api.openai.com/v1"
		model = cmp.Or(model, "gpt-4o-mini")
	}
	c.LLM.Providers = []providerConfig{{BaseURL: base, APIKey: key, Model: model}}
}

// mistakes collects what is wrong.
type mistakes struct {
	file string
	list []string
}

func (m *mistakes) add(key, format string, args ...any) {
	m.list = append(m.list, fmt.Sprintf("%s: %s: %s", m.file, key, fmt.Sprintf(format, args...)))
}

func (m *mistakes) err() error {
	switch len(m.list) {
	case 0:
		return nil
	case 1:
		return errors.New(m.list[0])
	}
	return fmt.Errorf("%d mistakes in the configuration:\n  %s", len(m.list), strings.Join(m.list, "\n  "))
}

// names is the list of providers' names, for messages and checks.
func (c *config) providerNames() []string {
	var names []string
	for _, p := range c.LLM.Providers {
		names = append(names, p.Name)
	}
	return slices.Clip(names)
}
