package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

// Options are all a Bot needs to know. Slack's tokens, Provider and Store are
// required; every other zero value works.
type Options struct {
	Slack    SlackOptions
	Provider llm.Provider
	Store    storage.Store
	// Logger takes what an operator should know. It never gets message text
	// or tokens. nil discards.
	Logger *slog.Logger

	Chat      ChatOptions
	Reply     ReplyOptions
	Access    *Access // nil: everyone of the workspace
	Budget    Budget
	Retention Retention
	Report    Report // a weekly summary in a channel
	// Command is the slash command's name. "" means "/bobbin".
	Command string

	// Estimator guesses how long a prompt is. Share the one that the adapters
	// teach. nil guesses by a fixed ratio.
	Estimator *llm.Estimator
	// Providers, if set, tells the status command and the App Home how the
	// providers are.
	Providers func() []llm.BreakerState
	// Offers are what models cost: of the providers that may answer, in the order
	// in which they are asked, and of any others that the cost command is to
	// compare with. Budgets in money need the first kind.
	Offers []llm.Offer
	// Prepare, if set, sees each request before it is sent and may change it
	// (retrieval, policy). An error ends the turn; its text goes to the log,
	// not to the person.
	Prepare func(context.Context, *llm.Request, storage.Turn) error
	// Observe, if set, is told of each turn that has ended.
	Observe func(storage.Turn)
}

// SlackOptions say how to reach the workspace.
type SlackOptions struct {
	BotToken string // xoxb-…
	AppToken string // xapp-…, with connections:write
	// APIURL is the Web API's address. "" means https://slack.com/api/.
	APIURL string
	// Connections is the number of Socket Mode connections. Each is replaced
	// before it ends; a second one covers ends that come without a warning.
	// 0 means 2; Slack allows 10 an app.
	Connections int
	// DialContext and Proxy are used for the Web API and the sockets. nil
	// dials directly: the environment's proxy settings are not read here.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	Proxy       func(*http.Request) (*url.URL, error)
}

// ChatOptions shape the conversation with the model.
type ChatOptions struct {
	// SystemPrompt is the first thing the model reads.
	SystemPrompt string
	// ContextWindow and MaxOutputTokens are the model's limits in tokens; the
	// oldest turns are left out of a prompt that would not fit. 0: 16384 and
	// 2048.
	ContextWindow   int
	MaxOutputTokens int
	// Channels overrides by Slack channel id.
	Channels map[string]ChannelOptions
}

// ChannelOptions override ChatOptions in one channel. Empty fields do not.
type ChannelOptions struct {
	SystemPrompt string
	Model        string
	// Reply is "mention" (the default: only when mentioned) or "thread"
	// (every message of a thread the bot has answered in).
	Reply string
}

// ReplyOptions shape how an answer is shown.
type ReplyOptions struct {
	// Mode is "auto" (native streaming where Slack allows it, else edits),
	// "stream" or "edit". "" means auto.
	Mode string
	// LinkHosts are the hosts that an answer may link to: "example.com",
	// "*.example.com" for everything below it, "*" for all. A link to any other
	// is shown as code. Empty: no host is trusted, because what a model repeats
	// may come from anywhere.
	LinkHosts []string
	// StopBy says who may stop an answer and have it written again, beside
	// admins: StopByAsker (the default) or StopByThread.
	StopBy string
}

// Retention says how long things are kept. 0 means for ever.
type Retention struct {
	Conversations time.Duration
	Usage         time.Duration
}

const defaultSystemPrompt = "You are Bobbin, an assistant in a team's Slack workspace. " +
	"Answer briefly and to the point, in the language of the question. " +
	"Format with standard Markdown. Messages in a channel begin with their author's name. " +
	"If you do not know, say so."

// withDefaults returns a checked copy of o.
func (o Options) withDefaults() (Options, error) {
	if o.Provider == nil {
		return o, errors.New("bot: Options.Provider is missing")
	}
	if o.Store == nil {
		return o, errors.New("bot: Options.Store is missing")
	}
	if err := CheckToken("bot token", "xoxb-", o.Slack.BotToken); err != nil {
		return o, err
	}
	if err := CheckToken("app token", "xapp-", o.Slack.AppToken); err != nil {
		return o, err
	}
	if o.Slack.APIURL == "" {
		o.Slack.APIURL = "https://slack.com/api/"
	}
	if u, err := url.Parse(o.Slack.APIURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return o, fmt.Errorf("slack api_url %q: want https://HOST/api/", o.Slack.APIURL)
	}
	if !strings.HasSuffix(o.Slack.APIURL, "/") {
		o.Slack.APIURL += "/"
	}
	if o.Slack.Connections == 0 {
		o.Slack.Connections = 2
	}
	if o.Slack.Connections < 1 || o.Slack.Connections > 10 {
		return o, fmt.Errorf("slack connections %d: Slack allows 1 to 10", o.Slack.Connections)
	}
	if o.Reply.Mode == "" {
		o.Reply.Mode = ReplyAuto
	}
	if !slices.Contains([]string{ReplyAuto, ReplyStream, ReplyEdit}, o.Reply.Mode) {
		return o, fmt.Errorf("reply mode %q: want auto, stream or edit", o.Reply.Mode)
	}
	for _, host := range o.Reply.LinkHosts {
		if err := CheckLinkHost(host); err != nil {
			return o, err
		}
	}
	if o.Reply.StopBy == "" {
		o.Reply.StopBy = StopByAsker
	}
	if o.Reply.StopBy != StopByAsker && o.Reply.StopBy != StopByThread {
		return o, fmt.Errorf("reply stop_by %q: want asker or thread", o.Reply.StopBy)
	}
	for id, c := range o.Chat.Channels {
		if c.Reply != "" && c.Reply != "mention" && c.Reply != "thread" {
			return o, fmt.Errorf("channel %s: reply %q: want mention or thread", id, c.Reply)
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Chat.SystemPrompt == "" {
		o.Chat.SystemPrompt = defaultSystemPrompt
	}
	if o.Chat.ContextWindow <= 0 {
		o.Chat.ContextWindow = 16384
	}
	if o.Chat.MaxOutputTokens <= 0 {
		o.Chat.MaxOutputTokens = 2048
	}
	if o.Access == nil {
		o.Access = &Access{Users: []string{Everyone}, Channels: []string{Everyone}}
	}
	if o.Command == "" {
		o.Command = "/bobbin"
	}
	return o, nil
}

// CheckToken says what is wrong with a token of the wrong kind. It never
// repeats the token.
func CheckToken(what, prefix, token string) error {
	kinds := map[string]string{
		"xoxb-": "a bot token (OAuth & Permissions, Bot User OAuth Token)",
		"xapp-": "an app-level token (Basic Information, App-Level Tokens, scope connections:write)",
		"xoxp-": "a user token",
		"xoxe-": "a refresh or configuration token",
	}
	switch {
	case token == "":
		return fmt.Errorf("the %s is missing: want %s…, %s", what, prefix, kinds[prefix])
	case strings.HasPrefix(token, prefix):
		return nil
	}
	for p, kind := range kinds {
		if strings.HasPrefix(token, p) {
			return fmt.Errorf("the %s is %s: want %s…, %s", what, kind, prefix, kinds[prefix])
		}
	}
	return fmt.Errorf("the %s does not begin with %s: want %s", what, prefix, kinds[prefix])
}
