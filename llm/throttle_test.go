package llm_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

func TestThrottleKeepsTheMinute(t *testing.T) {
	for _, rpm := range []int{1, 2, 7, 60, 600} {
		synctest.Test(t, func(t *testing.T) {
			p := &scripted{name: "p", steps: []step{{text: "x"}}}
			throttled := llm.Throttle(p, llm.ThrottleOptions{RequestsPerMinute: rpm, MaxWait: 24 * time.Hour, Queue: 10000})
			var wg sync.WaitGroup
			for range 3 * rpm {
				wg.Go(func() {
					if o := ask(t.Context(), throttled); o.err != nil {
						t.Error(o.err)
					}
				})
			}
			wg.Wait()
			slices.SortFunc(p.calls, time.Time.Compare)
			for i := range p.calls {
				if j := i + rpm; j < len(p.calls) && p.calls[j].Sub(p.calls[i]) < time.Minute {
					t.Fatalf("%d requests within %v with a limit of %d a minute", rpm+1, p.calls[j].Sub(p.calls[i]), rpm)
				}
			}
			if took := p.calls[len(p.calls)-1].Sub(p.calls[0]); took > 5*time.Minute {
				t.Errorf("3 minutes' worth of requests took %v", took)
			}
		})
	}
}

func TestThrottleLimitsConcurrencyAndWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{name: "p", steps: []step{{wait: 8 * time.Second, text: "x"}}}
		throttled := llm.Throttle(p, llm.ThrottleOptions{Concurrency: 2, MaxWait: 10 * time.Second})
		var wg sync.WaitGroup
		var mu sync.Mutex
		refused := 0
		for range 6 {
			wg.Go(func() {
				if o := ask(t.Context(), throttled); llm.ClassOf(o.err) == llm.ClassLocal {
					mu.Lock()
					refused++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if p.most != 2 || refused != 2 {
			t.Errorf("%d at a time, %d refused; want 2 at a time, and the 2 that waited over 10 s refused", p.most, refused)
		}
	})
}

// A request larger than the minute's tokens has to go through, alone; the next
// one waits for the minute to pass.
func TestThrottleServesLargeRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{name: "p", steps: []step{{text: "x"}}}
		throttled := llm.Throttle(p, llm.ThrottleOptions{TokensPerMinute: 6000, OutputTokens: 9000, MaxWait: 5 * time.Second})
		for i := range 3 {
			if o := ask(t.Context(), throttled); o.err != nil {
				t.Errorf("request %d to an idle provider: %v", i, o.err)
			}
			if o := ask(t.Context(), throttled); llm.ClassOf(o.err) != llm.ClassLocal {
				t.Errorf("request %d at once after it: %v, want a refusal", i, o.err)
			}
			time.Sleep(2 * time.Minute)
		}
	})
}

// A token limit counts prompt and answer, also of requests above the burst.
func TestThrottleTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{name: "p", steps: []step{{text: "x"}}}
		throttled := llm.Throttle(p, llm.ThrottleOptions{TokensPerMinute: 6000, OutputTokens: 2000, MaxWait: time.Hour})
		for range 6 { // 6 × about 2000 tokens
			ask(t.Context(), throttled)
		}
		if took := p.calls[5].Sub(p.calls[0]); took < time.Minute {
			t.Errorf("12000 tokens went out within %v, with a limit of 6000 a minute", took)
		}
	})
}

// counted is a provider that keeps what a server would count.
type counted struct {
	mu      sync.Mutex
	starts  []time.Time
	tokens  []tokensAt
	running int
	most    int
}

type tokensAt struct {
	at time.Time
	n  int
}

func (c *counted) Name() string { return "counted" }

func (c *counted) Stream(ctx context.Context, req llm.Request) iter.Seq2[llm.Delta, error] {
	return func(yield func(llm.Delta, error) bool) {
		c.mu.Lock()
		c.starts = append(c.starts, time.Now())
		c.running++
		c.most = max(c.most, c.running)
		c.mu.Unlock()
		// The request says how the call goes.
		var takes time.Duration
		var n int
		fmt.Sscan(req.System, &takes, &n)
		select {
		case <-time.After(takes):
		case <-ctx.Done():
		}
		c.mu.Lock()
		c.running--
		c.tokens = append(c.tokens, tokensAt{time.Now(), n})
		c.mu.Unlock()
		usage := llm.Usage{OutputTokens: int64(n)}
		if !yield(llm.Delta{Attempt: &llm.Attempt{Usage: usage}}, nil) {
			return
		}
		yield(llm.Delta{Response: &llm.Response{Usage: usage}}, nil)
	}
}

// Whatever the traffic: no limit is broken in any minute, nobody waits for ever,
// and nothing of the queue is left behind.
func TestThrottleUnderAnyTraffic(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			o := llm.ThrottleOptions{
				RequestsPerMinute: rng.IntN(2) * (1 + rng.IntN(90)), TokensPerMinute: rng.IntN(2) * (500 + rng.IntN(20000)),
				Concurrency: rng.IntN(6), MaxWait: time.Hour, UserQueue: 1000, Queue: 1000, OutputTokens: 100 + rng.IntN(400),
			}
			c := &counted{}
			throttled := llm.Throttle(c, o)
			var wg sync.WaitGroup
			for range 150 {
				takes := time.Duration(rng.IntN(20_000)) * time.Millisecond
				// A call uses less than was reserved, as a rule.
				req := llm.Request{User: fmt.Sprint(rng.IntN(5)), System: fmt.Sprint(takes, rng.IntN(o.OutputTokens))}
				patience := time.Duration(rng.IntN(600)) * time.Second
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					send(ctx, throttled, req)
				})
				if rng.IntN(3) == 0 {
					time.Sleep(time.Duration(rng.IntN(5000)) * time.Millisecond)
				}
			}
			wg.Wait()
			if s := throttled.State(); s.Running != 0 || s.Waiting != 0 {
				t.Fatalf("seed %d: %+v left behind", seed, s)
			}
			if o.Concurrency > 0 && c.most > o.Concurrency {
				t.Errorf("seed %d: %d calls at a time, limit %d", seed, c.most, o.Concurrency)
			}
			for i, from := range c.starts {
				n := 0
				for _, at := range c.starts[i:] {
					if at.Sub(from) < time.Minute {
						n++
					}
				}
				if o.RequestsPerMinute > 0 && n > o.RequestsPerMinute {
					t.Fatalf("seed %d: %d requests in a minute, limit %d", seed, n, o.RequestsPerMinute)
				}
			}
			for i, from := range c.tokens {
				n := 0
				for _, x := range c.tokens[i:] {
					if x.at.Sub(from.at) < time.Minute {
						n += x.n
					}
				}
				if o.TokensPerMinute > 0 && n > o.TokensPerMinute {
					t.Fatalf("seed %d: %d tokens in a minute, limit %d", seed, n, o.TokensPerMinute)
				}
			}
		})
	}
}

// What the provider says counts as much as the configuration.
func TestThrottleObeysTheProvider(t *testing.T) {
	refused := func(after time.Duration) step { return step{err: &llm.Error{Class: llm.ClassRate, RetryAfter: after}} }
	// gaps asks one question after the other and returns the times between calls.
	gaps := func(t *testing.T, n int, o llm.ThrottleOptions, steps ...step) []time.Duration {
		p := &scripted{name: "p", steps: steps}
		o.MaxWait = time.Hour
		throttled := llm.Throttle(p, o)
		for range n {
			ask(t.Context(), throttled)
		}
		var out []time.Duration
		for i := 1; i < len(p.calls); i++ {
			out = append(out, p.calls[i].Sub(p.calls[i-1]).Round(time.Second))
		}
		return out
	}
	ok := step{text: "x"}
	for _, c := range []struct {
		name  string
		o     llm.ThrottleOptions
		steps []step
		want  []time.Duration
	}{
		{"Retry-After holds everybody back", llm.ThrottleOptions{}, []step{refused(30 * time.Second), ok},
			[]time.Duration{30 * time.Second, 0}},
		{"so does one of a 503", llm.ThrottleOptions{}, []step{{err: &llm.Error{Class: llm.ClassServer, RetryAfter: 7 * time.Second}}, ok},
			[]time.Duration{7 * time.Second}},
		{"one after the other halves the rate", llm.ThrottleOptions{RequestsPerMinute: 6}, []step{ok, refused(time.Second), refused(time.Second), ok, ok},
			[]time.Duration{10 * time.Second, 10 * time.Second, 20 * time.Second}},
		{"a 429 halves the rate", llm.ThrottleOptions{RequestsPerMinute: 6}, []step{ok, ok, refused(0), ok},
			[]time.Duration{10 * time.Second, 10 * time.Second, 20 * time.Second}},
		{"nothing configured: the last minute's requests, halved", llm.ThrottleOptions{}, []step{ok, ok, ok, ok, ok, refused(0), ok},
			[]time.Duration{0, 0, 0, 0, 0, 2 * time.Second, 2 * time.Second}},
		{"little left is spread", llm.ThrottleOptions{}, []step{
			{text: "x", told: &llm.RateLimit{Requests: llm.Quota{Limit: 100, Remaining: 5, Reset: time.Minute}}},
			{text: "x", told: &llm.RateLimit{Requests: llm.Quota{Limit: 100, Remaining: 50, Reset: time.Minute}}}, ok},
			[]time.Duration{12 * time.Second, 0}},
		{"nothing left is waited out", llm.ThrottleOptions{}, []step{
			{text: "x", told: &llm.RateLimit{Tokens: llm.Quota{Limit: 100, Remaining: 0, Reset: 40 * time.Second}}}, ok},
			[]time.Duration{40 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := gaps(t, len(c.want)+1, c.o, c.steps...); !slices.Equal(got, c.want) {
					t.Errorf("waited %v between the calls, want %v", got, c.want)
				}
			})
		})
	}
}

// A share that a 429 has taken comes back, a twentieth of the limit a minute.
func TestThrottleRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{name: "p", steps: []step{{err: class(llm.ClassRate)}, {text: "x"}}}
		throttled := llm.Throttle(p, llm.ThrottleOptions{RequestsPerMinute: 60})
		ask(t.Context(), throttled)
		for _, c := range []struct {
			after time.Duration
			share float64
		}{{0, 0.5}, {2 * time.Minute, 0.6}, {8 * time.Minute, 1}, {time.Hour, 1}} {
			time.Sleep(c.after)
			if got := throttled.State().Share; got < c.share-0.01 || got > c.share+0.01 {
				t.Errorf("%v later the share is %.2f, want %.2f", c.after, got, c.share)
			}
		}
	})
}

// Ten requests that were refused together are one refusal.
func TestThrottleHalvesOnceForOneBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{name: "p", steps: []step{{wait: time.Second, err: class(llm.ClassRate)}}}
		throttled := llm.Throttle(p, llm.ThrottleOptions{RequestsPerMinute: 100})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { ask(t.Context(), throttled) })
		}
		wg.Wait()
		if got := throttled.State().Share; got < 0.49 || got > 0.51 {
			t.Errorf("the share is %.3f, want half", got)
		}
	})
}

// What runs and what waits can be looked at, at any moment; a probe's wait is told
// as such.
func TestThrottleTellsItsLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		waits := map[bool]int{} // by Probe
		p := &scripted{name: "p", steps: []step{{wait: time.Second, text: "x"}}}
		throttled := llm.Throttle(p, llm.ThrottleOptions{Concurrency: 2, MaxWait: time.Hour, Recorder: eventFunc(func(e llm.Event) {
			mu.Lock()
			defer mu.Unlock()
			waits[e.Wait.Probe]++
		})})
		expect := func(running, waiting int) {
			t.Helper()
			synctest.Wait()
			want := llm.ThrottleState{Provider: "p", Running: running, Waiting: waiting, Share: 1}
			if got := throttled.State(); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		}
		var wg sync.WaitGroup
		expect(0, 0)
		for i := range 5 {
			wg.Go(func() { send(t.Context(), throttled, llm.Request{Probe: i == 0}) })
			for range 100 { // while others come
				if s := throttled.State(); s.Running > 2 || s.Running+s.Waiting > i+1 {
					t.Fatalf("%+v of %d requests", s, i+1)
				}
			}
		}
		expect(2, 3)
		time.Sleep(1500 * time.Millisecond)
		expect(2, 1)
		time.Sleep(time.Second)
		expect(1, 0)
		wg.Wait()
		expect(0, 0)
		if waits[true] != 1 || waits[false] != 4 {
			t.Errorf("%d waits of probes and %d of others, want 1 and 4", waits[true], waits[false])
		}
	})
}
