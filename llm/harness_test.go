package llm_test

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

// step is what a scripted provider does in one call.
type step struct {
	wait time.Duration
	text string
	err  *llm.Error
	told *llm.RateLimit
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
		if st.told != nil && !yield(llm.Delta{RateLimit: st.told}, nil) {
			return
		}
		if st.text != "" && !yield(llm.Delta{Text: st.text}, nil) {
			return
		}
		if st.err != nil {
			e := *st.err
			e.Provider = s.name
			if yield(llm.Delta{Attempt: &llm.Attempt{Provider: s.name, Err: &e}}, nil) {
				yield(llm.Delta{}, &e)
			}
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
	places   []int // in a queue
	response *llm.Response
	err      error
}

func ask(ctx context.Context, p llm.Provider) outcome { return askAs(ctx, p, "") }

func askAs(ctx context.Context, p llm.Provider, user string) outcome {
	return send(ctx, p, llm.Request{User: user, Messages: []llm.Message{{Role: llm.RoleUser, Content: "hello"}}})
}

func send(ctx context.Context, p llm.Provider, req llm.Request) outcome {
	var o outcome
	for d, err := range p.Stream(ctx, req) {
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
			if d.Progress.Position > 0 {
				o.places = append(o.places, d.Progress.Position)
			}
		}
		o.text += d.Text
		if d.Response != nil {
			o.response = d.Response
		}
	}
	return o
}

// instant answers without any work.
type instant struct{ response llm.Response }

func (*instant) Name() string { return "instant" }

func (p *instant) Stream(context.Context, llm.Request) iter.Seq2[llm.Delta, error] {
	return func(yield func(llm.Delta, error) bool) { yield(llm.Delta{Response: &p.response}, nil) }
}

// eventFunc is a Recorder.
type eventFunc func(llm.Event)

func (f eventFunc) Record(_ context.Context, e llm.Event) { f(e) }
