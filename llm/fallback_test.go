package llm_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

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
			o := ask(t.Context(), llm.Fallback([]llm.Provider{first, second}, llm.FallbackOptions{}))
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
	if o := ask(t.Context(), llm.Fallback([]llm.Provider{a, b}, llm.FallbackOptions{})); o.text != "half" || o.restarts != 0 || o.err == nil {
		t.Errorf("%q, %d restarts, %v; want the half answer and an error", o.text, o.restarts, o.err)
	}
}

// One answer is started over at most once.
func TestFallbackRestartsOnce(t *testing.T) {
	half := []step{{text: "half", err: class(llm.ClassTruncated)}}
	a, b, c := &scripted{name: "a", steps: half}, &scripted{name: "b", steps: half}, &scripted{name: "c", steps: half}
	o := ask(t.Context(), llm.Fallback([]llm.Provider{a, b, c}, llm.FallbackOptions{}))
	if o.restarts != 1 || c.count() != 0 || llm.ClassOf(o.err) != llm.ClassTruncated {
		t.Errorf("%d restarts, %d calls of the third, %v; want one restart and then the error", o.restarts, c.count(), o.err)
	}
}

// The promise: an answer begins, or an error says that none will, within 30 s,
// however many providers hang and whatever keeps a request from leaving.
func TestFallbackKeepsThePromise(t *testing.T) {
	hangs := step{wait: time.Hour}
	for n := 1; n <= 5; n++ {
		for answers := range n + 1 { // the one that answers; n: none does
			synctest.Test(t, func(t *testing.T) {
				var providers []llm.Provider
				for i := range n {
					st := hangs
					if i == answers {
						st = step{wait: 3 * time.Second, text: "answer"}
					}
					providers = append(providers, &scripted{name: fmt.Sprint(i), steps: []step{st}})
				}
				begun := time.Now()
				o := ask(t.Context(), llm.Fallback(providers, llm.FallbackOptions{}))
				took := time.Since(begun)
				if took > 30*time.Second {
					t.Errorf("%d providers, number %d answers: %v", n, answers, took)
				}
				if answers < n && o.text != "answer" {
					t.Errorf("%d providers, number %d answers: %v", n, answers, o.err)
				}
				if answers == n && llm.ClassOf(o.err) != llm.ClassTimeout {
					t.Errorf("%d providers that hang: %v, want class timeout", n, o.err)
				}
			})
		}
	}
}

// A provider that thinks aloud is at work: the promise does not cut it off.
func TestFallbackLetsReasoningRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := provider(func(ctx context.Context, yield func(llm.Delta, error) bool) {
			for range 60 {
				if !yield(llm.Delta{Reasoning: "hm "}, nil) {
					return
				}
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
					yield(llm.Delta{}, context.Cause(ctx))
					return
				}
			}
			yield(llm.Delta{Text: "answer"}, nil)
			yield(llm.Delta{Response: &llm.Response{}}, nil)
		})
		if o := ask(t.Context(), llm.Fallback([]llm.Provider{p, &scripted{steps: []step{good}}}, llm.FallbackOptions{})); o.err != nil || o.response.Instead != nil {
			t.Errorf("%v, %+v", o.err, o.response)
		}
	})
}

// provider is a Provider made of one function.
type provider func(context.Context, func(llm.Delta, error) bool)

func (provider) Name() string { return "func" }

func (p provider) Stream(ctx context.Context, _ llm.Request) iter.Seq2[llm.Delta, error] {
	return func(yield func(llm.Delta, error) bool) { p(ctx, yield) }
}

// If everybody says "later", and later is soon, Fallback waits; if it is not,
// the error names the time.
func TestFallbackWaitsForAPauseThatEndsSoon(t *testing.T) {
	later := func(after time.Duration) step { return step{err: &llm.Error{Class: llm.ClassLocal, RetryAfter: after}} }
	for _, c := range []struct {
		name          string
		first, second []step
		took          time.Duration
		text          string
		after         time.Duration // of the error
	}{
		{"soon", []step{later(20 * time.Second)}, []step{later(4 * time.Second), good}, 4 * time.Second, "answer", 0},
		{"twice", []step{later(5 * time.Second), later(5 * time.Second), good}, []step{later(8 * time.Second)}, 10 * time.Second, "answer", 0},
		{"not soon", []step{later(time.Minute)}, []step{later(50 * time.Second)}, 0, "", 50 * time.Second},
		{"nobody knows", []step{bad}, []step{bad}, 0, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				o := ask(t.Context(), llm.Fallback([]llm.Provider{
					&scripted{name: "a", steps: c.first}, &scripted{name: "b", steps: c.second}}, llm.FallbackOptions{}))
				if took := time.Since(begun); took < c.took || took > c.took+time.Second || o.text != c.text {
					t.Errorf("%q, %v after %v; want %q after %v", o.text, o.err, took, c.text, c.took)
				}
				if e, ok := errors.AsType[*llm.Error](o.err); ok && e.RetryAfter != c.after {
					t.Errorf("the error says to come back in %v, want %v", e.RetryAfter, c.after)
				}
			})
		})
	}
}

// What is too long for one is asked of the next that reads more, and of no other.
func TestFallbackToALargerWindow(t *testing.T) {
	for _, c := range []struct {
		windows []int
		calls   int
	}{{nil, 0}, {[]int{16, 128}, 1}, {[]int{128, 16}, 0}, {[]int{16, 16}, 0}, {[]int{0, 128}, 0}} {
		a, b := &scripted{name: "a", steps: []step{{err: class(llm.ClassContext)}}}, &scripted{name: "b", steps: []step{good}}
		ask(t.Context(), llm.Fallback([]llm.Provider{a, b}, llm.FallbackOptions{ContextWindows: c.windows}))
		if b.count() != c.calls {
			t.Errorf("windows %v: the second was asked %d times, want %d", c.windows, b.count(), c.calls)
		}
	}
}

// Each turn to another provider is recorded, with its reason.
func TestFallbackRecordsItsTurns(t *testing.T) {
	var turns []string
	half := []step{{text: "half", err: class(llm.ClassTruncated)}}
	ask(t.Context(), llm.Fallback([]llm.Provider{
		&scripted{name: "a", steps: []step{bad}}, &scripted{name: "b", steps: half}, &scripted{name: "c", steps: []step{good}},
	}, llm.FallbackOptions{Recorder: eventFunc(func(e llm.Event) { turns = append(turns, fmt.Sprint(*e.Switch)) })}))
	if want := []string{"{a b server false}", "{b c truncated true}"}; !slices.Equal(turns, want) {
		t.Errorf("recorded %v, want %v", turns, want)
	}
}
