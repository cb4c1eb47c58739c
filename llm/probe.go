package llm

import (
	"context"
	"time"
)

// Run probes the provider whenever its breaker is open and the pause is over,
// so that no person's question has to find out whether it is back. It blocks
// until ctx ends. Without Run, or if a probe is overdue by a lease, the next
// question is the trial.
//
// A probe has two steps, within a lease together: Ping, then a question that is
// answered with one token through the providers below the breaker, so that
// limits hold and the ledger sees it (see [Attempt.Probe]). If both go well, one
// person's question is the last trial before the breaker closes.
func (p *BreakerProvider) Run(ctx context.Context) {
	p.b.watch(true)
	defer p.b.watch(false)
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.b.opened:
		}
		for {
			wait, open := p.b.pauseLeft(time.Now())
			if !open {
				break
			}
			if wait > 0 {
				if sleep(ctx, wait) != nil {
					return
				}
				continue // the pause may have been made longer
			}
			p.probe(ctx)
			if ctx.Err() != nil {
				return
			}
		}
	}
}

func (b *breaker) watch(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = on
	if on && b.phase == BreakerOpen {
		select {
		case b.opened <- struct{}{}:
		default:
		}
	}
}

// pauseLeft returns how long the pause lasts still. open is false if there is
// none.
func (b *breaker) pauseLeft(now time.Time) (left time.Duration, open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(0, b.until.Sub(now)), b.phase == BreakerOpen
}

// probe tries the provider once.
func (p *BreakerProvider) probe(ctx context.Context) {
	b := p.b
	b.mu.Lock()
	generation := b.generation
	open := b.phase == BreakerOpen
	b.mu.Unlock()
	if !open {
		return
	}
	e, v := p.askForLife(ctx)
	if ctx.Err() != nil {
		return
	}
	b.mu.Lock()
	var c *change
	switch {
	case b.generation != generation: // a person was faster
	case v == success:
		c = b.move(BreakerHalfOpen)
		b.trial = time.Time{}
	default:
		b.last = e
		if v == forceOpen {
			b.pause = b.o.Open
		}
		c = b.open(time.Now(), e)
	}
	b.mu.Unlock()
	c.record(ctx, b.o.Recorder)
}

// askForLife makes the two steps.
func (p *BreakerProvider) askForLife(ctx context.Context) (*Error, verdict) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.b.o.Lease, ErrTooLate)
	defer cancel()
	if p.b.o.Ping != nil {
		if err := p.b.o.Ping(ctx); err != nil {
			return lives(asError(err, p.Provider))
		}
	}
	req := Request{Messages: []Message{{Role: RoleUser, Content: "ping"}}, MaxOutputTokens: 1, Probe: true}
	_, err, _ := relay(p.Provider.Stream(ctx, req), func(Delta, error) bool { return true })
	if err == nil {
		return nil, success
	}
	return lives(asError(err, p.Provider))
}

// lives decides whether a provider that answered a probe with e is back. One
// that has nothing to say in one token, or nothing against us but its limits or
// the probe itself, is.
func lives(e *Error) (*Error, verdict) {
	switch v := verdictOf(e); {
	case e.Code == EmptyAnswer, e.Class == ClassRequest, e.Class == ClassContent:
		return nil, success
	case v == neutral: // our limiter, theirs: no news, look again after a pause
		return e, failure
	default:
		return e, v
	}
}
