package openai

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/openai/openai-go/v3/option"

	"github.com/bobbin-bot/bobbin/llm"
)

// call is one request on its way.
type call struct {
	p        *Provider
	req      llm.Request
	cancel   context.CancelCauseFunc
	clocks   clocks
	body     io.Closer
	think    thinkFilter
	started  bool   // a token came
	hasText  bool   // one that a person would see
	blank    string // white space before that
	finished bool   // finish_reason or [DONE]
	outBytes int
	lastAt   time.Time // of the last piece
	usage    *usage
	err      error

	attempt  llm.Attempt
	response llm.Response
}

// clocks end a call that takes too long; each has its own cause.
type clocks struct{ first, idle, linger, total *time.Timer }

// newCall starts the clocks. The context it returns ends with one of their
// causes or with ctx.
func (p *Provider) newCall(ctx context.Context, req llm.Request) (context.Context, *call) {
	if req.Model == "" {
		req.Model = p.o.Model
	}
	c := &call{p: p, req: req}
	ctx, c.cancel = context.WithCancelCause(ctx)
	after := func(d time.Duration, cause error) *time.Timer {
		return time.AfterFunc(d, func() { c.cancel(cause) })
	}
	c.clocks = clocks{
		first:  after(p.o.FirstToken, errFirstToken),
		idle:   after(p.o.Idle, errIdle),
		linger: after(linger, errLinger),
		total:  after(p.o.Total, errTotal),
	}
	// These two run from the first token and from the finish.
	c.clocks.idle.Stop()
	c.clocks.linger.Stop()
	c.attempt = llm.Attempt{Provider: p.o.Name, Model: req.Model, Start: time.Now(), Probe: req.Probe}
	c.response = llm.Response{Provider: p.o.Name, Model: req.Model}
	return ctx, c
}

// stop frees everything the call holds. It is safe to call early.
func (c *call) stop() {
	for _, t := range []*time.Timer{c.clocks.first, c.clocks.idle, c.clocks.linger, c.clocks.total} {
		t.Stop()
	}
	if c.body != nil {
		c.body.Close()
	}
	c.cancel(nil)
}

// run sends the request and yields its text. It leaves its verdict in c.err
// and returns false if the consumer left.
func (c *call) run(ctx context.Context, yield func(llm.Delta, error) bool) bool {
	res, err := c.send(ctx)
	if res != nil && !c.tellLimits(ctx, res.Header, yield) {
		c.err = errConsumerLeft
		return false
	}
	if err != nil {
		c.err = err
		return true
	}
	c.body = res.Body
	c.response.RequestID = requestID(res.Header)
	if res.StatusCode >= 300 {
		c.err = &llm.Error{Class: llm.ClassProtocol, Provider: c.p.o.Name, Status: res.StatusCode,
			Message: "redirects to " + c.p.redact(res.Header.Get("Location")) + ", and a key is not sent elsewhere: is base_url right?"}
		return true
	}
	if media := mediaType(res.Header); media == "application/json" {
		return c.whole(res, yield)
	} else if err := c.p.checkMedia(res, media); err != nil {
		c.err = err
		return true
	}
	dec := newDecoder(res.Body)
	c.p.streams.Add(1)
	defer c.p.streams.Add(-1)
	for {
		if c.started && !c.finished && dec.r.Buffered() == 0 && !dec.ahead {
			c.p.fallIn(ctx)
		}
		ev, err := dec.next()
		if err != nil {
			c.err = err
			if err == io.EOF {
				c.err = nil
			}
			return c.flush(yield)
		}
		done, err := c.take(ev, yield)
		if err != nil || done {
			c.err = err
			if errors.Is(err, errConsumerLeft) {
				return false
			}
			return c.flush(yield)
		}
	}
}

// flush yields text that was held back in case it began a <think> tag.
func (c *call) flush(yield func(llm.Delta, error) bool) bool {
	text, reasoning := c.think.flush()
	return c.emit(text, reasoning, yield) == nil
}

// tellLimits passes on what the headers say about limits. It returns false if
// the consumer left.
func (c *call) tellLimits(ctx context.Context, h http.Header, yield func(llm.Delta, error) bool) bool {
	limits, ok := rateLimit(h, time.Now())
	if !ok {
		return true
	}
	limits.Provider = c.p.o.Name
	if c.p.o.Recorder != nil {
		c.p.o.Recorder.Record(ctx, llm.Event{RateLimit: &limits})
	}
	return yield(llm.Delta{RateLimit: &limits}, nil)
}

// send posts the request, once more without a parameter that the server has
// just refused. With an error it returns the response, read to its end, if one
// came.
func (c *call) send(ctx context.Context) (*http.Response, error) {
	for {
		sent := c.p.quirks.snapshot()
		var raw, res *http.Response
		err := c.p.client.Post(ctx, "chat/completions", c.p.params(c.req, sent), &raw,
			option.WithJSONSet("stream", true),
			option.WithResponseInto(&res),
			option.WithHeader("Accept", "text/event-stream"))
		if err == nil {
			return raw, nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		e := c.p.httpError(res, err, c.req.Model)
		if !c.p.quirks.learn(e, sent) {
			return res, e
		}
	}
}

var errConsumerLeft = errors.New("consumer left")

// take handles one event. done means the answer is complete.
func (c *call) take(ev event, yield func(llm.Delta, error) bool) (done bool, err error) {
	if ev.done() {
		c.finished = true
		return true, nil
	}
	ch, ok, err := parseChunk(ev)
	if err != nil {
		return false, c.p.inBandError(err, c.req.Model)
	}
	if !ok {
		return false, nil
	}
	if ch.Model != "" {
		c.response.Model = ch.Model
	}
	if ch.Usage != nil {
		// Some servers send the running total with every chunk: the last one
		// counts, and adding them up would bill the prompt a hundred times.
		c.usage = ch.Usage
	}
	for _, choice := range ch.Choices {
		if choice.Index != 0 {
			continue
		}
		if err := c.takeChoice(choice, yield); err != nil {
			return false, err
		}
	}
	switch {
	case c.finished && ch.Usage != nil && len(ch.Choices) == 0:
		return true, nil // nothing but [DONE] can follow
	case c.finished:
		c.clocks.idle.Stop()
		c.clocks.linger.Reset(linger)
	case c.started:
		c.clocks.first.Stop()
		c.clocks.idle.Reset(c.p.o.Idle)
	}
	return false, nil
}

func (c *call) takeChoice(choice choice, yield func(llm.Delta, error) bool) error {
	text, inline := c.think.feed(choice.Delta.Content)
	if err := c.emit(text, choice.Delta.Reasoning+inline, yield); err != nil {
		return err
	}
	switch choice.FinishReason {
	case "":
	case "error", "insufficient_system_resource":
		return &llm.Error{Class: llm.ClassServer, Provider: c.p.o.Name, Model: c.req.Model, Code: choice.FinishReason,
			Message: "the provider broke off the answer"}
	case "content_filter":
		return &llm.Error{Class: llm.ClassContent, Provider: c.p.o.Name, Model: c.req.Model, Code: choice.FinishReason,
			Message: "the provider's moderation stopped the answer"}
	default:
		c.finished = true
		c.response.FinishReason = choice.FinishReason
	}
	return nil
}

func (c *call) emit(text, reasoning string, yield func(llm.Delta, error) bool) error {
	if text == "" && reasoning == "" {
		return nil
	}
	now := time.Now()
	if !c.started {
		c.started = true
		c.attempt.FirstToken = now.Sub(c.attempt.Start)
	} else {
		c.attempt.LongestGap = max(c.attempt.LongestGap, now.Sub(c.lastAt))
	}
	c.lastAt = now
	c.outBytes += len(text) + len(reasoning)
	// White space at the beginning is no text yet: a server that says nothing
	// else can still be left for another one, unseen.
	if !c.hasText {
		text = c.blank + text
		c.blank = ""
		if c.hasText = strings.TrimSpace(text) != ""; !c.hasText {
			c.blank, text = text, ""
		}
	}
	if text == "" && reasoning == "" {
		return nil
	}
	// The clocks are about the server: they do not run while the consumer has the
	// delta.
	c.clocks.first.Stop()
	c.clocks.idle.Stop()
	if !yield(llm.Delta{Text: text, Reasoning: reasoning}, nil) {
		return errConsumerLeft
	}
	return nil
}

// whole takes an answer that came as one JSON object: a server that does not
// stream, or an error that lost its status on the way.
func (c *call) whole(res *http.Response, yield func(llm.Delta, error) bool) bool {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxEvent))
	if err != nil {
		c.err = err
		return true
	}
	if ch, ok, err := parseChunk(event{data: body}); err != nil || !ok || len(ch.Choices) == 0 {
		c.err = c.p.jsonInsteadOfStream(res, body)
		return true
	}
	if _, c.err = c.take(event{data: body}, yield); errors.Is(c.err, errConsumerLeft) {
		return false
	}
	return c.flush(yield)
}

func mediaType(h http.Header) string {
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return media
}

// checkMedia refuses what cannot be an event stream.
func (p *Provider) checkMedia(res *http.Response, media string) error {
	if media == "text/event-stream" || media == "" || strings.HasPrefix(media, "text/plain") {
		return nil
	}
	return &llm.Error{Class: llm.ClassProtocol, Provider: p.o.Name, Status: res.StatusCode,
		Message: "answered " + media + " instead of an event stream: is base_url right?"}
}
