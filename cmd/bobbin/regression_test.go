package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// A provider that is allowed 60 s for the first token and takes 40 comes back
// after an outage.
func TestSlowProviderComesBack(t *testing.T) {
	for providers := 1; providers <= 2; providers++ {
		t.Run(strings.Repeat("p", providers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slow := func(llmsim.Request) llmsim.Script {
					return llmsim.Script{Text: "slow but well", FirstToken: 40 * time.Second}
				}
				config := make([]providerConfig, providers)
				config[0].FirstTokenTimeout = 60 * time.Second
				options := make([]llmsim.Options, providers)
				options[0].Answer = slow
				w := newModelWorld(t, config, options)
				defer w.close()
				if a := w.ask(t.Context(), "U1", "?"); a.err != nil || a.response.Provider != "gateway" {
					t.Fatalf("before the outage: %v", a.err)
				}
				w.sims[0].SetDown(llmsim.Down{Status: 503})
				for range 6 {
					w.ask(t.Context(), "U1", "?")
				}
				w.sims[0].SetDown(llmsim.Down{})
				back := false
				for range 60 { // a question every two minutes for two hours
					time.Sleep(2 * time.Minute)
					a := w.ask(t.Context(), "U1", "?")
					back = back || a.err == nil && a.response.Provider == "gateway"
				}
				if !back {
					t.Errorf("two hours after the outage nobody got an answer from it; breaker: %+v", w.states()[0])
				}
			})
		})
	}
}

// A provider alone that was busy for a moment answers itself: nobody answered
// instead of it.
func TestBusyProviderAnswersItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newModelWorld(t, []providerConfig{{Concurrency: 1}}, []llmsim.Options{{
			Answer: func(llmsim.Request) llmsim.Script { return llmsim.Script{Text: "x"} },
		}})
		defer w.close()
		for range 5 {
			w.sims[0].Enqueue(llmsim.Script{Response: &llmsim.Response{Status: 429, Header: map[string][]string{"Retry-After": {"4"}}}})
		}
		a := w.ask(t.Context(), "U1", "?")
		if a.err != nil || a.response.Instead != nil {
			t.Errorf("%v, %+v", a.err, a.response)
		}
	})
}
