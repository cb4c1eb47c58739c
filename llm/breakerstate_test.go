package llm

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// standing is what a verdict could move.
type standing struct {
	phase    BreakerPhase
	failures int
	until    time.Time
	trial    time.Time
	pause    time.Duration
}

func (b *breaker) standing() standing {
	return standing{b.phase, b.failures, b.until, b.trial, b.pause}
}

// Random sequences of everything that can be done to a breaker, permits that are
// lost, reported twice or years late among them:
//   - a stale or second verdict moves nothing;
//   - in the half-open phase one trial is under way at a time;
//   - calls pass if and only if the phase says so;
//   - from any state, a provider that works again is asked again within a pause
//     and two leases, and one good answer closes the breaker.
func TestBreakerProperties(t *testing.T) {
	verdicts := []struct {
		e *Error
		v verdict
	}{
		{nil, success}, {nil, neutral}, {&Error{Class: ClassServer}, failure}, {&Error{Class: ClassAuth}, forceOpen},
		{&Error{Class: ClassModel}, forceOpen}, {&Error{Class: ClassServer, RetryAfter: 90 * time.Second}, failure},
	}
	ctx := context.Background()
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(2000) {
			rng := rand.New(rand.NewPCG(seed, 7))
			b := Breaker(nobody{}, BreakerOptions{Failures: 1 + rng.IntN(4)}).b
			b.probing = rng.IntN(2) == 0 // a prober that never comes
			var live []*permit
			for range 60 {
				switch rng.IntN(6) {
				case 0, 1:
					before := b.standing()
					model := []string{"", "", "", "other"}[rng.IntN(4)]
					now := time.Now()
					p, err := b.acquire(ctx, model)
					switch {
					case err != nil && before.phase == BreakerClosed && model == "":
						t.Fatalf("seed %d: a closed breaker refused: %v", seed, err)
					case err == nil && before.phase == BreakerOpen && now.Before(before.until):
						t.Fatalf("seed %d: an open breaker let a call through %v before its time", seed, before.until.Sub(now))
					case err == nil && before.phase == BreakerHalfOpen && now.Sub(before.trial) < b.o.Lease:
						t.Fatalf("seed %d: a second trial %v after the first", seed, now.Sub(before.trial))
					}
					if err == nil {
						live = append(live, p)
					}
				case 2, 3, 4:
					if len(live) == 0 {
						continue
					}
					p := live[rng.IntN(len(live))] // it stays: it may report again
					before, stale := b.standing(), p.over || p.generation != b.generation
					switch c := verdicts[rng.IntN(len(verdicts))]; rng.IntN(4) {
					case 0:
						p.begins(ctx)
					case 1:
						p.attempted(ctx, c.e)
					default:
						p.done(ctx, c.e, c.v)
					}
					if stale && b.standing() != before {
						t.Fatalf("seed %d: a stale verdict moved %+v to %+v", seed, before, b.standing())
					}
				case 5:
					time.Sleep(time.Duration(rng.IntN(100_000)) * time.Millisecond)
				}
			}
			// 90 s of Retry-After, a pause of a minute and its spread, and two leases.
			time.Sleep(90*time.Second + 72*time.Second + 2*b.o.Lease)
			p, err := b.acquire(ctx, "")
			if err != nil {
				t.Fatalf("seed %d: shut out of a provider that works: %v, %+v", seed, err, b.standing())
			}
			p.done(ctx, nil, success)
			if b.phase != BreakerClosed {
				t.Fatalf("seed %d: %s after a good answer", seed, b.phase)
			}
		}
	})
}

// nobody has a name.
type nobody struct{ Provider }

func (nobody) Name() string { return "nobody" }
