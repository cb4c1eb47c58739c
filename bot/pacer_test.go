package bot

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever is asked for: no method is called more often than Slack allows in any
// minute, a last write is granted at once, and nothing is left waiting.
func TestPacerKeepsTheMinute(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 4))
			p := newPacer()
			var mu sync.Mutex
			granted := map[string][]time.Time{}
			wait := func(c call) time.Duration {
				begun := time.Now()
				if p.wait(t.Context(), c) != nil {
					return 0
				}
				mu.Lock()
				defer mu.Unlock()
				granted[c.method] = append(granted[c.method], time.Now())
				return time.Since(begun)
			}
			var wg sync.WaitGroup
			for range 60 + rng.IntN(60) {
				life := time.Duration(rng.IntN(40_000)) * time.Millisecond
				gap := time.Duration(200+rng.IntN(1000)) * time.Millisecond
				wg.Go(func() {
					s := p.sit()
					defer s.leave()
					first := s.open(true)
					if first == "" {
						return // nothing but a status, and a post at the end
					}
					end := time.Now().Add(life)
					wait(call{method: first, channel: "C1", rank: rankFirst, since: time.Now(), seat: s})
					pool, last := methodAppendStream, methodStopStream
					if first == methodPost {
						pool, last = methodUpdate, methodUpdate
					}
					for time.Now().Before(end) {
						time.Sleep(gap)
						ctx, cancel := context.WithDeadline(t.Context(), end)
						if p.wait(ctx, call{method: pool, rank: rankMore, since: time.Now(), seat: s}) == nil {
							mu.Lock()
							granted[pool] = append(granted[pool], time.Now())
							mu.Unlock()
						}
						cancel()
					}
					if took := wait(call{method: last, rank: rankFinal, seat: s}); took > 0 {
						t.Errorf("seed %d: a last write by %s waited %v", seed, last, took)
					}
				})
				if rng.IntN(2) == 0 {
					time.Sleep(time.Duration(rng.IntN(2000)) * time.Millisecond)
				}
			}
			wg.Wait()
			for method, times := range granted {
				slices.SortFunc(times, time.Time.Compare)
				limit := callsPerMinute[method]
				for i := range times {
					if j := i + limit; j < len(times) && times[j].Sub(times[i]) < time.Minute {
						t.Fatalf("seed %d: %d calls of %s within %v", seed, limit+1, method, times[j].Sub(times[i]))
					}
				}
			}
			for _, m := range p.state() {
				if m.Reserved != 0 || m.Waiting != 0 {
					t.Errorf("seed %d: left behind: %+v", seed, m)
				}
			}
		})
	}
}

// Those who wait stand by rank, and within it the longest wait first.
func TestPacerOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer()
		p.limited(methodUpdate, 10*time.Second) // nobody is served at once
		begun := time.Now()
		var wg sync.WaitGroup
		for _, c := range []call{
			{rank: rankMore, since: begun.Add(9 * time.Second)}, {rank: rankMore, since: begun.Add(time.Second)},
			{rank: rankFirst, since: begun.Add(5 * time.Second)}, {rank: rankMust}, {rank: rankFinal},
		} {
			c.method = methodUpdate
			wg.Go(func() {
				if err := p.wait(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		p.mu.Lock()
		waiting := slices.Clone(p.methods[methodUpdate].waiting)
		p.mu.Unlock()
		var order []rank
		for _, w := range waiting {
			order = append(order, w.rank)
		}
		if want := []rank{rankFinal, rankMust, rankFirst, rankMore, rankMore}; !slices.Equal(order, want) || waiting[4].since.Before(waiting[3].since) {
			t.Errorf("they stand as %v, want %v, the older text before the newer", order, want)
		}
		wg.Wait()
		if took := time.Since(begun); took < 10*time.Second || took > 20*time.Second {
			t.Errorf("all were served after %v", took)
		}
	})
}

// A 429 freezes its method for as long as Slack says, no other one, and halves
// its budget, which comes back.
func TestPacerObeysSlack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer()
		p.limited(methodUpdate, 7*time.Second)
		if p.try(methodUpdate) || !p.try(methodAppendStream) {
			t.Error("a 429 must freeze its own method and no other")
		}
		time.Sleep(7 * time.Second)
		if !p.try(methodUpdate) {
			t.Error("frozen after the end of the Retry-After")
		}
		budget := func() int {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.methods[methodUpdate].budget(time.Now())
		}
		if got := budget(); got < 25 || got > 26 {
			t.Errorf("a budget of %d after a 429, want half of 50", got)
		}
		time.Sleep(6 * time.Minute)
		if got := budget(); got != 50 {
			t.Errorf("a budget of %d six minutes later, want 50", got)
		}
	})
}
