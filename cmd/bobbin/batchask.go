package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

const (
	// batchPatience is how long a batch goes on without any answer while the
	// providers take no requests, and how long one line bears rate limits.
	batchPatience = 10 * time.Minute
	// Between two tries of a line whose turn has not come.
	batchShortWait = time.Second
	batchLongWait  = time.Minute
)

// outcome is what became of one line.
type outcome struct {
	text     string
	response llm.Response
	attempts []llm.Attempt
	took     time.Duration
	err      error
	// unfinished: the batch ended before the line did; outage: because there
	// was no answer for batchPatience, and err says why.
	unfinished, outage bool
}

// asker asks until there is an answer or a failure that is the line's own.
type asker struct {
	provider llm.Provider
	// answered is when the last answer came, or the start; UnixNano.
	answered atomic.Int64
	// enough is closed when lines that wait for their turn shall give up.
	enough <-chan struct{}
}

var errEnough = errors.New("the batch has ended")

// ask answers one request. Being refused by a limit, a rate limit or a breaker
// says nothing about the line: a person would be told to try again, a batch
// waits. This is no second loop of retries, since what fails for any other
// reason is not asked again.
func (a *asker) ask(ctx context.Context, req llm.Request) outcome {
	var o outcome
	start := time.Now()
	for try := 0; ; try++ {
		a.once(ctx, req, &o)
		o.took = time.Since(start)
		if o.err == nil {
			a.answered.Store(time.Now().UnixNano())
			return o
		}
		class := llm.ClassOf(o.err)
		switch {
		case ctx.Err() != nil && (class == llm.ClassCancelled || errors.Is(o.err, context.Cause(ctx))):
			o.unfinished = true
			return o
		case class != llm.ClassLocal && class != llm.ClassRate:
			return o
		case time.Since(time.Unix(0, a.answered.Load())) > batchPatience:
			o.unfinished, o.outage = true, true
			return o
		case class == llm.ClassRate && o.took > batchPatience:
			return o // others are answered: it must be this one
		}
		if err := a.wait(ctx, o.err, try); err != nil {
			o.err, o.unfinished = err, true
			return o
		}
	}
}

func (a *asker) once(ctx context.Context, req llm.Request, o *outcome) {
	var text strings.Builder
	o.err = nil
	for d, err := range a.provider.Stream(ctx, req) {
		if err != nil {
			o.err = err
			break
		}
		if d.Restart != nil {
			text.Reset()
		}
		text.WriteString(d.Text)
		if d.Attempt != nil {
			o.attempts = append(o.attempts, *d.Attempt)
		}
		if d.Response != nil {
			o.response = *d.Response
		}
	}
	o.text = text.String()
}

// wait lets pass what the refusal asks for, spread so that lines do not come
// back together.
func (a *asker) wait(ctx context.Context, refusal error, try int) error {
	pause := min(batchShortWait<<min(try, 10), batchLongWait)
	if e, ok := errors.AsType[*llm.Error](refusal); ok && e.RetryAfter > 0 {
		pause = min(e.RetryAfter, batchLongWait)
	}
	t := time.NewTimer(pause + rand.N(pause/4+1))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-a.enough:
		return errEnough
	}
}

// isFatal reports failures that time does not cure.
func isFatal(c llm.Class) bool {
	return c == llm.ClassAuth || c == llm.ClassQuota || c == llm.ClassModel
}
