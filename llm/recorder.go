package llm

import (
	"context"
	"time"
)

// Recorder is told what policies and adapters do: for metrics, a log, a ledger.
// It is the only way out of this package apart from the stream itself.
//
// Record is called from many goroutines, outside of any lock of this package
// but on the way of an answer: it must be quick. ctx is that of the call the
// event belongs to and may have ended already.
type Recorder interface {
	Record(ctx context.Context, e Event)
}

// Event is one thing that happened. Exactly one field is set. New kinds may be
// added: ignore what you do not know.
type Event struct {
	Attempt   *Attempt      // a call to a provider ended; tokens and cost are in it
	Wait      *Wait         // a request left a throttle's queue
	Breaker   *BreakerState // a breaker moved to another phase
	Switch    *Switch       // a fallback turned to another provider
	Denied    *Denied       // a retry would have made sense, but the budget is spent
	RateLimit *RateLimit    // a provider told what is left
}

// Wait is a request's time in a queue.
type Wait struct {
	Provider string
	Waited   time.Duration
	Outcome  string // "granted", "cancelled" or the class of the refusal
	Probe    bool   // see Request.Probe
}

// Switch is a fallback from one provider to the next.
type Switch struct {
	From, To string
	Class    Class // why From was left
	Restart  bool  // text was shown already and is voided
}

// Denied is a retry that was not made.
type Denied struct {
	Provider string
	Class    Class // of the failure that was not tried again
}

// RateLimit is what a provider says about its limits, in the x-ratelimit-*
// headers of an answer.
type RateLimit struct {
	Provider string
	Requests Quota
	Tokens   Quota
}

// Quota is one limit. The zero value says nothing.
type Quota struct {
	Limit     int64
	Remaining int64
	Reset     time.Duration // until more is left; above 0 if anything is known
}

// short reports whether less than a tenth is left.
func (q Quota) short() bool { return q.Reset > 0 && q.Remaining*10 < q.Limit }

func record(ctx context.Context, r Recorder, e Event) {
	if r != nil {
		r.Record(ctx, e)
	}
}
