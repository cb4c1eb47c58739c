package llm

import (
	"context"
	"iter"
	"math/rand/v2"
	"strings"
	"time"
)

// FallbackOptions bound how long a person waits. Zero fields have defaults.
type FallbackOptions struct {
	// Within is the promise: an answer begins within this time, or an error
	// says that none will. Half an answer whose provider died starts the time
	// anew. Raise it if a provider's own clock for the first token is long.
	// 0 means 30 s.
	Within time.Duration
	// Reserve is the part of Within that is kept for each provider after the
	// present one, as far as there is enough for all. 0 means 9 s.
	Reserve time.Duration
	// ContextWindows are those of the providers, in their order, 0 if unknown.
	// A request that is too long for one is asked of the next whose window is
	// larger.
	ContextWindows []int
	// Recorder is told of each turn to another provider.
	Recorder Recorder
}

// Fallback asks the providers in order until one answers. Which failures move
// on is the class's business: an outage does, a refusal by moderation or a
// malformed request does not.
//
// When a provider dies after it has shown text, the next one starts the answer
// again (see [Restart]), once; a second death ends the stream with the error.
// The final Response says in Instead why the first provider did not answer.
//
// If all of them say when to come back (a breaker's pause, a queue, a
// Retry-After) and the first of these moments is within the promise, Fallback
// waits for it, and a little, and asks them all again: three times at the most.
//
// Fallback panics if called without a provider.
func Fallback(providers []Provider, o FallbackOptions) Provider {
	if len(providers) == 0 {
		panic("llm: Fallback without a provider")
	}
	if o.Within <= 0 {
		o.Within = 30 * time.Second
	}
	if o.Reserve <= 0 {
		o.Reserve = 9 * time.Second
	}
	return &fallback{append([]Provider(nil), providers...), o}
}

type fallback struct {
	providers []Provider
	o         FallbackOptions
}

func (f *fallback) Name() string {
	names := make([]string, len(f.providers))
	for i, p := range f.providers {
		names[i] = p.Name()
	}
	return strings.Join(names, ", ")
}

func (f *fallback) Stream(ctx context.Context, req Request) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) {
		s := &search{f: f, req: req, yield: yield, deadline: time.Now().Add(f.o.Within)}
		for !s.round(ctx) {
			if !s.wait(ctx) {
				return
			}
		}
	}
}

const (
	maxRounds = 4
	minPause  = 250 * time.Millisecond // whoever was refused together shall not return together
)

// search is the way of one request through the providers.
type search struct {
	f        *fallback
	req      Request
	yield    func(Delta, error) bool
	deadline time.Time // by which an answer has to begin

	first     *Error        // why the first provider did not answer
	last      *Error        // why the one before did not
	worst     *Error        // what to report if nobody does
	soonest   time.Duration // until one of them may be asked again
	allWait   bool          // each has said when
	rounds    int
	shown     bool // text that nobody has voided yet
	restarted bool
}

// round asks each provider once. It returns true if the stream is over.
func (s *search) round(ctx context.Context) (over bool) {
	s.soonest, s.allWait = 0, true
	s.rounds++
	for i, before := 0, 0; ; {
		if i > 0 && !s.turnTo(ctx, before, i) {
			return true
		}
		e, over := s.ask(ctx, i)
		if over {
			return true
		}
		s.last = e
		if s.first == nil {
			s.first = e
		}
		// "Not attempted" explains nothing when another provider was.
		if s.worst == nil || e.Class != ClassLocal {
			s.worst = e
		}
		s.allWait = s.allWait && e.RetryAfter > 0
		if e.RetryAfter > 0 && (s.soonest == 0 || e.RetryAfter < s.soonest) {
			s.soonest = e.RetryAfter
		}
		next := s.after(e, i)
		if ctx.Err() != nil || s.restarted || next == 0 {
			var err error = e
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			s.yield(Delta{}, err)
			return true
		}
		if next == len(s.f.providers) {
			return false
		}
		i, before = next, i
	}
}

// after returns the provider to ask after i, the number of them if i was the
// last, or 0 if e is not to be answered by another one.
func (s *search) after(e *Error, i int) int {
	if e.Class == ClassContext {
		windows := s.f.o.ContextWindows
		for j := i + 1; j < len(windows) && windows[i] > 0; j++ {
			if windows[j] > windows[i] {
				return j
			}
		}
		return 0
	}
	if !policies[e.Class].fallback {
		return 0
	}
	return i + 1
}

// turnTo announces provider i.
func (s *search) turnTo(ctx context.Context, before, i int) bool {
	from, to := s.f.providers[before].Name(), s.f.providers[i].Name()
	record(ctx, s.f.o.Recorder, Event{Switch: &Switch{From: from, To: to, Class: s.last.Class, Restart: s.shown}})
	return s.yield(Delta{Progress: &Progress{Stage: StageFallback, Provider: to}}, nil)
}

// ask streams provider i's answer. over means that it was whole, or that the
// consumer has left.
func (s *search) ask(ctx context.Context, i int) (e *Error, over bool) {
	p, req := s.f.providers[i], s.req
	if i > 0 {
		// A model id belongs to the provider it was chosen for.
		req.Model = ""
	}
	share := s.share(len(s.f.providers) - i)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(share, func() { cancel(ErrTooLate) })
	defer late.Stop()
	alive := false
	visible, err, stopped := relay(p.Stream(ctx, req), func(d Delta, err error) bool {
		if d.payload() {
			alive = true
			late.Stop()
		}
		if s.shown && !s.restarted && (d.Visible() || d.Response != nil) {
			// Only now: half an answer is better than none, should this
			// provider fail as well.
			s.restarted = true
			if !s.yield(Delta{Restart: &Restart{Provider: p.Name(), Class: s.last.Class}}, nil) {
				return false
			}
		}
		if d.Response != nil && s.first != nil && i > 0 {
			r := *d.Response
			r.Instead = s.first
			d.Response = &r
		}
		return s.yield(d, err)
	})
	if stopped || err == nil {
		return nil, true
	}
	if alive && !s.shown {
		s.deadline = time.Now().Add(s.f.o.Within)
	}
	s.shown = s.shown || visible
	e = asError(err, p)
	if e.Class == ClassCancelled && isTooLate(ctx) {
		e = &Error{Class: ClassTimeout, Provider: p.Name(), Model: req.Model, Err: ErrTooLate,
			Message: "no answer began within " + share.Round(time.Second).String()}
	}
	return e, false
}

// share is how long the first of so many providers may keep the others waiting.
func (s *search) share(left int) time.Duration {
	remaining := max(0, time.Until(s.deadline))
	return max(remaining/time.Duration(left), remaining-s.f.o.Reserve*time.Duration(left-1))
}

// wait waits until the first of the providers may be asked again, if that is
// soon enough. It returns false if the stream is over.
func (s *search) wait(ctx context.Context) bool {
	wait := s.soonest
	again := wait + minPause + rand.N(minPause)
	if s.shown || !s.allWait || wait <= 0 || s.rounds >= maxRounds || time.Now().Add(wait+s.f.o.Reserve).After(s.deadline) {
		e := *s.worst
		e.RetryAfter = wait // whoever is back first will do
		s.yield(Delta{}, &e)
		return false
	}
	if !s.yield(Delta{Progress: &Progress{Stage: StageQueued, Provider: s.f.Name(), Wait: again}}, nil) {
		return false
	}
	if err := sleep(ctx, again); err != nil {
		s.yield(Delta{}, err)
		return false
	}
	return true
}
