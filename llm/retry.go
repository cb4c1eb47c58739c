package llm

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"sync"
	"time"
)

// RetryOptions bound how often and how long a provider is asked again.
type RetryOptions struct {
	// Max is the number of attempts after the first. 0 means none.
	Max int
	// Base and Cap shape the back-off: the n-th wait is random between 0 and
	// min(Cap, Base·2^n). 0 means 500 ms and 4 s.
	Base, Cap time.Duration
	// Within is the wall-clock bound: no attempt is made ready later than this
	// after the first one; it may wait for its turn at a Throttle then. 0 means 3 s, which leaves a fallback its turn within the
	// 30 s that a person is promised an answer in.
	Within time.Duration
	// Recorder is told of retries that the budget did not allow.
	Recorder Recorder
}

// Retry asks p again after a failure that a second try may cure, as long as
// no visible text was yielded. A Retry-After is a floor under the wait; one
// beyond Within ends the trying at once.
//
// All callers share a budget: retries are at most a fifth of the calls, and a
// few a minute beside that. When a provider fails everybody, asking it twice as
// often is the last thing it needs.
//
// This must be the only retry loop of the program: loops multiply.
func Retry(p Provider, o RetryOptions) Provider {
	if o.Base <= 0 {
		o.Base = 500 * time.Millisecond
	}
	if o.Cap <= 0 {
		o.Cap = 4 * time.Second
	}
	if o.Within <= 0 {
		o.Within = 3 * time.Second
	}
	return &retry{Provider: p, o: o}
}

type retry struct {
	Provider
	o      RetryOptions
	budget budget
}

func (r *retry) Stream(ctx context.Context, req Request) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) {
		start := time.Now()
		r.budget.called(start)
		for attempt := 0; ; attempt++ {
			visible, err, stopped := relay(r.Provider.Stream(ctx, req), yield)
			if stopped || err == nil {
				return
			}
			wait, again := r.wait(err, attempt, time.Since(start))
			if visible || !again || req.Probe || ctx.Err() != nil { // a probe is repeated by its breaker
				yield(Delta{}, err)
				return
			}
			if !r.budget.retry(time.Now()) {
				record(ctx, r.o.Recorder, Event{Denied: &Denied{r.Name(), asError(err, r.Provider).Class}})
				yield(Delta{}, err)
				return
			}
			if !yield(Delta{Progress: &Progress{Stage: StageRetrying, Provider: r.Name(), Wait: wait}}, nil) {
				return
			}
			if err := sleep(ctx, wait); err != nil {
				yield(Delta{}, err)
				return
			}
		}
	}
}

// wait decides whether attempt number attempt (0 is the first), which failed
// with err, is followed by another one, and after how long.
func (r *retry) wait(err error, attempt int, elapsed time.Duration) (time.Duration, bool) {
	e := asError(err, r.Provider)
	if attempt >= r.o.Max || !policies[e.Class].retry {
		return 0, false
	}
	ceiling := r.o.Cap
	if attempt < 16 {
		ceiling = min(ceiling, r.o.Base<<attempt)
	}
	// Full jitter: callers that failed together must not return together.
	wait := e.RetryAfter + rand.N(ceiling+1)
	return wait, elapsed+wait <= r.o.Within
}

// budget is a purse of retries: each call puts a part of one in, and so does
// time.
type budget struct {
	mu    sync.Mutex
	purse float64
	at    time.Time // zero: nothing happened yet, and the purse holds the floor
}

const (
	retriesPerCall   = 0.2
	retriesPerSecond = 0.3
	retryFloor       = 3
	retryCeiling     = 10
)

func (b *budget) called(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(now, retriesPerCall)
}

// retry takes one out, or returns false if there is none.
func (b *budget) retry(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(now, 0)
	if b.purse < 1 {
		return false
	}
	b.purse--
	return true
}

func (b *budget) fill(now time.Time, more float64) {
	if b.at.IsZero() {
		b.purse, b.at = retryFloor, now
	}
	b.purse = min(retryCeiling, b.purse+more)
	// Time fills it up to the floor only, or a quiet night would save up retries.
	if b.purse < retryFloor {
		b.purse = min(retryFloor, b.purse+retriesPerSecond*now.Sub(b.at).Seconds())
	}
	b.at = now
}

// relay passes deltas on until the stream ends. stopped means the consumer
// left; then nothing may be yielded any more. err is not passed on.
func relay(s iter.Seq2[Delta, error], yield func(Delta, error) bool) (visible bool, err error, stopped bool) {
	for d, err := range s {
		if err != nil {
			return visible, err, false
		}
		visible = visible || d.Visible()
		if !yield(d, nil) {
			return visible, nil, true
		}
		if d.Response != nil {
			return visible, nil, false
		}
	}
	return visible, errNoEnd(""), false
}

// errNoEnd is the error of a Provider that breaks its contract.
func errNoEnd(provider string) *Error {
	return &Error{Class: ClassProtocol, Provider: provider, Message: "the stream ended without an answer"}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
