package llm_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

var (
	good = step{text: "answer"}
	bad  = step{err: class(llm.ClassServer)}
)

func TestBreakerOpensAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{name: "p", steps: []step{bad, bad, bad, bad, good}}
		var seen []llm.BreakerPhase
		b := llm.Breaker(p, llm.BreakerOptions{Failures: 3, Recorder: eventFunc(func(e llm.Event) {
			if e.Breaker != nil {
				seen = append(seen, e.Breaker.Phase)
			}
		})})
		for range 3 {
			ask(t.Context(), b)
		}
		s := b.State()
		if s.Phase != llm.BreakerOpen || s.LastErr == nil {
			t.Fatalf("after 3 failures: %+v, want open", s)
		}
		begun := time.Now()
		o := ask(t.Context(), b)
		if e := asLocal(o.err); e == nil || e.RetryAfter <= 0 || time.Since(begun) > 0 || p.count() != 3 {
			t.Errorf("an open breaker gave %v after %v; want a refusal at once that names the next trial", o.err, time.Since(begun))
		}
		first := time.Until(s.Until)
		time.Sleep(first)
		ask(t.Context(), b) // the trial fails
		second := time.Until(b.State().Until)
		if first < 4*time.Second || first > 6*time.Second || second < 8*time.Second || second > 12*time.Second {
			t.Errorf("pauses of %v and %v, want about 5 s and then 10 s", first, second)
		}
		time.Sleep(second)
		if o := ask(t.Context(), b); o.text != "answer" || b.State().Phase != llm.BreakerClosed {
			t.Errorf("%+v, %+v; want the trial's answer to close the breaker", o, b.State())
		}
		want := []llm.BreakerPhase{llm.BreakerOpen, llm.BreakerHalfOpen, llm.BreakerOpen, llm.BreakerHalfOpen, llm.BreakerClosed}
		if len(seen) != len(want) {
			t.Errorf("observed %v, want %v", seen, want)
		}
	})
}

func asLocal(err error) *llm.Error {
	if e, ok := err.(*llm.Error); ok && e.Class == llm.ClassLocal {
		return e
	}
	return nil
}

func TestBreakerVerdicts(t *testing.T) {
	for _, c := range []struct {
		name  string
		step  step
		calls int
		phase llm.BreakerPhase
	}{
		{"429 is not ill health", step{err: &llm.Error{Class: llm.ClassRate, RetryAfter: time.Second}}, 20, llm.BreakerClosed},
		{"429 that never says until when is", step{err: class(llm.ClassRate)}, 5, llm.BreakerOpen},
		{"too many of one user is not", step{err: class(llm.ClassFlood)}, 20, llm.BreakerClosed},
		{"an empty answer is not", step{err: &llm.Error{Class: llm.ClassProtocol, Code: llm.EmptyAnswer}}, 20, llm.BreakerClosed},
		{"a long prompt is not", step{err: class(llm.ClassContext)}, 20, llm.BreakerClosed},
		{"moderation is not", step{err: class(llm.ClassContent)}, 20, llm.BreakerClosed},
		{"our limiter is not", step{err: class(llm.ClassLocal)}, 20, llm.BreakerClosed},
		{"a wrong key opens at once", step{err: class(llm.ClassAuth)}, 1, llm.BreakerOpen},
		{"an empty account opens at once", step{err: class(llm.ClassQuota)}, 1, llm.BreakerOpen},
		{"an unknown model opens at once", step{err: class(llm.ClassModel)}, 1, llm.BreakerOpen},
		{"four failures do not open", bad, 4, llm.BreakerClosed},
		{"five do", bad, 5, llm.BreakerOpen},
		{"streams that die without text are failures", step{err: class(llm.ClassTruncated)}, 5, llm.BreakerOpen},
		{"answers that break off are failures", step{text: "half", err: class(llm.ClassTruncated)}, 5, llm.BreakerOpen},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := llm.Breaker(&scripted{name: "p", steps: []step{c.step}}, llm.BreakerOptions{})
				for range c.calls {
					ask(t.Context(), b)
				}
				if got := b.State().Phase; got != c.phase {
					t.Errorf("after %d calls the breaker is %s, want %s", c.calls, got, c.phase)
				}
			})
		})
	}
}

// In the half-open phase one caller tries; the others are refused and not
// queued behind a provider that may hang.
func TestBreakerAdmitsOneTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{name: "p", steps: []step{bad, {wait: 10 * time.Second, text: "answer"}}}
		b := llm.Breaker(p, llm.BreakerOptions{Failures: 1})
		ask(t.Context(), b)
		time.Sleep(time.Until(b.State().Until))
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { ask(t.Context(), b) })
		}
		wg.Wait()
		if p.count() != 2 {
			t.Errorf("%d calls reached the provider, want the failure and one trial", p.count())
		}
	})
}

// Whoever presses Stop during the trial lets the next one try at once.
func TestBreakerCancelledTrialGivesThePlaceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{name: "p", steps: []step{bad, {wait: time.Hour, text: "late"}, good}}
		b := llm.Breaker(p, llm.BreakerOptions{Failures: 1})
		ask(t.Context(), b)
		time.Sleep(time.Until(b.State().Until))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ask(ctx, b)
		if o := ask(t.Context(), b); o.err != nil {
			t.Errorf("%v right after a cancelled trial, want the answer", o.err)
		}
	})
}

// A stream that began before the breaker opened says nothing about recovery.
func TestBreakerIgnoresStaleSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{name: "p", steps: []step{{wait: time.Second, text: "old answer"}, bad}}
		b := llm.Breaker(p, llm.BreakerOptions{Failures: 2})
		var wg sync.WaitGroup
		wg.Go(func() { ask(t.Context(), b) })
		synctest.Wait()
		ask(t.Context(), b)
		ask(t.Context(), b)
		wg.Wait()
		if got := b.State().Phase; got != llm.BreakerOpen {
			t.Errorf("a stale success moved the breaker to %s", got)
		}
	})
}

// No sequence of calls, however they end, leaves a provider that works shut
// out: after a pause and a lease at most, one call closes the breaker.
func TestBreakerIsNeverWedged(t *testing.T) {
	steps := []step{good, bad, {err: class(llm.ClassAuth)}, {err: class(llm.ClassRate)}, {text: "half", err: class(llm.ClassTruncated)},
		{wait: 90 * time.Second, text: "late"}}
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			p := &scripted{name: "p"}
			for range 40 {
				p.steps = append(p.steps, steps[rng.IntN(len(steps))])
			}
			p.steps = append(p.steps, good)
			b := llm.Breaker(p, llm.BreakerOptions{Failures: 2})
			var wg sync.WaitGroup
			for p.count() < 40 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(100))*time.Second)
				leave := rng.IntN(4) == 0
				wg.Go(func() {
					defer cancel()
					for range b.Stream(ctx, llm.Request{}) {
						if leave {
							break
						}
					}
				})
				time.Sleep(time.Duration(rng.IntN(10)) * time.Second)
			}
			wg.Wait()
			time.Sleep(2 * time.Minute)
			if o := ask(t.Context(), b); o.text != "answer" || b.State().Phase != llm.BreakerClosed {
				t.Fatalf("seed %d: %v, %+v; want a working provider to be asked again", seed, o.err, b.State())
			}
		})
	}
}

// A model that a request chose and the provider does not know is refused from
// then on; everybody else is served.
func TestBreakerRefusesOneModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		p := requests(func(req llm.Request, yield func(llm.Delta, error) bool) {
			asked = append(asked, req.Model)
			if req.Model == "wrong" {
				yield(llm.Delta{}, class(llm.ClassModel))
				return
			}
			yield(llm.Delta{Response: &llm.Response{}}, nil)
		})
		b := llm.Breaker(p, llm.BreakerOptions{})
		for range 2 {
			for _, model := range []string{"wrong", "", "right"} {
				send(t.Context(), b, llm.Request{Model: model})
			}
		}
		time.Sleep(2 * time.Minute)
		send(t.Context(), b, llm.Request{Model: "wrong"})
		if want := []string{"wrong", "", "right", "", "right", "wrong"}; !slices.Equal(asked, want) {
			t.Errorf("asked for %q, want %q: once for the wrong one, and again after a pause", asked, want)
		}
		if got := b.State().Phase; got != llm.BreakerClosed {
			t.Errorf("the breaker is %s", got)
		}
	})
}

// Failures that are never five in a row, but two of three calls, open it too;
// a few of many do not.
func TestBreakerOpensOnARatio(t *testing.T) {
	for _, c := range []struct {
		name  string
		every []step
		gap   time.Duration
		phase llm.BreakerPhase
	}{
		{"two of three", []step{bad, bad, good}, time.Second, llm.BreakerOpen},
		{"one of three", []step{bad, good, good}, time.Second, llm.BreakerClosed},
		{"two of three, but hardly any traffic", []step{bad, bad, good}, 10 * time.Second, llm.BreakerClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &scripted{name: "p"}
				for range 10 {
					p.steps = append(p.steps, c.every...)
				}
				b := llm.Breaker(p, llm.BreakerOptions{})
				for range 15 {
					ask(t.Context(), b)
					time.Sleep(c.gap)
				}
				opened := b.State().Phase != llm.BreakerClosed || p.count() < 15
				if opened != (c.phase == llm.BreakerOpen) {
					t.Errorf("%+v after %d calls, want %s", b.State(), p.count(), c.phase)
				}
			})
		})
	}
}

// Attempts count: the retries of one call are enough to open, and end there. A
// failure that a retry cured is forgotten.
func TestBreakerCountsAttempts(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []step
		calls int // that reach the provider
		class llm.Class
		phase llm.BreakerPhase
	}{
		{"dead", []step{bad}, 3, llm.ClassServer, llm.BreakerOpen},
		{"cured by the second retry", []step{bad, bad, good}, 3, "", llm.BreakerClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &scripted{name: "p", steps: c.steps}
				b := llm.Breaker(llm.Retry(p, llm.RetryOptions{Max: 5, Within: time.Minute}), llm.BreakerOptions{Failures: 3})
				o := ask(t.Context(), b)
				if p.count() != c.calls || llm.ClassOf(o.err) != c.class || b.State().Phase != c.phase {
					t.Errorf("%d calls, %v, %s; want %d, class %q, %s", p.count(), o.err, b.State().Phase, c.calls, c.class, c.phase)
				}
				if c.phase == llm.BreakerClosed && b.State().Failures != 0 {
					t.Errorf("%d failures are remembered after an answer", b.State().Failures)
				}
			})
		})
	}
}

// Many long streams that still run say nothing about those that ended.
func TestBreakerCountsFinishedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{name: "p"}
		for range 20 {
			p.steps = append(p.steps, step{wait: time.Hour, text: "long"})
		}
		p.steps = append(p.steps, bad)
		b := llm.Breaker(p, llm.BreakerOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { ask(ctx, b) })
		}
		synctest.Wait()
		for range 5 {
			ask(t.Context(), b)
		}
		if got := b.State().Phase; got != llm.BreakerOpen {
			t.Errorf("five failures of five finished calls: %s", got)
		}
		cancel()
		wg.Wait()
	})
}

// The figure is what the breaker adds to a call.
func BenchmarkBreaker(b *testing.B) {
	bare := &instant{}
	p := llm.Breaker(bare, llm.BreakerOptions{})
	call := func(p llm.Provider) {
		for range p.Stream(b.Context(), llm.Request{}) {
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		call(p)
	}
	with := b.Elapsed()
	b.StopTimer()
	begun := time.Now()
	for range b.N {
		call(bare)
	}
	added := with - time.Since(begun)
	b.ReportMetric(float64(added.Nanoseconds())/float64(b.N), "ns-added/call(budget:300)")
}
