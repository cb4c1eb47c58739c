package llm_test

import (
	"testing"

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
