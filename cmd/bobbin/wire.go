package main

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/openai"
)

// model is the model side, wired: the provider to ask and the breakers to look
// at.
type model struct {
	provider llm.Provider
	breakers []*llm.BreakerProvider
}

func (m model) states() []llm.BreakerState {
	states := make([]llm.BreakerState, len(m.breakers))
	for i, b := range m.breakers {
		states[i] = b.State()
	}
	return states
}

// The clocks of a question. A person is promised an answer or an honest error
// within 30 s: up to 3 s of quick retries, 12 s for the first provider's first
// token, 15 s for the fallback's.
const (
	firstTokenFirst    = 12 * time.Second
	firstTokenFallback = 15 * time.Second
	retryWithin        = 3 * time.Second
	retryWithinAlone   = 15 * time.Second // no fallback waits for its turn
	queueFirst         = 5 * time.Second
	queueLast          = 25 * time.Second
	defaultRetries     = 3
)

// wireModel makes the providers of the configuration, in order.
func wireModel(providers []providerConfig, log *slog.Logger) (model, error) {
	var m model
	var chain []llm.Provider
	for i, c := range providers {
		first, wait := firstTokenFirst, queueFirst
		if i > 0 {
			first = firstTokenFallback
		}
		last := i == len(providers)-1
		if last {
			wait = queueLast
		}
		within := retryWithin
		if len(providers) == 1 {
			within = retryWithinAlone
		}
		adapter, err := adapterOf(c, first)
		if err != nil {
			return m, err
		}
		retries := defaultRetries
		if c.MaxRetries != nil {
			retries = *c.MaxRetries
		}
		throttled := llm.Throttle(adapter, llm.ThrottleOptions{
			RequestsPerMinute: c.RequestsPerMinute, TokensPerMinute: c.TokensPerMinute,
			Concurrency: c.Concurrency, MaxWait: wait, OutputTokens: c.MaxOutputTokens,
		})
		retried := llm.Retry(throttled, llm.RetryOptions{Max: retries, Within: within})
		breaker := llm.Breaker(retried, llm.BreakerOptions{
			Failures: c.Breaker.Failures, Open: c.Breaker.Open,
			Observe: func(s llm.BreakerState) { logBreaker(log, s) },
		})
		m.breakers = append(m.breakers, breaker)
		chain = append(chain, breaker)
	}
	m.provider = llm.Fallback(chain...)
	return m, nil
}

// adapterOf makes the adapter of one configured provider. firstToken is how
// long it has to begin an answer if the configuration does not say.
func adapterOf(c providerConfig, firstToken time.Duration) (*openai.Provider, error) {
	price, err := c.Price.price()
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", c.Name, err)
	}
	prices := map[string]llm.Price{}
	if price != nil {
		prices[c.Model] = *price
	}
	transport := openai.Transport(cmp.Or(c.ConnectTimeout, 10*time.Second))
	transport.Proxy = http.ProxyFromEnvironment
	adapter, err := openai.New(openai.Options{
		Name: c.Name, BaseURL: c.BaseURL, APIKey: c.APIKey, Model: c.Model,
		MaxOutputTokens: c.MaxOutputTokens, Temperature: c.Temperature, Prices: prices,
		FirstToken: cmp.Or(c.FirstTokenTimeout, firstToken), Idle: c.IdleTimeout, Transport: transport,
	})
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", c.Name, err)
	}
	return adapter, nil
}

func logBreaker(log *slog.Logger, s llm.BreakerState) {
	attrs := []any{"provider", s.Provider, "phase", s.Phase}
	if s.LastErr != nil {
		attrs = append(attrs, "err", s.LastErr)
	}
	if s.Phase == llm.BreakerOpen {
		log.Warn("provider paused", append(attrs, "until", s.Until.Format(time.RFC3339))...)
		return
	}
	log.Info("provider breaker", attrs...)
}

// botOptions turns the configuration into the bot's options, Provider, Store
// and Logger left out.
func (c *config) botOptions() bot.Options {
	o := bot.Options{
		Slack: bot.SlackOptions{
			BotToken: c.Slack.BotToken, AppToken: c.Slack.AppToken, APIURL: c.Slack.APIURL,
			Connections: c.Slack.Connections, Proxy: http.ProxyFromEnvironment,
		},
		Command: c.Slack.Command,
		Chat:    bot.ChatOptions{SystemPrompt: c.Chat.SystemPrompt, Channels: map[string]bot.ChannelOptions{}},
		Reply:   bot.ReplyOptions{Mode: c.Reply.Mode},
		Budget: bot.Budget{
			UserDailyNanoUSD:      nanoUSD(c.Budget.UserDailyUSD),
			UserDailyTokens:       c.Budget.UserDailyTokens,
			WorkspaceDailyNanoUSD: nanoUSD(c.Budget.WorkspaceDailyUSD),
		},
		Retention: bot.Retention(c.Retention),
	}
	for id, ch := range c.Chat.Channels {
		o.Chat.Channels[id] = bot.ChannelOptions(ch)
	}
	// Any of the providers may get the prompt: the smallest window decides.
	for _, p := range c.LLM.Providers {
		if p.ContextWindow > 0 && (o.Chat.ContextWindow == 0 || p.ContextWindow < o.Chat.ContextWindow) {
			o.Chat.ContextWindow = p.ContextWindow
		}
		o.Chat.MaxOutputTokens = max(o.Chat.MaxOutputTokens, p.MaxOutputTokens)
	}
	everyone := []string{bot.Everyone}
	o.Access = &bot.Access{Users: everyone, Channels: everyone, Admins: c.Access.Admins, External: c.Access.External}
	if c.Access.Users != nil {
		o.Access.Users = *c.Access.Users
	}
	if c.Access.Channels != nil {
		o.Access.Channels = *c.Access.Channels
	}
	return o
}

func nanoUSD(usd float64) int64 { return int64(math.Round(usd * 1e9)) }

// newLogger writes to w. What looks like a key is removed from every value:
// errors from outside repeat what they refuse.
func newLogger(c logConfig, w io.Writer) *slog.Logger {
	level, _ := c.level() // checked with the configuration
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch v := a.Value.Any().(type) {
		case string:
			a.Value = slog.StringValue(llm.Redact(v))
		case error:
			a.Value = slog.StringValue(llm.Redact(v.Error()))
		}
		return a
	}}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
