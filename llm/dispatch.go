package llm

import (
	"fmt"
	"time"
)

const pausedByProvider = "it has asked for a pause"

// paused is how long the provider wants to be left alone still.
func (t *ThrottleProvider) paused() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pace.wait(time.Now())
}

// enter puts the request into the queue, or says why not. The ticket may be
// granted already.
func (t *ThrottleProvider) enter(now time.Time, req Request) (*ticket, error) {
	model := t.o.Model
	if req.Model != "" {
		model = req.Model
	}
	output := t.o.OutputTokens
	if req.MaxOutputTokens > 0 {
		output = req.MaxOutputTokens
	}
	tick := &ticket{user: req.User, granted: make(chan struct{}), tokens: output + t.o.Estimator.Request(model, req)}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.queue.waiting >= t.o.Queue:
		return nil, t.refuse(t.eta(now, t.queue.waiting), fmt.Sprintf("%d requests wait for it already", t.queue.waiting))
	case req.User != "" && t.queue.of(req.User) >= t.o.UserQueue:
		e := t.refuse(0, fmt.Sprintf("%d requests of the same user wait for it already", t.o.UserQueue))
		e.Class = ClassFlood
		return nil, e
	}
	if pause := t.pace.wait(now); pause > t.o.MaxPause {
		return nil, t.refuse(pause, pausedByProvider)
	}
	t.queue.push(tick)
	t.dispatch(now)
	if place := t.queue.position(tick); place > 0 {
		wait := t.timeTo(now, place)
		if tokens := t.tokens.wait(now, tick.tokens); place == 1 && tokens != untilRelease {
			wait = max(wait, tokens)
		}
		if wait > t.o.MaxWait {
			t.queue.remove(tick)
			return nil, t.refuse(wait, "its requests or tokens a minute are used up")
		}
	}
	return tick, nil
}

// dispatch grants what may go now, and sets the timer for what may go later.
// The caller holds mu.
func (t *ThrottleProvider) dispatch(now time.Time) {
	if t.timer != nil {
		t.timer.Stop()
	}
	for tick := t.queue.next(); tick != nil; tick = t.queue.next() {
		if wait := t.blocked(now, tick.tokens); wait == untilRelease {
			return
		} else if wait > 0 {
			t.wakeIn(wait)
			return
		}
		t.queue.serve(tick)
		t.running++
		t.sent.add(now, 0)
		t.requests.take(now)
		t.tokens.reserve(tick.tokens)
		t.pace.granted = now
		close(tick.granted)
	}
}

func (t *ThrottleProvider) wakeIn(wait time.Duration) {
	if t.timer != nil {
		t.timer.Reset(wait)
		return
	}
	t.timer = time.AfterFunc(wait, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.dispatch(time.Now())
	})
}

// blocked returns how long the next request has to wait.
func (t *ThrottleProvider) blocked(now time.Time, tokens int) time.Duration {
	if t.o.Concurrency > 0 && t.running >= t.o.Concurrency {
		return untilRelease
	}
	share := t.pace.regain(now)
	if share == 1 && t.o.RequestsPerMinute <= 0 {
		t.requests = requestLimit{} // what a 429 taught is outlived
	}
	t.requests.slow(now, share)
	return max(t.pace.wait(now), t.requests.wait(now, 1), t.tokens.wait(now, tokens))
}

// timeTo returns how long the request at the given place waits for certain.
func (t *ThrottleProvider) timeTo(now time.Time, place int) time.Duration {
	return max(t.pace.wait(now), t.requests.wait(now, place))
}

// eta adds what experience says about slots.
func (t *ThrottleProvider) eta(now time.Time, place int) time.Duration {
	wait := t.timeTo(now, place)
	if n := t.o.Concurrency; n > 0 && t.running+place > n {
		wait = max(wait, t.held*time.Duration(t.running+place-n)/time.Duration(n))
	}
	return wait
}

// outlook returns a waiting ticket's place and when its turn may come.
func (t *ThrottleProvider) outlook(tick *ticket) (place int, eta time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	place = t.queue.position(tick)
	return place, t.eta(now, place)
}

// leave takes a ticket out of the queue, or returns false if it was granted.
func (t *ThrottleProvider) leave(tick *ticket) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-tick.granted:
		return false
	default:
	}
	t.queue.remove(tick)
	t.dispatch(time.Now()) // it may have been the one that the others waited behind
	return true
}

// release gives back the slot of a call that used so many tokens.
func (t *ThrottleProvider) release(g grant, used int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.running--
	t.queue.end(g.user)
	t.tokens.settle(now, g.tokens, used)
	if held := now.Sub(g.at); t.held == 0 {
		t.held = held
	} else {
		t.held += (held - t.held) / 5
	}
	t.dispatch(now)
}

// told takes in what the provider says is left.
func (t *ThrottleProvider) told(r RateLimit, tokens int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.pace.told(now, r, tokens)
	t.dispatch(now)
}

// learnedLimit is the least, in requests a minute, that is halved when a
// provider without a configured limit refuses.
const learnedLimit = 60

// refused takes in that the provider did not want a call. One that has no
// configured limit gets half of what was sent in the last minute as its limit.
func (t *ThrottleProvider) refused(e *Error, g grant) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.pace.refused(now, g.at, e) && t.requests.bucket == nil {
		t.requests = newRequestLimit(float64(max(learnedLimit, t.sent.sum(now, 60)[0])))
		t.requests.empty(now)
	}
}

func (t *ThrottleProvider) refuse(after time.Duration, why string) *Error {
	return &Error{Class: ClassLocal, Provider: t.Name(), RetryAfter: after, Message: why}
}
