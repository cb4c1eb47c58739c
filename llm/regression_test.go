package llm_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

// streamFunc is a Provider made of a function.
type streamFunc struct {
	name string
	f    func(ctx context.Context, req llm.Request, yield func(llm.Delta, error) bool)
}

func (s streamFunc) Name() string { return s.name }

func (s streamFunc) Stream(ctx context.Context, req llm.Request) iter.Seq2[llm.Delta, error] {
	return func(yield func(llm.Delta, error) bool) { s.f(ctx, req, yield) }
}

// thinker reasons aloud for a while, once a second, then ends with err or an answer.
func thinker(name string, think time.Duration, err *llm.Error) streamFunc {
	return streamFunc{name, func(ctx context.Context, _ llm.Request, yield func(llm.Delta, error) bool) {
		for range int(think / time.Second) {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				yield(llm.Delta{}, context.Cause(ctx))
				return
			}
			if !yield(llm.Delta{Reasoning: "hm "}, nil) {
				return
			}
		}
		if err != nil {
			yield(llm.Delta{}, err)
			return
		}
		if yield(llm.Delta{Text: "x"}, nil) {
			yield(llm.Delta{Response: &llm.Response{Provider: name}}, nil)
		}
	}}
}

// A provider that dies while it reasons must not take the fallback's time along.
func TestDeathWhileReasoningStillFallsBack(t *testing.T) {
	for _, think := range []time.Duration{5 * time.Second, 29 * time.Second, 31 * time.Second} {
		t.Run(think.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p1 := thinker("p1", think, &llm.Error{Class: llm.ClassTruncated, Provider: "p1"})
				p2 := &scripted{name: "p2", steps: []step{{wait: 2 * time.Second, text: "x"}}}
				o := ask(t.Context(), llm.Fallback([]llm.Provider{p1, p2}, llm.FallbackOptions{}))
				if o.err != nil {
					t.Errorf("p1 reasoned for %v and died; healthy p2 (2 s to answer) gave: %v", think, o.err)
				}
			})
		})
	}
}

// And p2, who got no time at all, is not to blame.
func TestFallbackWithoutTimeIsNotBlamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p1 := thinker("p1", 31*time.Second, &llm.Error{Class: llm.ClassTruncated, Provider: "p1"})
		p2 := llm.Breaker(&scripted{name: "p2", steps: []step{{wait: 2 * time.Second, text: "x"}}}, llm.BreakerOptions{})
		f := llm.Fallback([]llm.Provider{p1, p2}, llm.FallbackOptions{})
		for range 5 {
			ask(t.Context(), f)
		}
		if s := p2.State(); s.Phase != llm.BreakerClosed || s.Failures != 0 {
			t.Errorf("healthy p2's breaker: %+v", s)
		}
	})
}

// Two people who ask one question after the other must not starve a third's
// second question: "among equals, whoever had no turn for longest".
func TestSerialAskersDoNotStarveAWaitingRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{name: "p", steps: []step{{wait: time.Second, text: "x"}}}
		th := llm.Throttle(p, llm.ThrottleOptions{Concurrency: 1, MaxWait: 10 * time.Minute})
		var wg sync.WaitGroup
		wg.Go(func() { askAs(t.Context(), th, "a") })
		synctest.Wait()
		var waited time.Duration
		wg.Go(func() {
			begun := time.Now()
			askAs(t.Context(), th, "a")
			waited = time.Since(begun)
		})
		synctest.Wait()
		for _, u := range []string{"b", "c"} {
			wg.Go(func() {
				for range 50 {
					askAs(t.Context(), th, u)
				}
			})
		}
		wg.Wait()
		if waited > 10*time.Second {
			t.Errorf("a's second question waited %v behind two people who ask one at a time", waited)
		}
	})
}

// A consumer that panics (or calls runtime.Goexit) while it is told its place
// must leave the queue.
func TestPanicInTheQueueLeaksNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{name: "p", steps: []step{{wait: time.Second, text: "x"}}}
		th := llm.Throttle(p, llm.ThrottleOptions{Concurrency: 1})
		var wg sync.WaitGroup
		wg.Go(func() { ask(t.Context(), th) })
		synctest.Wait()
		wg.Go(func() {
			defer func() { recover() }()
			for d := range th.Stream(t.Context(), llm.Request{User: "b"}) {
				if d.Progress != nil {
					panic("consumer")
				}
			}
		})
		wg.Wait()
		time.Sleep(time.Minute)
		if s := th.State(); s.Running != 0 || s.Waiting != 0 {
			t.Errorf("a minute after everybody has left: %+v", s)
		}
		if o := askAs(t.Context(), th, "c"); o.err != nil {
			t.Errorf("next request: %v", o.err)
		}
	})
}

// When an answer says that the quota is full again, whoever waits goes at once.
func TestGoodNewsWakesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quota := func(remaining int64) *llm.RateLimit {
			return &llm.RateLimit{Requests: llm.Quota{Limit: 100, Remaining: remaining, Reset: 25 * time.Second}}
		}
		n := 0
		var starts []time.Duration
		begun := time.Now()
		p := streamFunc{"p", func(ctx context.Context, _ llm.Request, yield func(llm.Delta, error) bool) {
			n++
			starts = append(starts, time.Since(begun))
			switch n {
			case 1: // a long stream, which brings the good news after 2 s
				time.Sleep(2 * time.Second)
				if !yield(llm.Delta{RateLimit: quota(90)}, nil) {
					return
				}
				time.Sleep(60 * time.Second)
			case 2:
				if !yield(llm.Delta{RateLimit: quota(0)}, nil) {
					return
				}
				time.Sleep(60 * time.Second)
			}
			yield(llm.Delta{Response: &llm.Response{}}, nil)
		}}
		th := llm.Throttle(p, llm.ThrottleOptions{MaxWait: 30 * time.Second})
		var wg sync.WaitGroup
		for _, u := range []string{"a", "b", "c"} {
			wg.Go(func() { askAs(t.Context(), th, u) })
			synctest.Wait()
		}
		wg.Wait()
		if starts[2] > 3*time.Second {
			t.Errorf("the quota was full again after 2 s, the waiting request went after %v", starts[2])
		}
	})
}

// A daily token quota that runs short slows requests down, whatever their size.
func TestGapOverflow(t *testing.T) {
	for _, reserve := range []int{1000, 150_000} {
		t.Run(fmt.Sprint(reserve), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := &llm.RateLimit{Tokens: llm.Quota{Limit: 10_000_000, Remaining: 900_000, Reset: 24 * time.Hour}}
				p := &scripted{name: "p", steps: []step{{text: "x", told: told}}}
				th := llm.Throttle(p, llm.ThrottleOptions{OutputTokens: reserve, MaxWait: 48 * time.Hour})
				ask(t.Context(), th)
				ask(t.Context(), th)
				if gap := p.calls[1].Sub(p.calls[0]); gap < time.Minute {
					t.Errorf("requests of %d tokens: gap %v, want Reset·tokens/Remaining = %v", reserve, gap,
						time.Duration(float64(24*time.Hour)*float64(reserve)/900_000))
				}
			})
		})
	}
}

// "One whose wait would be longer than MaxWait is refused at once".
func TestKnownTokenWaitIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := streamFunc{"p", func(_ context.Context, _ llm.Request, yield func(llm.Delta, error) bool) {
			if yield(llm.Delta{Attempt: &llm.Attempt{Usage: llm.Usage{InputTokens: 1000}}}, nil) {
				yield(llm.Delta{Response: &llm.Response{}}, nil)
			}
		}}
		th := llm.Throttle(p, llm.ThrottleOptions{TokensPerMinute: 1000, OutputTokens: 500})
		ask(t.Context(), th) // nothing is left for 61 s
		begun := time.Now()
		o := ask(t.Context(), th)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("the 61 s are known, MaxWait is 10 s, yet it was refused after %v: %v", took, o.err)
		}
	})
}

// One question must not become
// thousands of calls.
func TestFallbackAsksAFewTimesOnly(t *testing.T) {
	for _, after := range []time.Duration{time.Millisecond, 100 * time.Millisecond, time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := class(llm.ClassRate)
				e.RetryAfter = after
				p := &scripted{name: "p", steps: []step{{err: e}}}
				q := &scripted{name: "q", steps: []step{{err: class(llm.ClassServer)}}} // does not say when
				ask(t.Context(), llm.Fallback([]llm.Provider{p, q}, llm.FallbackOptions{}))
				if p.count() > 2 || q.count() > 2 {
					t.Errorf("Retry-After %v: one question made %d calls to p and %d to q", after, p.count(), q.count())
				}
			})
		})
	}
}

// Instead is for answers of another provider.
func TestInsteadOfItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := class(llm.ClassRate)
		e.RetryAfter = 2 * time.Second
		p := &scripted{name: "p", steps: []step{{err: e}, {text: "x"}}}
		o := ask(t.Context(), llm.Fallback([]llm.Provider{p}, llm.FallbackOptions{}))
		if o.response == nil || o.response.Instead != nil {
			t.Errorf("p alone answered, yet: %+v, %v", o.response, o.err)
		}
	})
}

// "A request that is too long for one is asked of the next whose window is
// larger."
func TestNextLargerWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{name: "p", steps: []step{{err: class(llm.ClassContext)}}}
		q := &scripted{name: "q", steps: []step{{err: class(llm.ClassContext)}}}
		r := &scripted{name: "r", steps: []step{{text: "x"}}}
		o := ask(t.Context(), llm.Fallback([]llm.Provider{p, q, r}, llm.FallbackOptions{ContextWindows: []int{16_000, 8_000, 128_000}}))
		if o.err != nil {
			t.Errorf("r reads 128k, p only 16k, yet: %v", o.err)
		}
	})
}

// A recovered provider whose model thinks for longer than a lease must be let in
// again, however many people ask.
func TestSlowTrialClosesTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		well := thinker("p", 40*time.Second, nil)
		p := streamFunc{"p", func(ctx context.Context, req llm.Request, yield func(llm.Delta, error) bool) {
			if down {
				yield(llm.Delta{}, class(llm.ClassServer))
				return
			}
			well.f(ctx, req, yield)
		}}
		b := llm.Breaker(p, llm.BreakerOptions{})
		for range 5 {
			ask(t.Context(), b)
		}
		down = false
		var wg sync.WaitGroup
		var mu sync.Mutex
		answered, refused := 0, 0
		for range 600 { // a question a second for ten minutes
			wg.Go(func() {
				o := ask(t.Context(), b)
				mu.Lock()
				defer mu.Unlock()
				if o.err != nil {
					refused++
				} else {
					answered++
				}
			})
			time.Sleep(time.Second)
		}
		s := b.State()
		wg.Wait()
		if s.Phase != llm.BreakerClosed {
			t.Errorf("ten minutes after the recovery: %s; %d answered, %d refused", s.Phase, answered, refused)
		}
	})
}
