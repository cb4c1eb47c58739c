package openai

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

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
