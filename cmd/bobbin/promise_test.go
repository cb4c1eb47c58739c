package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// The promise, with the wiring and the defaults of the configuration: a person
// sees text or an honest error within 30 s, whatever the first provider does;
// and at once when it is known to be down. With everybody down it is an error
// within the same time.
func TestThePromise(t *testing.T) {
	down := func(d llmsim.Down) func(*llmsim.Server) { return func(s *llmsim.Server) { s.SetDown(d) } }
	play := func(script llmsim.Script) func(*llmsim.Server) {
		return func(s *llmsim.Server) {
			for range 100 {
				s.Enqueue(script)
			}
		}
	}
	comments := llmsim.Framing{Ping: llmsim.KeepAliveComment, PingEvery: time.Second}
	for _, fault := range []struct {
		name  string
		apply func(*llmsim.Server)
	}{
		{"refuses connections", down(llmsim.Down{Refuse: true})},
		{"never answers", down(llmsim.Down{Hang: true})},
		{"503", down(llmsim.Down{Status: 503})},
		{"503 with Retry-After", down(llmsim.Down{Status: 503, RetryAfter: 20 * time.Second})},
		{"429", down(llmsim.Down{Status: 429})},
		{"429 with Retry-After 2", down(llmsim.Down{Status: 429, RetryAfter: 2 * time.Second})},
		{"429 with Retry-After 60", down(llmsim.Down{Status: 429, RetryAfter: time.Minute})},
		{"401", down(llmsim.Down{Status: 401})},
		{"402", down(llmsim.Down{Status: 402})},
		{"a web page", play(llmsim.Script{Response: &llmsim.Response{Status: 200, Header: map[string][]string{"Content-Type": {"text/html"}}, Pieces: []string{"<html>"}}})},
		{"headers and then nothing", play(llmsim.Script{Text: "late", FirstToken: time.Hour})},
		{"headers and then comments", play(llmsim.Script{Text: "late", FirstToken: time.Hour, Framing: comments})},
		{"a slow first token", play(llmsim.Script{Text: "late", FirstToken: 14 * time.Second})},
		{"an empty stream", play(llmsim.Script{Fault: llmsim.Fault{Kind: llmsim.EndEarly}})},
		{"only white space", play(llmsim.Script{Text: " \n"})},
	} {
		for providers := 1; providers <= 3; providers++ {
			for broken := 1; broken <= providers; broken++ {
				synctest.Test(t, func(t *testing.T) {
					w := newModelWorld(t, make([]providerConfig, providers), make([]llmsim.Options, providers))
					defer w.close()
					for _, sim := range w.sims[:broken] {
						fault.apply(sim)
					}
					var a asked
					for range 8 {
						a = w.ask(t.Context(), "U1", "How are you?")
						if a.first > promise {
							t.Errorf("%s, %d of %d providers: first text or error after %v", fault.name, broken, providers, a.first)
						}
						slow := fault.name == "a slow first token" && providers >= 2 // later providers have 15 s
						if healthy := broken < providers; healthy && a.err != nil && !slow {
							t.Errorf("%s, %d of %d providers: %v", fault.name, broken, providers, a.err)
						}
						if a.err != nil && llm.ClassOf(a.err) == "" {
							t.Errorf("%s: error %T without a class: %v", fault.name, a.err, a.err)
						}
					}
					neutral := strings.HasPrefix(fault.name, "only white") || strings.HasPrefix(fault.name, "429 with") || strings.HasPrefix(fault.name, "a slow")
					if broken == 1 && providers > 1 && !neutral && a.first > time.Second {
						t.Errorf("%s: with the breaker open the answer began after %v", fault.name, a.first)
					}
				})
			}
		}
	}
}

// Half an answer whose provider dies is begun again by the next one, and the
// caller is told to replace the text.
func TestDeathInTheMiddle(t *testing.T) {
	for _, kind := range []llmsim.FaultKind{llmsim.Cut, llmsim.Stall, llmsim.EndEarly, llmsim.ErrorObject, llmsim.ErrorLine, llmsim.ErrorFlat} {
		synctest.Test(t, func(t *testing.T) {
			w := newModelWorld(t, make([]providerConfig, 2), make([]llmsim.Options, 2))
			defer w.close()
			w.sims[0].Enqueue(llmsim.Script{Text: "one two three four", Gap: time.Second, Fault: llmsim.Fault{Kind: kind, After: 2}})
			w.sims[1].Enqueue(llmsim.Script{Text: "all of it", FirstToken: time.Second})
			a := w.ask(t.Context(), "U1", "?")
			if a.err != nil || a.text != "all of it" || a.restarts != 1 || a.response.Provider != "relay" || a.response.Instead.Provider != "gateway" {
				t.Errorf("%v: %q, %d restarts, %v, %+v", kind, a.text, a.restarts, a.err, a.response)
			}
		})
	}
}
