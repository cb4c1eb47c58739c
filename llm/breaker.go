package llm

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"time"
)

// BreakerOptions say when a provider is left alone. Zero fields have defaults.
type BreakerOptions struct {
	// Failures in a row open the breaker. 0 means 5.
	Failures int
	// Open is the longest time without a trial. The first pause is 5 s and
	// doubles with each failed trial. 0 means 60 s.
	Open time.Duration
	// Lease is how long a trial call may stay without a verdict before
	// another one is admitted. 0 means 30 s.
	Lease time.Duration
	// Observe, if set, is told of each change of phase, outside of any lock
	// and in the order of the changes as far as one caller sees them.
	Observe func(BreakerState)
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
// refused key, an unknown model or an empty account open the breaker at once.
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
	return &BreakerProvider{p, &breaker{name: p.Name(), o: o, phase: BreakerClosed}}
}

// State returns what the breaker thinks now.
func (p *BreakerProvider) State() BreakerState {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	return p.b.state()
}

func (p *BreakerProvider) Stream(ctx context.Context, req Request) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) {
		permit, err := p.b.acquire(time.Now())
		if err != nil {
			yield(Delta{}, err)
			return
		}
		// Leaving the loop early is the caller's doing and gives no verdict.
		defer permit.done(nil, neutral)
		_, err, stopped := relay(p.Provider.Stream(ctx, req), func(d Delta, err error) bool {
			switch {
			case d.Response != nil:
				permit.done(nil, success)
			case d.Visible():
				permit.begins()
			}
			return yield(d, err)
		})
		if stopped || err == nil {
			return
		}
		e := asError(err, p.Provider)
		if ctx.Err() == nil {
			permit.done(e, policies[e.Class].verdict)
		}
		yield(Delta{}, err)
	}
}

// success is the verdict of a call that gave a whole answer.
const success verdict = 255

type breaker struct {
	name string
	o    BreakerOptions

	mu         sync.Mutex
	phase      BreakerPhase
	generation uint64 // grows with each change of phase
	failures   int
	pause      time.Duration // last pause
	until      time.Time
	trial      time.Time // when the trial of the half-open phase was admitted
	last       *Error
}

// permit is the right to one call. Verdicts about a phase that is over are
// dropped: a stream that began before the breaker opened says nothing about
// the provider's recovery.
type permit struct {
	b          *breaker
	generation uint64 // guarded by b.mu, as is over
	over       bool
}

// acquire admits a call or returns why not.
func (b *breaker) acquire(now time.Time) (*permit, error) {
	b.mu.Lock()
	changed := false
	switch b.phase {
	case BreakerOpen:
		if now.Before(b.until) {
			defer b.mu.Unlock()
			return nil, b.refuse(b.until.Sub(now), "its breaker is open")
		}
		b.move(BreakerHalfOpen)
		b.trial = now
		changed = true
	case BreakerHalfOpen:
		if now.Sub(b.trial) < b.o.Lease {
			defer b.mu.Unlock()
			return nil, b.refuse(b.trial.Add(b.o.Lease).Sub(now), "it is being tried after an outage")
		}
		// The trial never reported. A new generation makes it stale.
		b.move(BreakerHalfOpen)
		b.trial = now
	}
	p := &permit{b: b, generation: b.generation}
	state := b.state()
	b.mu.Unlock()
	if changed {
		b.observe(state)
	}
	return p, nil
}

// begins reports the first text. It ends a trial: waiting for the end of a long
// answer would keep everybody away from a provider that has recovered. The count
// of failures stays until an answer is whole, or a provider that always breaks
// off would never be paused.
func (p *permit) begins() {
	b := p.b
	b.mu.Lock()
	if p.generation != b.generation || b.phase != BreakerHalfOpen {
		b.mu.Unlock()
		return
	}
	b.move(BreakerClosed)
	p.generation = b.generation // it lives on in the new phase
	b.failures = b.o.Failures - 1
	state := b.state()
	b.mu.Unlock()
	b.observe(state)
}

// done reports the call's verdict. Only the first one counts.
func (p *permit) done(e *Error, v verdict) {
	b := p.b
	b.mu.Lock()
	stale := p.over || p.generation != b.generation
	p.over = true
	if stale {
		b.mu.Unlock()
		return
	}
	before := b.phase
	switch v {
	case success:
		b.failures, b.pause, b.last = 0, 0, nil
		if b.phase != BreakerClosed {
			b.move(BreakerClosed)
		}
	case neutral:
		if b.phase == BreakerHalfOpen {
			b.trial = time.Time{} // the next call may try
		}
	case failure:
		b.failures++
		b.last = e
		if b.phase == BreakerHalfOpen || b.failures >= b.o.Failures {
			b.open(time.Now(), e)
		}
	case forceOpen:
		b.failures++
		b.last = e
		b.pause = b.o.Open
		b.open(time.Now(), e)
	}
	state := b.state()
	changed := b.phase != before
	b.mu.Unlock()
	if changed {
		b.observe(state)
	}
}

// open starts a pause: 5 s, doubled each time up to the limit, never shorter
// than the provider asked for, and spread by a fifth so that several bots do
// not come back together.
func (b *breaker) open(now time.Time, e *Error) {
	b.pause = min(max(2*b.pause, min(5*time.Second, b.o.Open)), b.o.Open)
	pause := b.pause + time.Duration((rand.Float64()-0.5)*0.4*float64(b.pause))
	if e != nil {
		pause = max(pause, e.RetryAfter)
	}
	b.until = now.Add(pause)
	b.move(BreakerOpen)
}

func (b *breaker) move(to BreakerPhase) {
	b.phase = to
	b.generation++
}

func (b *breaker) state() BreakerState {
	s := BreakerState{Provider: b.name, Phase: b.phase, Failures: b.failures, LastErr: b.last}
	if b.phase == BreakerOpen {
		s.Until = b.until
	}
	return s
}

func (b *breaker) refuse(after time.Duration, why string) *Error {
	e := &Error{Class: ClassLocal, Provider: b.name, RetryAfter: after, Message: why}
	if b.last != nil {
		e.Message = fmt.Sprintf("%s since: %s", why, b.last.Class)
		e.Err = b.last
	}
	return e
}

func (b *breaker) observe(s BreakerState) {
	if b.o.Observe != nil {
		b.o.Observe(s)
	}
}
