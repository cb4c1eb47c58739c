package slacksim

import (
	"slices"
	"strings"
	"time"
)

// Fault makes calls of the Web API go wrong.
type Fault struct {
	// Method is a method such as "chat.update", a family such as "chat.*", or
	// "response_url". Empty means every call.
	Method string

	Error        string        // Slack error code, with HTTP 200 unless Status is set
	Status       int           // HTTP status, such as 429 or 503
	RetryAfter   time.Duration // header sent with Status, in whole seconds, rounded up
	Delay        time.Duration // before the work is done and answered
	LoseResponse bool
	Times        int // calls that it hits; 0 = until cleared
	Every        int // hits each n-th matching call only; 0 and 1 = all
}

type activeFault struct {
	Fault
	seen, hits int
}

// Fault adds a fault and returns a function that takes it away. Delays of
// several faults add up; of everything else the oldest fault that hits a call
// wins. A call that a fault refuses does nothing and does not count against the
// rate limits. With LoseResponse the work is done and recorded, and then the
// connection is cut without an answer.
func (w *Workspace) Fault(f Fault) (clear func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := &activeFault{Fault: f}
	w.faults = append(w.faults, a)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.faults = slices.DeleteFunc(w.faults, func(b *activeFault) bool { return a == b })
	}
}

// ClearFaults takes all faults away, those of the page's toggles included. It
// leaves [Workspace.SetStreaming] and [Workspace.DropAcks] as they are.
func (w *Workspace) ClearFaults() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = nil
	for id := range w.switches {
		delete(w.switches, id)
		w.setControl(id, false)
	}
}

// faultFor counts the call against the faults and returns the sum of those that
// hit it. The caller holds w.mu.
func (w *Workspace) faultFor(method string) Fault {
	var sum Fault
	decided := false
	for _, a := range w.faults {
		if !a.matches(method) {
			continue
		}
		a.seen++
		acts := a.Error != "" || a.Status != 0 || a.LoseResponse
		if a.Times > 0 && a.hits >= a.Times || a.Every > 1 && a.seen%a.Every != 0 || acts && decided {
			continue
		}
		a.hits++
		sum.Delay += a.Delay
		if acts {
			decided = true
			sum.Error, sum.Status, sum.RetryAfter, sum.LoseResponse = a.Error, a.Status, a.RetryAfter, a.LoseResponse
		}
	}
	w.faults = slices.DeleteFunc(w.faults, func(a *activeFault) bool { return a.Times > 0 && a.hits >= a.Times })
	return sum
}

func (a *activeFault) matches(method string) bool {
	if family, ok := strings.CutSuffix(a.Method, "*"); ok {
		return strings.HasPrefix(method, family)
	}
	return a.Method == "" || a.Method == method
}
