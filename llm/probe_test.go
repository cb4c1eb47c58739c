package llm_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

// patient is a provider that can be broken and mended, with a ping of its own.
type patient struct {
	mu     sync.Mutex
	ping   error
	answer *llm.Error // nil: it answers
	pings  []time.Time
	probes int
	asked  int
}

func (p *patient) set(ping error, answer *llm.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ping, p.answer = ping, answer
}

func (p *patient) Ping(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pings = append(p.pings, time.Now())
	return p.ping
}

func (p *patient) provider() llm.Provider {
	return requests(func(req llm.Request, yield func(llm.Delta, error) bool) {
		p.mu.Lock()
		err := p.answer
		if req.Probe {
			p.probes++
		} else {
			p.asked++
		}
		p.mu.Unlock()
		if err != nil {
			yield(llm.Delta{}, err)
			return
		}
		yield(llm.Delta{Text: "answer"}, nil)
		yield(llm.Delta{Response: &llm.Response{}}, nil)
	})
}

// watched runs f with a breaker whose prober runs.
func watched(t *testing.T, p *patient, f func(*testing.T, *llm.BreakerProvider)) {
	synctest.Test(t, func(t *testing.T) {
		b := llm.Breaker(p.provider(), llm.BreakerOptions{Failures: 2, Ping: p.Ping})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { b.Run(ctx) })
		synctest.Wait()
		f(t, b)
		cancel()
		wg.Wait()
	})
}

// No person's question is spent on finding out whether a provider is back.
func TestProbeTriesBeforePeopleDo(t *testing.T) {
	p := &patient{}
	watched(t, p, func(t *testing.T, b *llm.BreakerProvider) {
		p.set(errors.New("down"), class(llm.ClassConnect))
		for range 2 {
			ask(t.Context(), b)
		}
		for range 300 { // five minutes of somebody asking every second
			time.Sleep(time.Second)
			ask(t.Context(), b)
		}
		if p.asked != 2 {
			t.Errorf("%d questions reached the dead provider, want the 2 that opened the breaker", p.asked)
		}
		if n := len(p.pings); n < 6 || n > 12 || p.probes != 0 {
			t.Errorf("%d pings and %d probes in five minutes; want a few pings, further and further apart, and nothing that costs", n, p.probes)
		}
		for i := 1; i < len(p.pings); i++ {
			if gap := p.pings[i].Sub(p.pings[i-1]); gap > 73*time.Second {
				t.Errorf("a pause of %v, want no more than a minute and a fifth", gap)
			}
		}
		p.set(nil, nil)
		time.Sleep(75 * time.Second)
		if s := b.State(); s.Phase != llm.BreakerHalfOpen || p.probes != 1 {
			t.Errorf("after a probe went well: %+v, %d probes; want half-open after one", s, p.probes)
		}
		if o := ask(t.Context(), b); o.text != "answer" || b.State().Phase != llm.BreakerClosed {
			t.Errorf("%v, %+v; want the first question to close the breaker", o.err, b.State())
		}
	})
}

// A provider that lists its models but answers nothing is not back.
func TestProbeAsksForAnAnswer(t *testing.T) {
	p := &patient{}
	watched(t, p, func(t *testing.T, b *llm.BreakerProvider) {
		p.set(nil, class(llm.ClassQuota))
		ask(t.Context(), b)
		time.Sleep(5 * time.Minute)
		if s := b.State(); s.Phase != llm.BreakerOpen || p.probes < 4 || s.LastErr.Class != llm.ClassQuota {
			t.Errorf("%+v after %d probes; want open, as the account is empty", s, p.probes)
		}
	})
}

// A model that has nothing to say in one token is back all the same.
func TestProbeTakesAnEmptyAnswer(t *testing.T) {
	p := &patient{}
	watched(t, p, func(t *testing.T, b *llm.BreakerProvider) {
		p.set(nil, class(llm.ClassServer))
		for range 2 {
			ask(t.Context(), b)
		}
		p.set(nil, &llm.Error{Class: llm.ClassProtocol, Code: llm.EmptyAnswer})
		time.Sleep(time.Minute)
		if s := b.State(); s.Phase != llm.BreakerHalfOpen {
			t.Errorf("%+v, want half-open", s)
		}
	})
}

// If the prober is gone, or hangs, people's questions are the trial again.
func TestPeopleTryIfTheProberDoesNot(t *testing.T) {
	t.Run("gone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &patient{}
			b := llm.Breaker(p.provider(), llm.BreakerOptions{Failures: 1, Ping: p.Ping})
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			b.Run(ctx)
			p.set(nil, class(llm.ClassServer))
			ask(t.Context(), b)
			p.set(nil, nil)
			time.Sleep(10 * time.Second)
			if o := ask(t.Context(), b); o.err != nil {
				t.Errorf("%v, want the answer", o.err)
			}
		})
	})
	t.Run("slow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &patient{}
			slow := func(context.Context) error { time.Sleep(10 * time.Minute); return nil } // heeds no context
			b := llm.Breaker(p.provider(), llm.BreakerOptions{Failures: 1, Ping: slow})
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { b.Run(ctx) })
			p.set(nil, class(llm.ClassServer))
			ask(t.Context(), b)
			p.set(nil, nil)
			time.Sleep(7 * time.Second)
			if o := ask(t.Context(), b); llm.ClassOf(o.err) != llm.ClassLocal {
				t.Errorf("%v while the probe runs, want a refusal", o.err)
			}
			time.Sleep(30 * time.Second)
			if o := ask(t.Context(), b); o.err != nil || b.State().Phase != llm.BreakerClosed {
				t.Errorf("%v, %+v a lease later; want the question to be the trial", o.err, b.State())
			}
			time.Sleep(10 * time.Minute)
			if got := b.State().Phase; got != llm.BreakerClosed {
				t.Errorf("the late probe moved the breaker to %s", got)
			}
			cancel()
			wg.Wait()
		})
	})
}

// requests is a Provider made of one function.
type requests func(llm.Request, func(llm.Delta, error) bool)

func (requests) Name() string { return "func" }

func (f requests) Stream(_ context.Context, req llm.Request) iter.Seq2[llm.Delta, error] {
	return func(yield func(llm.Delta, error) bool) { f(req, yield) }
}
