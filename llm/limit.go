package llm

import (
	"math"
	"slices"
	"time"

	"golang.org/x/time/rate"
)

// limitWindow is the minute that limits are about, and a second more: requests
// do not all need the same time to the server, which counts their arrival.
const limitWindow = 61 * time.Second

// untilRelease is a wait that only the end of a running request can end.
const untilRelease = time.Duration(math.MaxInt64)

// requestLimit keeps requests a minute, in every sliding minute. A bucket of n
// tokens that is refilled with n a minute would let nearly 2n through in its
// first minute, so a tenth of n is the burst and the rest the rate. The zero
// value is no limit.
type requestLimit struct {
	bucket *rate.Limiter
	full   rate.Limit // the bucket's limit when nothing slows it down
}

func newRequestLimit(perMinute float64) requestLimit {
	if perMinute <= 0 {
		return requestLimit{}
	}
	burst := max(1, int(perMinute/10))
	// A half-open window holds the burst and then one request fewer than the
	// rate fills in: hence the one more here.
	full := rate.Limit((perMinute - float64(burst) + 1) / limitWindow.Seconds())
	return requestLimit{rate.NewLimiter(full, burst), full}
}

// slow sets the share of the rate that may be used.
func (l requestLimit) slow(now time.Time, share float64) {
	if l.bucket == nil {
		return
	}
	if limit := l.full * rate.Limit(share); limit != l.bucket.Limit() {
		l.bucket.SetLimitAt(now, limit)
	}
}

// wait returns when the n-th request from now may go, if no other comes.
func (l requestLimit) wait(now time.Time, n int) time.Duration {
	if l.bucket == nil {
		return 0
	}
	missing := float64(n) - l.bucket.TokensAt(now)
	if missing <= 1e-9 {
		return 0
	}
	return max(time.Millisecond, time.Duration(missing/float64(l.bucket.Limit())*float64(time.Second)))
}

func (l requestLimit) take(now time.Time) {
	if l.bucket != nil {
		// AllowN would refuse a request that lacks a billionth of a token.
		l.bucket.ReserveN(now, 1)
	}
}

// empty leaves nothing of the burst.
func (l requestLimit) empty(now time.Time) { l.bucket.AllowN(now, l.bucket.Burst()) }

// tokenLimit keeps tokens a minute. A running request counts with what was
// reserved for it. One that has ended counts with what it used, for a minute
// from its end: servers count the tokens at some moment in between.
type tokenLimit struct {
	perMinute int // 0: no limit
	reserved  int
	used      int // the sum of spent
	spent     []spent
}

type spent struct {
	at     time.Time
	tokens int
}

// need is what is reserved for a request of n tokens: one that is larger than
// the minute's limit has to go through, alone.
func (l *tokenLimit) need(n int) int { return min(n, l.perMinute) }

func (l *tokenLimit) reserve(n int) { l.reserved += l.need(n) }

// settle replaces a reservation of n by what was used.
func (l *tokenLimit) settle(now time.Time, n, used int) {
	if l.perMinute == 0 {
		return
	}
	l.reserved -= l.need(n)
	if used > 0 {
		l.used += used
		l.spent = append(l.spent, spent{now, used})
	}
}

// wait returns when n tokens are free, or untilRelease.
func (l *tokenLimit) wait(now time.Time, n int) time.Duration {
	if l.perMinute == 0 {
		return 0
	}
	gone := 0
	for gone < len(l.spent) && now.Sub(l.spent[gone].at) >= limitWindow {
		l.used -= l.spent[gone].tokens
		gone++
	}
	l.spent = slices.Delete(l.spent, 0, gone)
	over := l.reserved + l.used + l.need(n) - l.perMinute
	if over <= 0 {
		return 0
	}
	for _, s := range l.spent {
		if over -= s.tokens; over <= 0 {
			return s.at.Add(limitWindow).Sub(now)
		}
	}
	return untilRelease
}
