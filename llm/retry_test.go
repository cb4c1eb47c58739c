package llm_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

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

// When everybody's calls fail, retries are a fifth of the calls and a few more,
// however many attempts each call may make.
func TestRetryBudget(t *testing.T) {
	for _, c := range []struct {
		name     string
		calls    int
		every    time.Duration
		min, max int // retries
	}{
		{"one call has its retries", 1, 0, 3, 3},
		{"a storm", 200, 50 * time.Millisecond, 30, 60},
		{"a trickle keeps its retries", 20, time.Minute, 60, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				denied := 0
				p := &scripted{name: "p", steps: []step{bad}}
				r := llm.Retry(p, llm.RetryOptions{Max: 3, Base: time.Millisecond, Recorder: eventFunc(func(e llm.Event) {
					if e.Denied != nil {
						denied++
					}
				})})
				for range c.calls {
					if o := ask(t.Context(), r); llm.ClassOf(o.err) != llm.ClassServer {
						t.Fatalf("error %v, want the provider's own", o.err)
					}
					time.Sleep(c.every)
				}
				if n := p.count() - c.calls; n < c.min || n > c.max {
					t.Errorf("%d retries for %d calls, want %d to %d", n, c.calls, c.min, c.max)
				}
				if (denied > 0) != (c.max < 3*c.calls) {
					t.Errorf("%d retries were recorded as denied", denied)
				}
			})
		})
	}
}
