package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/openai"
)

// model is the model side, wired: the provider to ask, and its parts to look at.
type model struct {
	provider  llm.Provider
	breakers  []*llm.BreakerProvider
	throttles []*llm.ThrottleProvider
	estimator *llm.Estimator
}

func (m model) states() []llm.BreakerState {
	states := make([]llm.BreakerState, len(m.breakers))
	for i, b := range m.breakers {
		states[i] = b.State()
	}
	return states
}

// loads tells how much is asked of each provider now.
func (m model) loads() []llm.ThrottleState {
	loads := make([]llm.ThrottleState, len(m.throttles))
	for i, t := range m.throttles {
		loads[i] = t.State()
	}
	return loads
}

// probe finds out whether paused providers are back, until ctx ends.
func (m model) probe(ctx context.Context) {
	var wg sync.WaitGroup
	for _, b := range m.breakers {
		wg.Go(func() { b.Run(ctx) })
	}
	wg.Wait()
}

// wiring is what the model side gets beside the configuration. The zero value
// works.
type wiring struct {
	recorder llm.Recorder
	// patience is how long a request may wait for its turn. 0 is for a person
	// who waits: then the promise counts.
	patience time.Duration
	// queue is how many requests may wait for a provider. 0 is the default.
	queue int
	// dial reaches the providers. nil is the network.
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// The clocks of a question. A person is promised an answer or an honest error
// within 30 s: up to 3 s of quick retries, 12 s for the first provider's first
// token, 15 s for the fallback's. llm.Fallback keeps the sum, whatever happens.
const (
	promise            = 30 * time.Second
	firstTokenFirst    = 12 * time.Second
	firstTokenFallback = 15 * time.Second
	retryWithin        = 3 * time.Second
	retryWithinAlone   = 15 * time.Second // no fallback waits for its turn
	queueFirst         = 5 * time.Second
	queueLast          = 25 * time.Second
	defaultRetries     = 3
)

// wireModel makes the providers of the configuration, in order.
func wireModel(providers []providerConfig, w wiring) (model, error) {
	m := model{estimator: &llm.Estimator{}}
	var chain []llm.Provider
	var windows []int
	within := promise
	for i, c := range providers {
		firstToken := firstTokenFirst
		if i > 0 {
			firstToken = firstTokenFallback
		}
		if c.FirstTokenTimeout > firstToken {
			// Whoever allows a slow model more time wants it to have it.
			within += c.FirstTokenTimeout - firstToken
		}
		adapter, err := adapterOf(c, firstToken, w, m.estimator)
		if err != nil {
			return m, err
		}
		throttle, breaker := guard(adapter, c, w, m.estimator, len(providers) == 1, i == len(providers)-1)
		m.throttles = append(m.throttles, throttle)
		m.breakers = append(m.breakers, breaker)
		chain = append(chain, breaker)
		windows = append(windows, c.ContextWindow)
	}
	o := llm.FallbackOptions{Within: within, ContextWindows: windows, Recorder: w.recorder}
	if w.patience > 0 {
		// With everything reserved it does not wait for paused providers: whoever
		// has patience does that, and can stop doing it.
		o.Within, o.Reserve = w.patience, w.patience
	}
	m.provider = llm.Fallback(chain, o)
	return m, nil
}

// guard puts a provider's policies around its adapter. The breaker is the
// outermost.
func guard(adapter *openai.Provider, c providerConfig, w wiring, e *llm.Estimator, alone, last bool) (*llm.ThrottleProvider, *llm.BreakerProvider) {
	retry := llm.RetryOptions{Max: defaultRetries, Within: retryWithin, Recorder: w.recorder}
	if c.MaxRetries != nil {
		retry.Max = *c.MaxRetries
	}
	if alone {
		retry.Within = retryWithinAlone
	}
	// Where there is another provider, a long wait is worse than asking it; only
	// a batch had better wait for the cheaper one's turn.
	pause := queueFirst
	if last {
		pause = max(queueLast, w.patience)
	}
	throttle := llm.Throttle(adapter, llm.ThrottleOptions{
		RequestsPerMinute: c.RequestsPerMinute, TokensPerMinute: c.TokensPerMinute, Concurrency: c.Concurrency,
		MaxWait: max(pause, w.patience), MaxPause: pause, Queue: w.queue, OutputTokens: c.MaxOutputTokens,
		Model: c.Model, Estimator: e, Recorder: w.recorder,
	})
	fitted := llm.Fit(throttle, llm.FitOptions{
		ContextWindow: c.ContextWindow, OutputTokens: c.MaxOutputTokens, Model: c.Model, Estimator: e,
	})
	return throttle, llm.Breaker(llm.Retry(fitted, retry), llm.BreakerOptions{
		// A trial of a slow model needs its time, or it would never come back.
		Lease:    max(promise, c.FirstTokenTimeout+promise/2),
		Failures: c.Breaker.Failures, Open: c.Breaker.Open, Ping: adapter.Ping, Recorder: w.recorder,
	})
}

// adapterOf makes the adapter of one configured provider. firstToken is how
// long it has to begin an answer if the configuration does not say.
func adapterOf(c providerConfig, firstToken time.Duration, w wiring, e *llm.Estimator) (*openai.Provider, error) {
	transport := openai.Transport(cmp.Or(c.ConnectTimeout, 10*time.Second))
	transport.Proxy = http.ProxyFromEnvironment
	if w.dial != nil {
		transport.DialContext, transport.Proxy = w.dial, nil
	}
	adapter, err := openai.New(openai.Options{
		Name: c.Name, BaseURL: c.BaseURL, APIKey: c.APIKey, Model: c.Model,
		MaxOutputTokens: c.MaxOutputTokens, Temperature: c.Temperature, Price: c.priceOf,
		FirstToken: cmp.Or(c.FirstTokenTimeout, firstToken), Idle: c.IdleTimeout, Transport: transport,
		Estimator: e, Recorder: w.recorder,
	})
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", c.Name, err)
	}
	return adapter, nil
}

// botOptions turns the configuration into the bot's options, Provider, Store
// and Logger left out.
func (c *config) botOptions() bot.Options {
	o := bot.Options{
		Slack: bot.SlackOptions{
			BotToken: c.Slack.BotToken, AppToken: c.Slack.AppToken, APIURL: c.Slack.APIURL,
			Connections: c.Slack.Connections, Proxy: http.ProxyFromEnvironment,
		},
		Command:   c.Slack.Command,
		Chat:      bot.ChatOptions{SystemPrompt: c.Chat.SystemPrompt, Channels: map[string]bot.ChannelOptions{}},
		Reply:     bot.ReplyOptions{Mode: c.Reply.Mode, LinkHosts: c.Reply.LinkHosts, StopBy: c.Reply.StopBy},
		Budget:    c.Budget.budget(),
		Report:    c.Report.report(),
		Offers:    offers(c.LLM.Providers),
		Retention: bot.Retention(c.Retention),
	}
	for id, ch := range c.Chat.Channels {
		o.Chat.Channels[id] = bot.ChannelOptions(ch)
	}
	// Conversations are cut for the provider that is asked first. For one that
	// reads less, llm.Fit cuts further.
	if len(c.LLM.Providers) > 0 {
		first := c.LLM.Providers[0]
		o.Chat.ContextWindow, o.Chat.MaxOutputTokens = first.ContextWindow, first.MaxOutputTokens
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
