package llm

import (
	"context"
	"iter"
	"time"
)

// BreakerOptions say when a provider is left alone. Zero fields have defaults.
type BreakerOptions struct {
	// Failures in a row open the breaker. 0 means 5. Half of ten or more in 30 s
	// open it too: at 70 % failures a row of five is rare. Attempts count, not
	// calls, or a dead provider would get each of the first calls several times.
	Failures int
	// Open is the longest time without a trial. The first pause is 5 s and
	// doubles with each failed trial. A longer Retry-After is waited out. 0
	// means 60 s.
	Open time.Duration
	// Lease is how long a trial may stay without a verdict before another one
	// is admitted. 0 means 30 s.
	Lease time.Duration
	// Ping, if set, asks the provider for something that costs nothing, such as
	// its list of models, and is the first step of a probe: see
	// [BreakerProvider.Run].
	Ping func(context.Context) error
	// Recorder is told of each change of phase, in the order of the changes as
	// far as one caller sees them.
	Recorder Recorder
}

// BreakerPhase is closed (calls pass), open (none pass) or half-open (one
// trial passes).
type BreakerPhase string

const (
	BreakerClosed   BreakerPhase = "closed"
	BreakerOpen     BreakerPhase = "open"
	BreakerHalfOpen BreakerPhase = "half-open"
)

// BreakerState is a snapshot for people and metrics.
type BreakerState struct {
	Provider string
	Phase    BreakerPhase
	Failures int       // in a row
	Until    time.Time // earliest next trial while open
	LastErr  *Error    // the failure that opened it
}

// BreakerProvider is a [Provider] whose breaker can be looked at.
type BreakerProvider struct {
	Provider
	b *breaker
}

// Breaker stops asking p while p is failing. Calls that the breaker refuses
// fail at once with ClassLocal and the time of the next trial in RetryAfter.
//
// A call that was cancelled, or refused for a reason that says nothing about
// the provider's health (see the table of classes), has no influence. A
// refused key, an unknown model or an empty account open the breaker at once;
// if it was the request that chose the unknown model, only that model is
// refused from then on.
//
// A verdict counts once, and only in the phase its call began in: a stream that
// is older than the outage says nothing about the recovery.
func Breaker(p Provider, o BreakerOptions) *BreakerProvider {
	if o.Failures <= 0 {
		o.Failures = 5
	}
	if o.Open <= 0 {
		o.Open = time.Minute
	}
	if o.Lease <= 0 {
		o.Lease = 30 * time.Second
	}
	return &BreakerProvider{p, &breaker{name: p.Name(), o: o, phase: BreakerClosed, opened: make(chan struct{}, 1)}}
}

// State returns what the breaker thinks now.
func (p *BreakerProvider) State() BreakerState {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	return p.b.state()
}

func (p *BreakerProvider) Stream(ctx context.Context, req Request) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) {
		permit, err := p.b.acquire(ctx, req.Model)
		if err != nil {
			yield(Delta{}, err)
			return
		}
		// Leaving the loop early is the caller's doing and gives no verdict.
		defer permit.done(ctx, nil, neutral)
		for d, err := range p.Provider.Stream(ctx, req) {
			switch {
			case err != nil:
				p.failed(ctx, permit, err)
			case d.Response != nil:
				permit.done(ctx, nil, success)
			case d.payload():
				permit.begins(ctx)
			case d.Attempt != nil:
				permit.attempted(ctx, d.Attempt.Err)
			case d.Progress != nil && d.Progress.Stage == StageRetrying && permit.inVain():
				yield(Delta{}, permit.failed)
				return
			}
			if !yield(d, err) || err != nil || d.Response != nil {
				return
			}
		}
		err = errNoEnd(p.Name())
		p.failed(ctx, permit, err)
		yield(Delta{}, err)
	}
}

// failed reports a call that ended with err. A caller who is gone has no verdict
// to give, unless it is that the provider kept it waiting too long.
func (p *BreakerProvider) failed(ctx context.Context, permit *permit, err error) {
	if ctx.Err() == nil || isTooLate(ctx) {
		e := asError(err, p.Provider)
		permit.done(ctx, e, verdictOf(e))
	}
}
