package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/llm/llmsim/memnet"
)

// modelWorld is simulated providers, wired as the configuration wires real ones.
// It is for use in a synctest bubble.
type modelWorld struct {
	model
	sims  []*llmsim.Server
	dials []*memnet.Listener

	mu       sync.Mutex
	attempts []llm.Attempt
	events   []llm.Event

	stop context.CancelFunc
	wg   sync.WaitGroup
}

// newModelWorld starts a simulator for each provider. Names and URLs are filled
// in.
func newModelWorld(t *testing.T, providers []providerConfig, options []llmsim.Options) *modelWorld {
	t.Helper()
	w := &modelWorld{}
	for i := range providers {
		sim, l := llmsim.New(options[i]), memnet.Listen()
		sim.Start(l)
		w.sims, w.dials = append(w.sims, sim), append(w.dials, l)
		p := &providers[i]
		p.Name = []string{"gateway", "relay", "third", "fourth"}[i]
		p.BaseURL, p.APIKey, p.Model = fmt.Sprintf("http://%d.test/v1", i), "sk-test", llmsim.DefaultModel
	}
	var err error
	w.model, err = wireModel(providers, wiring{recorder: w, dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		var i int
		fmt.Sscanf(addr, "%d.test", &i)
		return w.dials[i].DialContext(ctx, network, addr)
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.stop = cancel
	w.wg.Go(func() { w.probe(ctx) })
	return w
}

func (w *modelWorld) close() {
	w.stop()
	w.wg.Wait()
	for _, sim := range w.sims {
		sim.Close()
	}
}

func (w *modelWorld) Record(_ context.Context, e llm.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Attempt != nil {
		w.attempts = append(w.attempts, *e.Attempt)
	}
	w.events = append(w.events, e)
}

// asked is how a question went, as its author saw it.
type asked struct {
	user, text string
	at         time.Time
	first      time.Duration // to the first text, or to the error
	silence    time.Duration // the longest without a new piece of text
	took       time.Duration
	restarts   int
	response   *llm.Response
	err        error
}

func (w *modelWorld) ask(ctx context.Context, user, question string) asked {
	a := asked{user: user, at: time.Now()}
	last := a.at
	var text strings.Builder
	for d, err := range w.provider.Stream(ctx, llm.Request{User: user, System: "Be brief.",
		Messages: []llm.Message{{Role: llm.RoleUser, Content: question}}}) {
		if d.Restart != nil {
			text.Reset()
			a.restarts++
		}
		if d.Text != "" || err != nil {
			if a.first == 0 {
				a.first = time.Since(a.at)
			}
			a.silence = max(a.silence, time.Since(last))
			last = time.Now()
		}
		text.WriteString(d.Text)
		a.response, a.err = d.Response, err
	}
	a.took, a.text = time.Since(a.at), text.String()
	return a
}
