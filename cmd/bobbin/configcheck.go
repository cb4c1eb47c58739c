package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/openai"
)

// check looks for mistakes that need no network, and fills in what depends on
// other keys.
func (c *config) check() error {
	m := &mistakes{file: cmp.Or(c.file, "environment (there is no "+defaultFile+" in this folder)")}
	c.checkSlack(m)
	c.Storage.check(m)
	c.checkProviders(m)
	c.checkChat(m)
	if !slices.Contains([]string{"auto", "stream", "edit"}, c.Reply.Mode) {
		m.add("reply.mode", "%q: want auto, stream or edit", c.Reply.Mode)
	}
	for i, host := range c.Reply.LinkHosts {
		if err := bot.CheckLinkHost(host); err != nil {
			m.add(fmt.Sprintf("reply.link_hosts[%d]", i), "%v", err)
		}
	}
	if !slices.Contains([]string{bot.StopByAsker, bot.StopByThread}, c.Reply.StopBy) {
		m.add("reply.stop_by", "%q: want asker or thread", c.Reply.StopBy)
	}
	c.Budget.check(m)
	c.Report.check(m)
	if c.Retention.Conversations < 0 || c.Retention.Usage < 0 {
		m.add("retention", "want 0 (for ever) or a duration such as 720h")
	}
	if c.HTTP.Listen != "" {
		if err := checkListen(c.HTTP.Listen, c.HTTP.Token); err != nil {
			m.add("http.listen", "%v", err)
		}
	}
	if _, err := c.Log.level(); err != nil {
		m.add("log.level", "%q: want debug, info, warn or error", c.Log.Level)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		m.add("log.format", "%q: want text or json", c.Log.Format)
	}
	return m.err()
}

func (c *config) checkSlack(m *mistakes) {
	hint := ""
	if c.file == "" {
		hint = "; set %s, or write a " + defaultFile + " (see: bobbin config). To try without Slack: bobbin demo"
	}
	token := func(key, name, variable, prefix, value string) {
		if err := bot.CheckToken(name, prefix, value); err != nil {
			m.add(key, "%v%s", err, strings.ReplaceAll(hint, "%s", variable))
		}
	}
	token("slack.bot_token", "bot token", "SLACK_BOT_TOKEN", "xoxb-", c.Slack.BotToken)
	token("slack.app_token", "app token", "SLACK_APP_TOKEN", "xapp-", c.Slack.AppToken)
	if u, err := url.Parse(c.Slack.APIURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		m.add("slack.api_url", "%q: want https://slack.com/api/", llm.Redact(c.Slack.APIURL))
	}
	if c.Slack.Connections < 1 || c.Slack.Connections > 10 {
		m.add("slack.connections", "%d: Slack allows 1 to 10", c.Slack.Connections)
	}
	if _, err := bot.Manifest(bot.ManifestOptions{Command: c.Slack.Command}); err != nil {
		m.add("slack.command", "%v", err)
	}
}

func (c *config) checkProviders(m *mistakes) {
	if len(c.LLM.Providers) == 0 {
		if c.file == "" {
			m.add("llm.providers", "none; set OPENAI_API_KEY (and OPENAI_BASE_URL, OPENAI_MODEL for another server), or write a "+defaultFile)
		} else {
			m.add("llm.providers", "none; want at least one with base_url, api_key and model")
		}
	}
	seen := map[string]bool{}
	for i := range c.LLM.Providers {
		p := &c.LLM.Providers[i]
		key := fmt.Sprintf("llm.providers[%d]", i)
		o := openai.Options{Name: p.Name, BaseURL: p.BaseURL, APIKey: p.APIKey, Model: cmp.Or(p.Model, "unset")}
		if provider, err := openai.New(o); err != nil {
			m.add(key+".base_url", "%s", strings.TrimPrefix(err.Error(), "base_url "))
		} else {
			p.Name = provider.Name()
		}
		if p.Model == "" {
			m.add(key+".model", "missing%s; the provider's documentation lists the ids", c.envHint("OPENAI_MODEL"))
		}
		if p.APIKey == "" {
			m.add(key+".api_key", "missing%s; for a server that needs none write any word", c.envHint("OPENAI_API_KEY"))
		}
		if seen[p.Name] {
			m.add(key+".name", "%q is used twice; give each provider its own name", p.Name)
		}
		seen[p.Name] = true
		if listing, ok := p.listing(p.Model); ok && p.ContextWindow == 0 {
			p.ContextWindow = listing.ContextWindow
		}
		if _, ok := p.priceOf(p.Model); !ok && p.Price == nil && c.Budget.money() {
			m.add(key+".price", "missing; a budget in USD cannot count calls without a price. Set price, or the budget in tokens instead")
		}
		c.checkNumbers(m, key, *p)
	}
}

func (c *config) envHint(variable string) string {
	if c.file == "" {
		return "; set " + variable
	}
	return ""
}

func (c *config) checkNumbers(m *mistakes, key string, p providerConfig) {
	for _, n := range []struct {
		key   string
		value int
	}{
		{"requests_per_minute", p.RequestsPerMinute}, {"tokens_per_minute", p.TokensPerMinute}, {"concurrency", p.Concurrency},
		{"connect_timeout", int(p.ConnectTimeout)}, {"first_token_timeout", int(p.FirstTokenTimeout)},
		{"idle_timeout", int(p.IdleTimeout)}, {"breaker.failures", p.Breaker.Failures}, {"breaker.open", int(p.Breaker.Open)},
		{"context_window", p.ContextWindow}, {"max_output_tokens", p.MaxOutputTokens},
	} {
		if n.value < 0 {
			m.add(key+"."+n.key, "must not be negative")
		}
	}
	if p.MaxRetries != nil && (*p.MaxRetries < 0 || *p.MaxRetries > 20) {
		m.add(key+".max_retries", "%d: want 0 to 20", *p.MaxRetries)
	}
	if p.Temperature != nil && (*p.Temperature < 0 || *p.Temperature > 2) {
		m.add(key+".temperature", "%v: want 0 to 2", *p.Temperature)
	}
	if p.ContextWindow > 0 && p.MaxOutputTokens >= p.ContextWindow {
		m.add(key+".max_output_tokens", "%d leaves no room for a question in a context_window of %d", p.MaxOutputTokens, p.ContextWindow)
	}
	if p.Price != nil && (p.Price.Input == 0) != (p.Price.Output == 0) {
		m.add(key+".price", "input %v and output %v: one of them is missing, and would be counted as free", p.Price.Input, p.Price.Output)
	}
	if p.Price != nil {
		if _, err := p.Price.price(); err != nil {
			m.add(key+".price", "%v", err)
		}
	}
}

func (c *config) checkChat(m *mistakes) {
	for _, id := range slices.Sorted(maps.Keys(c.Chat.Channels)) {
		ch := c.Chat.Channels[id]
		key := "chat.channels." + id
		if !isChannelID(id) {
			m.add(key, wantChannelID)
		}
		if !slices.Contains([]string{"", "mention", "thread"}, ch.Reply) {
			m.add(key+".reply", "%q: want mention or thread", ch.Reply)
		}
	}
	users := func(key string, ids []string) {
		for _, id := range ids {
			if id != bot.Everyone && !strings.HasPrefix(id, "U") && !strings.HasPrefix(id, "W") {
				m.add(key, "%q: want a member's id such as U0123ABCD (in Slack: profile, ⋮, Copy member ID), not a name", id)
			}
		}
	}
	if c.Access.Channels != nil {
		for _, id := range *c.Access.Channels {
			if id != bot.Everyone && !isChannelID(id) {
				m.add("access.channels", "%q: %s", id, wantChannelID)
			}
		}
	}
	if c.Access.Users != nil {
		users("access.users", *c.Access.Users)
	}
	users("access.admins", c.Access.Admins)
	if slices.Contains(c.Access.Admins, bot.Everyone) {
		m.add("access.admins", "%q would make everyone an admin; list the ids", bot.Everyone)
	}
}

const wantChannelID = "want a channel's id such as C0123ABCD (in Slack: the channel's name, About, at the bottom), not its name"

func isChannelID(id string) bool {
	return len(id) > 1 && strings.Contains("CGD", id[:1]) && strings.ToUpper(id) == id
}

func (c logConfig) level() (slog.Level, error) {
	var l slog.Level
	err := l.UnmarshalText([]byte(c.Level))
	return l, err
}
