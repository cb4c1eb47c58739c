package llm

import (
	"context"
	"iter"
	"sync"
	"time"
)

// ThrottleOptions are a provider's limits. Zero means no limit, unless said
// otherwise.
type ThrottleOptions struct {
	RequestsPerMinute int
	// TokensPerMinute counts input and output, as far as possible before the
	// request: a running one counts with its estimate.
	TokensPerMinute int
	Concurrency     int
	// MaxWait bounds how long a request waits for its turn before it fails
	// with ClassLocal, which a fallback may answer. 0 means 10 s.
	MaxWait time.Duration
	// MaxPause is the same for a pause that the provider itself has asked for. 0
	// means MaxWait. A batch waits for its turn as long as it takes, but another
	// provider may be better than a long Retry-After.
	MaxPause time.Duration
	// Queue is how many requests may wait, UserQueue how many of one user
	// (requests without a user aside). 0 means 200 and 5.
	Queue, UserQueue int
	// OutputTokens is reserved for an answer whose request names no limit of
	// its own, as OpenAI and Azure count. 0 means 1024.
	OutputTokens int
	// Model is whose tokens the Estimator guesses when a request names none.
	Model     string
	Estimator *Estimator
	Recorder  Recorder
}

// ThrottleState is a snapshot for people and metrics.
type ThrottleState struct {
	Provider string
	Running  int // calls that hold a slot: under way, or about to be
	Waiting  int // requests in the queue
	// Share of the configured requests a minute that is used at present: 1
	// unless the provider refused some.
	Share float64
}

// ThrottleProvider is a [Provider] whose throttle can be looked at.
type ThrottleProvider struct {
	Provider
	o ThrottleOptions

	mu       sync.Mutex
	queue    fairQueue
	requests requestLimit
	tokens   tokenLimit
	pace     pace
	sent     tally
	running  int
	held     time.Duration // how long a slot is held, on average
	timer    *time.Timer   // set while only time stands between the next request and its turn
}

// Throttle keeps the calls to p within a provider's limits, in every sliding
// minute, and obeys what the provider says about them: nothing is sent before
// the end of a Retry-After, a 429 halves the rate, which then recovers, and a
// quota that runs out is spread over the time until it is filled up.
//
// Requests wait in a queue that is fair by [Request.User], and are told their
// place in it (see [Progress]). One whose wait would be longer than MaxWait is
// refused at once, with ClassLocal and the wait in RetryAfter; one too many of
// the same user with ClassFlood. Whoever leaves the queue has used up nothing.
// A slot of Concurrency is held until the stream has ended.
func Throttle(p Provider, o ThrottleOptions) *ThrottleProvider {
	if o.MaxWait <= 0 {
		o.MaxWait = 10 * time.Second
	}
	if o.MaxPause <= 0 {
		o.MaxPause = o.MaxWait
	}
	if o.OutputTokens <= 0 {
		o.OutputTokens = 1024
	}
	if o.Queue <= 0 {
		o.Queue = 200
	}
	if o.UserQueue <= 0 {
		o.UserQueue = 5
	}
	t := &ThrottleProvider{Provider: p, o: o, requests: newRequestLimit(float64(o.RequestsPerMinute))}
	t.tokens.perMinute = max(0, o.TokensPerMinute)
	return t
}

// State returns what runs and waits now. It may be called at any time.
func (t *ThrottleProvider) State() ThrottleState {
	t.mu.Lock()
	defer t.mu.Unlock()
	return ThrottleState{t.Name(), t.running, t.queue.waiting, t.pace.regain(time.Now())}
}

func (t *ThrottleProvider) Stream(ctx context.Context, req Request) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) {
		grant, err, stopped := t.await(ctx, req, yield)
		if stopped {
			return
		}
		if err != nil {
			yield(Delta{}, err)
			return
		}
		used, reported := 0, false
		defer func() {
			if !reported {
				used = grant.tokens // a Provider that does not count
			}
			t.release(grant, used)
		}()
		_, err, stopped = relay(t.Provider.Stream(ctx, req), func(d Delta, err error) bool {
			if a := d.Attempt; a != nil {
				used, reported = used+int(a.Usage.InputTokens+a.Usage.OutputTokens), true
			}
			if d.RateLimit != nil {
				t.told(*d.RateLimit, grant.tokens)
			}
			return yield(d, err)
		})
		if err != nil && !stopped {
			t.refused(asError(err, t.Provider), grant)
			yield(Delta{}, err)
		}
	}
}

// grant is the right to one call.
type grant struct {
	user   string
	tokens int
	at     time.Time
}

// progressEvery is how often a waiting person is told of the place in the queue.
const progressEvery = 3 * time.Second

// await waits for the request's turn.
func (t *ThrottleProvider) await(ctx context.Context, req Request, yield func(Delta, error) bool) (g grant, err error, stopped bool) {
	begun := time.Now()
	outcome := "granted"
	defer func() {
		record(ctx, t.o.Recorder, Event{Wait: &Wait{Provider: t.Name(), Waited: time.Since(begun), Outcome: outcome, Probe: req.Probe}})
	}()
	tick, err := t.enter(begun, req)
	if err != nil {
		outcome = string(asError(err, t).Class)
		return g, err, false
	}
	g = grant{tick.user, tick.tokens, begun}
	settled := false
	defer func() {
		if !settled && !t.leave(tick) { // the consumer panicked
			t.release(g, 0)
		}
	}()
	select {
	case <-tick.granted:
		settled = true
		return g, nil, false
	default:
	}
	patience := time.NewTimer(t.o.MaxWait)
	defer patience.Stop()
	news := time.NewTicker(progressEvery)
	defer news.Stop()
	for told := 0; ; {
		if place, eta := t.outlook(tick); place != 0 && place != told {
			told = place
			if !yield(Delta{Progress: &Progress{Stage: StageQueued, Provider: t.Name(), Wait: eta, Position: place}}, nil) {
				stopped, outcome = true, "cancelled"
			}
		}
		if !stopped {
			select {
			case <-tick.granted:
				settled = true
				g.at = time.Now()
				return g, nil, false
			case <-news.C:
				pause := t.paused()
				if pause <= t.o.MaxPause {
					continue
				}
				err, outcome = t.refuse(pause, pausedByProvider), string(ClassLocal)
			case <-ctx.Done():
				err, outcome = t.gaveUp(ctx), "cancelled"
			case <-patience.C:
				_, eta := t.outlook(tick)
				err, outcome = t.refuse(max(eta, time.Second), "no place within "+t.o.MaxWait.String()), string(ClassLocal)
			}
		}
		settled = true
		if t.leave(tick) {
			return g, err, stopped
		}
		// The turn came at the same moment.
		if stopped || ctx.Err() != nil {
			t.release(g, 0)
			return g, err, stopped
		}
		outcome, g.at = "granted", time.Now()
		return g, nil, false
	}
}

// gaveUp is the error of a request whose caller left the queue. If time ran out
// the provider is not to blame.
func (t *ThrottleProvider) gaveUp(ctx context.Context) error {
	if isTooLate(ctx) {
		return t.refuse(0, "no place in time")
	}
	return context.Cause(ctx)
}
