package llm_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

// step is what a scripted provider does in one call.
type step struct {
	wait time.Duration
	text string
	err  *llm.Error
}

// scripted is a provider that plays steps, the last one for ever.
type scripted struct {
	name  string
	steps []step

	mu      sync.Mutex
	calls   []time.Time
	running int
	most    int
}

func (s *scripted) Name() string { return s.name }

func (s *scripted) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

func (s *scripted) Stream(ctx context.Context, req llm.Request) iter.Seq2[llm.Delta, error] {
	return func(yield func(llm.Delta, error) bool) {
		s.mu.Lock()
		st := s.steps[min(len(s.calls), len(s.steps)-1)]
		s.calls = append(s.calls, time.Now())
		s.running++
		s.most = max(s.most, s.running)
		s.mu.Unlock()
		defer func() { s.mu.Lock(); s.running--; s.mu.Unlock() }()
		select {
		case <-time.After(st.wait):
		case <-ctx.Done():
			yield(llm.Delta{}, context.Cause(ctx))
			return
		}
		if st.text != "" && !yield(llm.Delta{Text: st.text}, nil) {
			return
		}
		if st.err != nil {
			e := *st.err
			e.Provider = s.name
			yield(llm.Delta{}, &e)
			return
		}
		yield(llm.Delta{Response: &llm.Response{Provider: s.name}}, nil)
	}
}

func class(c llm.Class) *llm.Error { return &llm.Error{Class: c} }

// outcome of a stream: the text as a person would see it in the end.
type outcome struct {
	text     string
	restarts int
	stages   []llm.Stage
	response *llm.Response
	err      error
}

func ask(ctx context.Context, p llm.Provider) outcome {
	var o outcome
	for d, err := range p.Stream(ctx, llm.Request{Messages: []llm.Message{{Role: llm.RoleUser, Content: "hello"}}}) {
		if err != nil {
			o.err = err
			break
		}
		if d.Restart != nil {
			o.text = ""
			o.restarts++
		}
		if d.Progress != nil {
			o.stages = append(o.stages, d.Progress.Stage)
		}
		o.text += d.Text
		if d.Response != nil {
			o.response = d.Response
		}
	}
	return o
}

func TestRetry(t *testing.T) {
	ok := step{text: "answer"}
	for _, c := range []struct {
		name  string
		steps []step
		calls int
		text  string
		class llm.Class
	}{
		{"first try", []step{ok}, 1, "answer", ""},
		{"after a lost connection", []step{{err: class(llm.ClassConnect)}, ok}, 2, "answer", ""},
		{"after two server errors", []step{{err: class(llm.ClassServer)}, {err: class(llm.ClassServer)}, ok}, 3, "answer", ""},
		{"Max is kept", []step{{err: class(llm.ClassServer)}}, 4, "", llm.ClassServer},
		{"a wrong key stays wrong", []step{{err: class(llm.ClassAuth)}, ok}, 1, "", llm.ClassAuth},
		{"a bad request stays bad", []step{{err: class(llm.ClassRequest)}, ok}, 1, "", llm.ClassRequest},
		{"a time-out leaves no time", []step{{err: class(llm.ClassTimeout)}, ok}, 1, "", llm.ClassTimeout},
		{"short Retry-After", []step{{err: &llm.Error{Class: llm.ClassRate, RetryAfter: time.Second}}, ok}, 2, "answer", ""},
		{"Retry-After beyond the bound", []step{{err: &llm.Error{Class: llm.ClassRate, RetryAfter: time.Minute}}, ok}, 1, "", llm.ClassRate},
		{"never after visible text", []step{{text: "half", err: class(llm.ClassServer)}, ok}, 1, "half", llm.ClassServer},
		{"no attempt after the bound", []step{{wait: 16 * time.Second, err: class(llm.ClassServer)}, ok}, 1, "", llm.ClassServer},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &scripted{name: "p", steps: c.steps}
				o := ask(t.Context(), llm.Retry(p, llm.RetryOptions{Max: 3, Within: 15 * time.Second}))
				if p.count() != c.calls || o.text != c.text || llm.ClassOf(o.err) != c.class {
					t.Errorf("%d calls, %q, %v; want %d, %q, class %q", p.count(), o.text, o.err, c.calls, c.text, c.class)
				}
			})
		})
	}
}

// A Retry-After is a floor, and waits are spread.
func TestRetryWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gaps := map[time.Duration]bool{}
		for range 20 {
			p := &scripted{name: "p", steps: []step{{err: &llm.Error{Class: llm.ClassRate, RetryAfter: 2 * time.Second}}, {text: "x"}}}
			ask(t.Context(), llm.Retry(p, llm.RetryOptions{Max: 1}))
			gap := p.calls[1].Sub(p.calls[0])
			if gap < 2*time.Second || gap > 2500*time.Millisecond {
				t.Fatalf("asked again after %v; want the Retry-After of 2 s and up to 500 ms more", gap)
			}
			gaps[gap] = true
		}
		if len(gaps) < 10 {
			t.Errorf("%d different waits of 20: callers that failed together come back together", len(gaps))
		}
	})
}

func TestRetryEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := errors.New("stop")
		time.AfterFunc(100*time.Millisecond, func() { cancel(stop) })
		p := &scripted{name: "p", steps: []step{{err: &llm.Error{Class: llm.ClassRate, RetryAfter: 2 * time.Second}}}}
		begun := time.Now()
		if o := ask(ctx, llm.Retry(p, llm.RetryOptions{Max: 5})); !errors.Is(o.err, stop) || time.Since(begun) > time.Second {
			t.Errorf("%v after %v; want the context's cause at once", o.err, time.Since(begun))
		}
	})
}

func TestFallback(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second step
		text          string
		class         llm.Class // of the error
		instead       llm.Class // why the first did not answer
		restarts      int
	}{
		{name: "not needed", first: step{text: "one"}, second: step{text: "two"}, text: "one"},
		{name: "outage", first: step{err: class(llm.ClassServer)}, second: step{text: "two"}, text: "two", instead: llm.ClassServer},
		{name: "wrong key", first: step{err: class(llm.ClassAuth)}, second: step{text: "two"}, text: "two", instead: llm.ClassAuth},
		{name: "rate limit", first: step{err: class(llm.ClassRate)}, second: step{text: "two"}, text: "two", instead: llm.ClassRate},
		{name: "our own limiter", first: step{err: class(llm.ClassLocal)}, second: step{text: "two"}, text: "two", instead: llm.ClassLocal},
		{name: "moderation does not shop around", first: step{err: class(llm.ClassContent)}, second: step{text: "two"}, class: llm.ClassContent},
		{name: "a bad request is ours", first: step{err: class(llm.ClassRequest)}, second: step{text: "two"}, class: llm.ClassRequest},
		{name: "death in the middle", first: step{text: "half", err: class(llm.ClassTruncated)}, second: step{text: "two"}, text: "two", instead: llm.ClassTruncated, restarts: 1},
		{name: "all dead", first: step{err: class(llm.ClassServer)}, second: step{err: class(llm.ClassTimeout)}, class: llm.ClassTimeout},
		{name: "the telling error wins", first: step{err: class(llm.ClassServer)}, second: step{err: class(llm.ClassLocal)}, class: llm.ClassServer},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, second := &scripted{name: "one", steps: []step{c.first}}, &scripted{name: "two", steps: []step{c.second}}
			o := ask(t.Context(), llm.Fallback(first, second))
			if llm.ClassOf(o.err) != c.class || c.class == "" && o.text != c.text || o.restarts != c.restarts {
				t.Errorf("%q, %v, %d restarts; want %q, class %q, %d", o.text, o.err, o.restarts, c.text, c.class, c.restarts)
			}
			if c.class != "" {
				return
			}
			var instead llm.Class
			if o.response.Instead != nil {
				instead = o.response.Instead.Class
			}
			if instead != c.instead {
				t.Errorf("Instead is %q, want %q", instead, c.instead)
			}
		})
	}
}

// Half an answer stays on screen if no other provider has anything to say.
func TestFallbackKeepsTheHalfAnswer(t *testing.T) {
	a := &scripted{name: "a", steps: []step{{text: "half", err: class(llm.ClassTruncated)}}}
	b := &scripted{name: "b", steps: []step{{err: class(llm.ClassAuth)}}}
	if o := ask(t.Context(), llm.Fallback(a, b)); o.text != "half" || o.restarts != 0 || o.err == nil {
		t.Errorf("%q, %d restarts, %v; want the half answer and an error", o.text, o.restarts, o.err)
	}
}

// One answer is started over at most once.
func TestFallbackRestartsOnce(t *testing.T) {
	half := []step{{text: "half", err: class(llm.ClassTruncated)}}
	a, b, c := &scripted{name: "a", steps: half}, &scripted{name: "b", steps: half}, &scripted{name: "c", steps: half}
	o := ask(t.Context(), llm.Fallback(a, b, c))
	if o.restarts != 1 || c.count() != 0 || llm.ClassOf(o.err) != llm.ClassTruncated {
		t.Errorf("%d restarts, %d calls of the third, %v; want one restart and then the error", o.restarts, c.count(), o.err)
	}
}

func TestThrottleKeepsTheMinute(t *testing.T) {
	for _, rpm := range []int{1, 2, 7, 60, 600} {
		synctest.Test(t, func(t *testing.T) {
			p := &scripted{name: "p", steps: []step{{text: "x"}}}
			throttled := llm.Throttle(p, llm.ThrottleOptions{RequestsPerMinute: rpm, MaxWait: 24 * time.Hour})
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

// A large request to an idle provider is served, and one that is refused takes
// nothing from those after it.
func TestThrottleServesLargeRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{name: "p", steps: []step{{text: "x"}}}
		throttled := llm.Throttle(p, llm.ThrottleOptions{TokensPerMinute: 6000, OutputTokens: 5000, MaxWait: 5 * time.Second})
		for i := range 3 {
			if o := ask(t.Context(), throttled); o.err != nil {
				t.Errorf("request %d to an idle provider: %v", i, o.err)
			}
			if o := ask(t.Context(), throttled); llm.ClassOf(o.err) != llm.ClassLocal {
				t.Errorf("request %d at once after it: %v, want a refusal", i, o.err)
			}
			time.Sleep(30 * time.Second)
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

func TestCost(t *testing.T) {
	price, err := llm.PerMillion(5.21, 1.04, 16.44)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		u    llm.Usage
		want int64
	}{
		{llm.Usage{}, 0},
		{llm.Usage{InputTokens: 1_000_000}, 5_210_000_000},
		{llm.Usage{InputTokens: 1_000_000, CachedInputTokens: 1_000_000}, 1_040_000_000},
		{llm.Usage{InputTokens: 1000, CachedInputTokens: 400, OutputTokens: 100}, 600*5210 + 400*1040 + 100*16440},
		{llm.Usage{InputTokens: 10, CachedInputTokens: 99}, 10 * 1040}, // a server that counts wrong
		{llm.Usage{InputTokens: 1 << 40}, 5_728_421_230_000_000 + 0},
	} {
		got := price.Cost(c.u)
		if c.u.InputTokens == 1<<40 {
			if got < 5_700_000_000_000_000 || got > 5_760_000_000_000_000 {
				t.Errorf("cost of %d tokens overflows: %d", c.u.InputTokens, got)
			}
			continue
		}
		if got != c.want {
			t.Errorf("cost of %+v: %d nano-USD, want %d", c.u, got, c.want)
		}
	}
	for _, bad := range []float64{-1, 1e9} {
		if _, err := llm.PerMillion(bad, 0, 0); err == nil {
			t.Errorf("price %v was accepted", bad)
		}
	}
}

func TestErrorTextHidesKeys(t *testing.T) {
	e := &llm.Error{Class: llm.ClassAuth, Provider: "p", Status: 401, Err: fmt.Errorf("Authorization: Bearer sk-abcdefgh123456")}
	if s := e.Error(); strings.Contains(s, "abcdefgh") || !strings.Contains(s, "401") {
		t.Errorf("error text %q", s)
	}
}

// instant answers without any work.
type instant struct{}

func (*instant) Name() string { return "instant" }

func (*instant) Stream(context.Context, llm.Request) iter.Seq2[llm.Delta, error] {
	return func(yield func(llm.Delta, error) bool) { yield(llm.Delta{Response: &llm.Response{}}, nil) }
}
