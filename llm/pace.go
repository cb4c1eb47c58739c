package llm

import "time"

// pace is what the provider itself says about how fast it may be asked. It is
// obeyed beside the configured limits: a key may be shared, and an account's
// limits change.
type pace struct {
	gate time.Time // nothing goes before: Retry-After

	// share of the request limit that is used. A 429 halves it, unless it is the
	// first for a while and says when to come back; each minute gives a twentieth
	// back.
	share   float64
	touched time.Time // when share was last brought up to date
	last429 time.Time // the last one that counted

	// While less than a tenth of a quota is left, requests are spread over the
	// time until it is filled up.
	gap      time.Duration
	gapUntil time.Time
	granted  time.Time // the last grant
}

const (
	cutTo         = 0.5
	minShare      = 1.0 / 16
	regainAMinute = 0.05
	cutEvery      = 10 * time.Second // a share is not halved more often
)

// refused takes in a refusal of a request that was granted at the given time.
// Requests that were under way together are refused together and count once.
func (p *pace) refused(now, granted time.Time, e *Error) (halved bool) {
	if e.RetryAfter > 0 && (e.Class == ClassRate || e.Class == ClassServer) {
		if until := now.Add(e.RetryAfter); until.After(p.gate) {
			p.gate = until
		}
	}
	if e.Class != ClassRate || granted.Before(p.last429) || !p.last429.IsZero() && now.Sub(p.last429) < cutEvery {
		return false
	}
	before := p.last429
	p.last429 = now
	if e.RetryAfter > 0 && (before.IsZero() || granted.Sub(before) > e.RetryAfter+time.Minute) {
		return false
	}
	p.share = max(p.regain(now)*cutTo, minShare)
	return true
}

// regain returns the share as of now.
func (p *pace) regain(now time.Time) float64 {
	if p.touched.IsZero() {
		p.share = 1
	} else {
		p.share = min(1, p.share+regainAMinute*now.Sub(p.touched).Minutes())
	}
	p.touched = now
	return p.share
}

// told takes in what an answer's headers say.
func (p *pace) told(now time.Time, r RateLimit, tokens int) {
	p.gap = 0
	spread := func(q Quota, need int64) {
		if !q.short() {
			return
		}
		gap := q.Reset
		if need < q.Remaining {
			gap = time.Duration(float64(q.Reset) * float64(need) / float64(q.Remaining))
		}
		if gap > p.gap {
			p.gap, p.gapUntil = gap, now.Add(q.Reset)
		}
	}
	spread(r.Requests, 1)
	spread(r.Tokens, int64(tokens))
}

func (p *pace) wait(now time.Time) time.Duration {
	wait := max(0, p.gate.Sub(now))
	if now.Before(p.gapUntil) {
		wait = max(wait, min(p.granted.Add(p.gap).Sub(now), p.gapUntil.Sub(now)))
	}
	return wait
}
