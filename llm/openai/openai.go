package openai

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/bobbin-bot/bobbin/llm"
)

// Options describe one server. BaseURL and Model are required.
type Options struct {
	Name    string // shown to people and in the ledger; default: the host
	BaseURL string // ends before /chat/completions, usually in /v1
	APIKey  string
	Model   string

	MaxOutputTokens int      // 0: the server's default
	Temperature     *float64 // nil: the server's default
	// Price tells what a model costs at this server; false is unknown. It is
	// called from many goroutines at once. nil knows none.
	Price func(model string) (llm.Price, bool)

	// Estimator learns from the usage that the server reports and stands in
	// where it reports none. nil: a fixed ratio.
	Estimator *llm.Estimator
	// Recorder is told of each call, also of those whose consumer left.
	Recorder llm.Recorder

	FirstToken time.Duration // from the start of the call; 0: 12 s
	Idle       time.Duration // between two payloads; 0: 30 s
	Total      time.Duration // 0: 180 s

	// Transport carries the requests. nil: [Transport] with 10 s to connect.
	Transport http.RoundTripper
}

// Transport is an http.Transport for streaming: it bounds connecting, not
// answering, and takes no proxy from the environment.
func Transport(connect time.Duration) *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: connect,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     90 * time.Second,
	}
}

// Provider asks one server. It is safe for concurrent use.
type Provider struct {
	o      Options
	client openai.Client
	http   *http.Client
	quirks quirks

	streams atomic.Int32 // being read
}

var _ llm.Provider = (*Provider)(nil)

// New checks o and returns a Provider. It makes no request.
func New(o Options) (*Provider, error) {
	base, err := checkBaseURL(o.BaseURL)
	if err != nil {
		return nil, err
	}
	if o.Model == "" {
		return nil, errors.New("openai: model is missing")
	}
	if o.Name == "" {
		o.Name = base.Hostname()
	}
	if o.FirstToken <= 0 {
		o.FirstToken = 12 * time.Second
	}
	if o.Idle <= 0 {
		o.Idle = 30 * time.Second
	}
	if o.Total <= 0 {
		o.Total = 180 * time.Second
	}
	if o.Transport == nil {
		o.Transport = Transport(10 * time.Second)
	}
	hc := &http.Client{
		Transport: o.Transport,
		// A redirect would carry the key and the prompt somewhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Provider{
		o:    o,
		http: hc,
		// Not openai.NewClient: that adds organisation, project and headers
		// from the environment to requests for whichever server this is.
		client: openai.Client{Options: []option.RequestOption{
			option.WithBaseURL(base.String()),
			option.WithAPIKey(o.APIKey),
			option.WithHTTPClient(hc),
			option.WithMaxRetries(0),
		}},
	}, nil
}

// checkBaseURL refuses what is certain to fail and says what was meant.
func checkBaseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	raw = llm.Redact(raw) // from here on it is for people
	switch {
	case raw == "":
		return nil, errors.New("base_url is missing")
	case err != nil:
		return nil, fmt.Errorf("base_url %q: not a URL; want https://HOST/v1", raw)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("base_url %q: want https://HOST/v1", raw)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("base_url %q: want a plain URL; the key goes in api_key", raw)
	}
	for _, end := range []string{"/chat/completions", "/completions", "/models"} {
		if trimmed, ok := strings.CutSuffix(strings.TrimRight(u.Path, "/"), end); ok {
			fixed := *u
			fixed.Path = trimmed
			return nil, fmt.Errorf("base_url %q: leave out %s; use %s", raw, end, fixed.String())
		}
	}
	return u, nil
}

// Name implements [llm.Provider].
func (p *Provider) Name() string { return p.o.Name }

// causes of a cancelled call.
var (
	errFirstToken = errors.New("no token in time")
	errIdle       = errors.New("the stream went silent")
	errTotal      = errors.New("the answer took too long")
	errLinger     = errors.New("the server kept the finished stream open")
)

// linger is how long a server may keep the stream open after finish_reason,
// for the usage that some send last.
const linger = 3 * time.Second

// Stream implements [llm.Provider]. It yields one Attempt, as the delta before
// the end, and a RateLimit when the headers have come with one.
func (p *Provider) Stream(ctx context.Context, req llm.Request) iter.Seq2[llm.Delta, error] {
	return func(yield func(llm.Delta, error) bool) {
		callCtx, c := p.newCall(ctx, req)
		defer c.stop()
		gone := !c.run(callCtx, yield)
		err := c.finish(ctx, callCtx)
		if p.o.Recorder != nil {
			p.o.Recorder.Record(ctx, llm.Event{Attempt: &c.attempt})
		}
		if gone || !yield(llm.Delta{Attempt: &c.attempt}, nil) {
			return
		}
		if err != nil {
			yield(llm.Delta{}, err)
			return
		}
		yield(llm.Delta{Response: &c.response}, nil)
	}
}

// Ping asks for the list of models, which costs nothing and tells whether the
// server is there. That it has no such list, or not for this key, says nothing
// about answers.
func (p *Provider) Ping(ctx context.Context) error {
	_, err := p.Models(ctx)
	switch llm.ClassOf(err) {
	case llm.ClassConnect, llm.ClassTimeout, llm.ClassServer, llm.ClassCancelled:
		return err
	}
	return nil
}

// Models lists the ids of the server's models in the server's order.
func (p *Provider) Models(ctx context.Context) ([]string, error) {
	var res *http.Response
	var page struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := p.client.Get(ctx, "models", nil, &page, option.WithResponseInto(&res)); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, p.httpError(res, err, "")
	}
	ids := make([]string, len(page.Data))
	for i, m := range page.Data {
		ids[i] = m.ID
	}
	return ids, nil
}
