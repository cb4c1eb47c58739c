package openai

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
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
	if err := c.p.checkContentType(res); err != nil {
		c.err = err
		return true
	}
	dec := newDecoder(res.Body)
	for {
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
	case c.finished && c.usage != nil && len(ch.Choices) == 0:
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
	if !yield(llm.Delta{Text: text, Reasoning: reasoning}, nil) {
		return errConsumerLeft
	}
	return nil
}

// finish turns what happened into the attempt's record and the stream's error.
func (c *call) finish(parent, ctx context.Context) error {
	err := c.verdict(parent, ctx)
	c.attempt.Duration = time.Since(c.attempt.Start)
	c.attempt.Model = c.response.Model
	c.attempt.Usage = c.countUsage()
	c.response.Usage = c.attempt.Usage
	if c.p.o.Price != nil {
		if price, ok := c.p.o.Price(c.req.Model); ok {
			c.attempt.Price = &price
		}
	}
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*llm.Error](err)
	if !ok {
		e = &llm.Error{Class: llm.ClassCancelled, Provider: c.p.o.Name, Model: c.req.Model, Err: err}
	}
	if e.RequestID == "" {
		e.RequestID = c.response.RequestID
	}
	c.attempt.Err = e
	return err
}

// verdict decides whether the answer is whole.
func (c *call) verdict(parent, ctx context.Context) error {
	newError := func(class llm.Class, err error, message string) error {
		return &llm.Error{Class: class, Provider: c.p.o.Name, Model: c.req.Model, Message: message, Err: err}
	}
	if e, ok := errors.AsType[*llm.Error](c.err); ok {
		return e
	}
	if c.finished && !c.hasText {
		e := &llm.Error{Class: llm.ClassProtocol, Provider: c.p.o.Name, Model: c.req.Model, Code: llm.EmptyAnswer,
			Message: "the answer has no text (finish_reason " + strconv.Quote(c.response.FinishReason) + ")"}
		return e
	}
	if c.finished {
		return nil
	}
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, llm.ErrTooLate) && !c.started && time.Since(c.attempt.Start) >= c.p.o.FirstToken/2:
		return newError(llm.ClassTimeout, cause, "no token within "+time.Since(c.attempt.Start).Round(time.Second).String())
	case errors.Is(cause, llm.ErrTooLate):
		return newError(llm.ClassCancelled, cause, "")
	case parent.Err() != nil:
		return context.Cause(parent)
	case errors.Is(cause, errFirstToken):
		return newError(llm.ClassTimeout, cause, "no token within "+c.p.o.FirstToken.String())
	case errors.Is(cause, errIdle):
		return newError(llm.ClassTruncated, cause, "nothing more came for "+c.p.o.Idle.String())
	case errors.Is(cause, errTotal):
		return newError(llm.ClassTruncated, cause, "not finished within "+c.p.o.Total.String())
	case errors.Is(c.err, errConsumerLeft):
		return newError(llm.ClassCancelled, c.err, "")
	case errors.Is(c.err, errTooLong):
		return newError(llm.ClassProtocol, c.err, "")
	case c.err != nil && !c.started:
		return newError(llm.ClassConnect, c.err, "")
	case c.err != nil:
		return newError(llm.ClassTruncated, c.err, "")
	case !c.started:
		return newError(llm.ClassProtocol, nil, "the stream was empty")
	}
	return newError(llm.ClassTruncated, nil, "the stream ended without finish_reason or [DONE]")
}

// countUsage returns what the provider reported, or an estimate if it
// generated something without saying how much.
func (c *call) countUsage() llm.Usage {
	estimator := c.p.o.Estimator
	if c.usage != nil {
		u := c.usage.tokens()
		estimator.Learn(c.req.Model, c.req, u.InputTokens)
		return u
	}
	if !c.started && c.err != nil {
		return llm.Usage{} // refused before any work
	}
	return llm.Usage{
		InputTokens:  int64(estimator.Request(c.req.Model, c.req)),
		OutputTokens: int64(estimator.Text(c.req.Model, c.outBytes)),
		Estimated:    true,
	}
}

func (p *Provider) checkContentType(res *http.Response) error {
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch {
	case media == "text/event-stream", media == "", strings.HasPrefix(media, "text/plain"):
		return nil
	case media == "application/json", media == "application/x-ndjson":
		return p.jsonInsteadOfStream(res)
	}
	return &llm.Error{Class: llm.ClassProtocol, Provider: p.o.Name, Status: res.StatusCode,
		Message: "answered " + media + " instead of an event stream: is base_url right?"}
}
