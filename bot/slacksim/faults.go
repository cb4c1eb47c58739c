package slacksim

import (
	"math/rand/v2"
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

	// Chance is the probability with which a call that Every lets through is
	// hit; 0 and 1 = always. It is drawn from a source of its own that
	// [Options].Seed and the number of the fault determine: whatever else goes
	// on, the n-th matching call of a fault meets the same fate in each run.
	Chance float64

	// RetryAfterMax, if greater than RetryAfter, makes each Retry-After a whole
	// number of seconds drawn evenly from [RetryAfter, RetryAfterMax].
	RetryAfterMax time.Duration
}

type activeFault struct {
	Fault
	rng        *rand.Rand
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
	w.faultsMade++
	a := &activeFault{Fault: f, rng: rand.New(rand.NewPCG(w.seed, w.faultsMade))}
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
		hit, retryAfter := a.draw()
		acts := a.Error != "" || a.Status != 0 || a.LoseResponse
		if !hit || a.Times > 0 && a.hits >= a.Times || acts && decided {
			continue
		}
		a.hits++
		sum.Delay += a.Delay
		if acts {
			decided = true
			sum.Error, sum.Status, sum.RetryAfter, sum.LoseResponse = a.Error, a.Status, retryAfter, a.LoseResponse
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

// draw counts a matching call and decides its fate by Every, Chance and
// RetryAfterMax. It draws also for a call that another fault has taken, so that
// faults do not shift each other's luck.
func (a *activeFault) draw() (hit bool, retryAfter time.Duration) {
	a.seen++
	if a.Every > 1 && a.seen%a.Every != 0 {
		return false, 0
	}
	hit = a.Chance <= 0 || a.rng.Float64() < a.Chance
	from, to := (a.RetryAfter+time.Second-1)/time.Second, a.RetryAfterMax/time.Second
	if to <= from {
		return hit, a.RetryAfter
	}
	return hit, (from + time.Duration(a.rng.Int64N(int64(to-from+1)))) * time.Second
}
