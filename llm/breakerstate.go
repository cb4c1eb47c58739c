package llm

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	firstPause = 5 * time.Second
	// pauseSpread keeps several bots from coming back together.
	pauseSpread = 0.2

	// trialSoon is when a trial is likely to have its verdict.
	trialSoon = 3 * time.Second

	// The ratio that opens the breaker. Only finished calls count, or a crowd
	// of long streams would hide that all which ended have failed.
	ratioSeconds = 30
	ratioCalls   = 10

	// maxRefusedModels bounds the memory if models are chosen by users.
	maxRefusedModels = 100
)

// success is the verdict of a call that gave a whole answer.
const success verdict = 255

// breaker is the state behind a BreakerProvider.
type breaker struct {
	name   string
	o      BreakerOptions
	opened chan struct{} // tells Run that the phase is open

	mu         sync.Mutex
	phase      BreakerPhase
	generation uint64 // grows with each change of phase
	failures   int    // in a row
	ended      tally  // calls with a verdict: [good, bad]
	pause      time.Duration
	until      time.Time // while open
	trial      time.Time // when the trial of the half-open phase was admitted; zero: nobody is trying
	last       *Error
	probing    bool                 // Run is there and tries before a person has to
	refused    map[string]time.Time // models that requests chose and the provider does not know
}

// change is a change of phase to be told once the lock is free; nil for none.
type change struct{ state BreakerState }

func (c *change) record(ctx context.Context, r Recorder) {
	if c != nil {
		record(ctx, r, Event{Breaker: &c.state})
	}
}

// permit is the right to one call. Verdicts about a phase that is over are
// dropped. It belongs to the goroutine that makes the call.
type permit struct {
	b          *breaker
	model      string // chosen by the request; "" for the provider's own
	generation uint64
	failed     *Error // the last attempt's error
	begun      bool   // text was seen
	over       bool   // the verdict is given
}

// acquire admits a person's call or returns why not.
func (b *breaker) acquire(ctx context.Context, model string) (*permit, error) {
	b.mu.Lock()
	if b.phase == BreakerClosed && b.refused == nil { // the usual case
		defer b.mu.Unlock()
		return &permit{b: b, model: model, generation: b.generation}, nil
	}
	p, c, err := b.admit(time.Now(), model)
	b.mu.Unlock()
	c.record(ctx, b.o.Recorder)
	return p, err
}

func (b *breaker) admit(now time.Time, model string) (*permit, *change, error) {
	if until, ok := b.refused[model]; ok && model != "" {
		if now.Before(until) {
			return nil, nil, &Error{Class: ClassLocal, Provider: b.name, Model: model, RetryAfter: until.Sub(now),
				Message: "it does not know the model"}
		}
		delete(b.refused, model)
	}
	switch b.phase {
	case BreakerOpen:
		if now.Before(b.until) {
			return nil, nil, b.refuse(b.until.Sub(now), "its breaker is open")
		}
		// Run tries first. If it does not come to that, somebody has to.
		if overdue := b.until.Add(b.o.Lease); b.probing && now.Before(overdue) {
			return nil, nil, b.refuse(min(trialSoon, overdue.Sub(now)), "it is being probed after an outage")
		}
		p, c := b.try(now, model)
		return p, c, nil
	case BreakerHalfOpen:
		if over := b.trial.Add(b.o.Lease); now.Before(over) {
			return nil, nil, b.refuse(min(trialSoon, over.Sub(now)), "it is being tried after an outage")
		}
		p, _ := b.try(now, model)
		return p, nil, nil
	}
	return &permit{b: b, model: model, generation: b.generation}, nil, nil
}

// try begins a trial. Whatever an earlier trial reports is stale from here on.
func (b *breaker) try(now time.Time, model string) (*permit, *change) {
	c := b.move(BreakerHalfOpen)
	b.trial = now
	return &permit{b: b, model: model, generation: b.generation}, c
}

// begins reports text or reasoning. The first ends a trial: waiting for the end of a
// long answer would keep everybody away from a provider that has recovered. The
// count of failures stays until an answer is whole, or a provider that always
// breaks off would never be paused.
func (p *permit) begins(ctx context.Context) {
	if p.begun || p.over {
		return
	}
	p.begun = true
	b := p.b
	b.mu.Lock()
	var c *change
	if p.generation == b.generation && b.phase == BreakerHalfOpen {
		c = b.close()
		p.generation = b.generation // it lives on in the new phase
		b.failures = b.o.Failures - 1
	}
	b.mu.Unlock()
	c.record(ctx, b.o.Recorder)
}

// attempted reports an attempt that failed, or not if e is nil. The call may go
// on, so only failures count here; everything else is the last attempt's to say.
func (p *permit) attempted(ctx context.Context, e *Error) {
	p.failed = e
	if e == nil || verdictOf(e) != failure || p.over {
		return
	}
	p.verdict(ctx, e, failure)
}

// inVain reports whether another attempt is in vain: the breaker has opened
// since the call began, by this call's attempts or by others'.
func (p *permit) inVain() bool {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	return p.failed != nil && p.generation != p.b.generation
}

// done reports the call's verdict. Only the first one counts.
func (p *permit) done(ctx context.Context, e *Error, v verdict) {
	if p.over {
		return
	}
	p.over = true
	if v == failure && p.failed != nil && verdictOf(p.failed) == failure {
		return // counted with the attempt
	}
	p.verdict(ctx, e, v)
}

func (p *permit) verdict(ctx context.Context, e *Error, v verdict) {
	b := p.b
	b.mu.Lock()
	var c *change
	if p.generation == b.generation {
		c = b.judge(time.Now(), p.model, e, v)
	}
	b.mu.Unlock()
	c.record(ctx, b.o.Recorder)
}

// judge takes in a verdict that counts.
func (b *breaker) judge(now time.Time, model string, e *Error, v verdict) *change {
	switch v {
	case success:
		b.failures, b.pause, b.last = 0, 0, nil
		b.ended.add(now, 0)
		if b.phase != BreakerClosed {
			return b.close()
		}
	case neutral:
		b.trial = time.Time{} // the next call may try
	case failure:
		b.failures++
		b.last = e
		b.ended.add(now, 1)
		if b.phase == BreakerHalfOpen || b.failures >= b.o.Failures || b.mostFail(now) {
			return b.open(now, e)
		}
	case forceOpen:
		if e.Class == ClassModel && model != "" {
			b.refuseModel(now, model)
			b.trial = time.Time{}
			return nil
		}
		b.failures++
		b.last = e
		b.pause = b.o.Open
		return b.open(now, e)
	}
	return nil
}

// mostFail reports whether half of the calls that ended lately have failed.
func (b *breaker) mostFail(now time.Time) bool {
	n := b.ended.sum(now, ratioSeconds)
	return n[0]+n[1] >= ratioCalls && n[1] >= n[0]
}

func (b *breaker) refuseModel(now time.Time, model string) {
	for name, until := range b.refused {
		if now.After(until) {
			delete(b.refused, name)
		}
	}
	if len(b.refused) >= maxRefusedModels {
		return
	}
	if b.refused == nil {
		b.refused = map[string]time.Time{}
	}
	b.refused[model] = now.Add(b.o.Open)
}

// open starts a pause: 5 s, doubled each time up to the limit, never shorter
// than the provider asked for.
func (b *breaker) open(now time.Time, e *Error) *change {
	b.pause = min(max(2*b.pause, min(firstPause, b.o.Open)), b.o.Open)
	pause := time.Duration((1 + pauseSpread*(2*rand.Float64()-1)) * float64(b.pause))
	if e != nil {
		pause = max(pause, e.RetryAfter)
	}
	b.until = now.Add(pause)
	select {
	case b.opened <- struct{}{}:
	default: // Run knows already
	}
	return b.move(BreakerOpen)
}

// close lets calls pass again. What failed before is no argument any more.
func (b *breaker) close() *change {
	b.ended = tally{}
	return b.move(BreakerClosed)
}

func (b *breaker) move(to BreakerPhase) *change {
	b.generation++
	if b.phase == to {
		return nil
	}
	b.phase = to
	return &change{b.state()}
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
