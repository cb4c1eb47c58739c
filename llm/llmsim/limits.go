package llmsim

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// window is the time over which requests a minute are counted. It slides: no
// 60 s, wherever they begin, hold more than the limit.
const window = time.Minute

// limits admits completions. Refused ones do not count, so that Retry-After is
// true for a client that obeys it.
type limits struct {
	perMinute, concurrency int

	mu       sync.Mutex
	admitted []time.Time // within the window, oldest first
	running  int
}

// admit counts a request in, to be counted out by release. Otherwise it returns
// the refusal.
func (l *limits) admit(now time.Time) (refusal Script, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(now)
	if l.concurrency > 0 && l.running >= l.concurrency {
		return rateLimited(time.Second, fmt.Sprintf("Concurrency limit reached: %d requests at one time", l.concurrency)), false
	}
	if l.perMinute > 0 && len(l.admitted) >= l.perMinute {
		wait := l.admitted[0].Add(window).Sub(now)
		return rateLimited(wait, fmt.Sprintf("Rate limit reached: %d requests per minute", l.perMinute)), false
	}
	l.running++
	if l.perMinute > 0 {
		l.admitted = append(l.admitted, now)
	}
	return Script{}, true
}

func (l *limits) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
}

// header returns x-ratelimit-* as OpenAI sends them, or nil without a limit.
func (l *limits) header(now time.Time) http.Header {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.perMinute == 0 {
		return nil
	}
	l.forget(now)
	var reset time.Duration
	if n := len(l.admitted); n > 0 {
		reset = l.admitted[n-1].Add(window).Sub(now)
	}
	return http.Header{
		"X-Ratelimit-Limit-Requests":     {strconv.Itoa(l.perMinute)},
		"X-Ratelimit-Remaining-Requests": {strconv.Itoa(l.perMinute - len(l.admitted))},
		"X-Ratelimit-Reset-Requests":     {reset.String()},
	}
}

// forget drops what has left the window. The caller holds mu.
func (l *limits) forget(now time.Time) {
	n := 0
	for n < len(l.admitted) && !now.Before(l.admitted[n].Add(window)) {
		n++
	}
	l.admitted = slices.Delete(l.admitted, 0, n)
}
