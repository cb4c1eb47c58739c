package llm

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"golang.org/x/time/rate"
)

// ThrottleOptions are a provider's limits. Zero means no limit.
type ThrottleOptions struct {
	RequestsPerMinute int
	// TokensPerMinute holds for requests that are small beside it; one that
	// is larger than a tenth of it and MaxWait allow is charged less.
	TokensPerMinute int
	Concurrency     int
	// MaxWait bounds how long a request waits for its turn before it fails
	// with ClassLocal, which a fallback may answer. 0 means 10 s.
	MaxWait time.Duration
	// OutputTokens is reserved for an answer whose request names no limit of
	// its own, as OpenAI and Azure count. 0 means 1024.
	OutputTokens int
}

// Throttle keeps the calls to p within a provider's limits, in every sliding
// minute. Requests wait in order of arrival. A slot of Concurrency is held
// until the stream has ended.
func Throttle(p Provider, o ThrottleOptions) Provider {
	if o.MaxWait <= 0 {
		o.MaxWait = 10 * time.Second
	}
	if o.OutputTokens <= 0 {
		o.OutputTokens = 1024
	}
	t := &throttle{Provider: p, o: o}
	t.requests = perMinute(o.RequestsPerMinute)
	t.tokens = perMinute(o.TokensPerMinute)
	if o.Concurrency > 0 {
		t.slots = make(chan struct{}, o.Concurrency)
	}
	return t
}

// perMinute makes a bucket that lets at most n through in any 60 s. A bucket
// of rate n and burst n would let 2n-1 through in its first minute, so a tenth
// is burst and nine tenths are rate.
func perMinute(n int) *rate.Limiter {
	if n <= 0 {
		return nil
	}
	burst := max(1, n/10)
	return rate.NewLimiter(rate.Limit(float64(max(1, n-burst))/60), burst)
}

type throttle struct {
	Provider
	o        ThrottleOptions
	requests *rate.Limiter
	tokens   *rate.Limiter
	slots    chan struct{}
}

func (t *throttle) Stream(ctx context.Context, req Request) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) {
		deadline := time.Now().Add(t.o.MaxWait)
		wait, err := t.reserve(req)
		if err != nil {
			yield(Delta{}, err)
			return
		}
		if wait > 0 {
			if !yield(Delta{Progress: &Progress{Stage: StageQueued, Provider: t.Name(), Wait: wait}}, nil) {
				return
			}
			if err := sleep(ctx, wait); err != nil {
				yield(Delta{}, err)
				return
			}
		}
		release, err := t.acquire(ctx, deadline)
		if err != nil {
			yield(Delta{}, err)
			return
		}
		defer release()
		if _, err, stopped := relay(t.Provider.Stream(ctx, req), yield); err != nil && !stopped {
			yield(Delta{}, err)
		}
	}
}

// reserve takes a place under the minute's limits and returns when it is due.
func (t *throttle) reserve(req Request) (time.Duration, error) {
	now := time.Now()
	var wait time.Duration
	var taken []*rate.Reservation
	take := func(l *rate.Limiter, n int) {
		// A limiter refuses more than its burst at once, so a large request
		// reserves several bursts in a row and starts with the last.
		for n > 0 {
			r := l.ReserveN(now, min(n, l.Burst()))
			n -= l.Burst()
			taken = append(taken, r)
			wait = max(wait, r.DelayFrom(now))
		}
	}
	if t.requests != nil {
		take(t.requests, 1)
	}
	if t.tokens != nil {
		take(t.tokens, min(EstimateTokens(req)+t.outputTokens(req), t.payable()))
	}
	if wait <= t.o.MaxWait {
		return wait, nil
	}
	for _, r := range slices.Backward(taken) {
		r.CancelAt(now) // the last first: a reservation gives back nothing while a later one stands
	}
	return 0, t.refuse(wait, "its requests or tokens a minute are used up")
}

// payable is the most that one request is charged: what the bucket holds and
// earns within MaxWait. A large request would otherwise be refused for ever, by
// a provider that is idle and would serve it.
func (t *throttle) payable() int {
	return t.tokens.Burst() + int(float64(t.tokens.Limit())*t.o.MaxWait.Seconds()*0.9)
}

func (t *throttle) outputTokens(req Request) int {
	if req.MaxOutputTokens > 0 {
		return req.MaxOutputTokens
	}
	return t.o.OutputTokens
}

// acquire takes a concurrency slot before the deadline.
func (t *throttle) acquire(ctx context.Context, deadline time.Time) (release func(), err error) {
	if t.slots == nil {
		return func() {}, nil
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case t.slots <- struct{}{}:
		return func() { <-t.slots }, nil
	default:
	}
	select {
	case t.slots <- struct{}{}:
		return func() { <-t.slots }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-timer.C:
		return nil, t.refuse(0, fmt.Sprintf("all %d of its slots are busy", cap(t.slots)))
	}
}

func (t *throttle) refuse(after time.Duration, why string) *Error {
	return &Error{Class: ClassLocal, Provider: t.Name(), RetryAfter: after, Message: why}
}

// EstimateTokens guesses the input tokens of req, for limits only. 0.28 tokens
// a byte is the middle of what English, Chinese, Vietnamese and code measured.
func EstimateTokens(req Request) int {
	bytes := len(req.System)
	for _, m := range req.Messages {
		bytes += len(m.Content)
	}
	return EstimateText(bytes) + 4*len(req.Messages)
}

// EstimateText guesses the tokens of a text of so many bytes.
func EstimateText(bytes int) int { return (bytes*28 + 99) / 100 }
