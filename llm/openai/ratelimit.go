package openai

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

// rateLimit reads x-ratelimit-{limit,remaining,reset}-{requests,tokens}. ok is
// false if they say nothing that can be used.
func rateLimit(h http.Header, now time.Time) (r llm.RateLimit, ok bool) {
	r.Requests = quota(h, "Requests", now)
	r.Tokens = quota(h, "Tokens", now)
	return r, r.Requests.Reset > 0 || r.Tokens.Reset > 0
}

// quota is the zero value unless all three headers make sense.
func quota(h http.Header, kind string, now time.Time) llm.Quota {
	get := func(what string) string { return strings.TrimSpace(h.Get("X-Ratelimit-" + what + "-" + kind)) }
	limit, limitErr := strconv.ParseInt(get("Limit"), 10, 64)
	remaining, remainingErr := strconv.ParseInt(get("Remaining"), 10, 64)
	reset := resetIn(get("Reset"), now)
	if limitErr != nil || remainingErr != nil || limit <= 0 || remaining < 0 || remaining > limit || reset <= 0 {
		return llm.Quota{}
	}
	return llm.Quota{Limit: limit, Remaining: remaining, Reset: reset}
}

// resetIn reads a time to wait: OpenAI and Groq send "6m0s" or "12ms", Azure
// whole seconds, others a Unix time. What makes no sense, such as Azure's -1, is
// 0.
func resetIn(s string, now time.Time) time.Duration {
	const thisCentury = 1_000_000_000
	d, err := time.ParseDuration(s)
	if err != nil {
		n, err := strconv.ParseFloat(s, 64)
		switch {
		case err != nil:
			return 0
		case n > thisCentury:
			d = time.Unix(int64(n), 0).Sub(now)
		default:
			d = seconds(n)
		}
	}
	if d < 0 || d > 48*time.Hour {
		return 0
	}
	return d
}
