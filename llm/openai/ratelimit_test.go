package openai

import (
	"net/http"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

// What servers send, and what is not worth believing.
func TestRateLimitHeaders(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	for _, c := range []struct {
		name, limit, remaining, reset string
		want                          llm.Quota
	}{
		{"OpenAI", "60", "59", "1s", llm.Quota{Limit: 60, Remaining: 59, Reset: time.Second}},
		{"OpenAI, minutes", "150000", "149984", "6m0s", llm.Quota{Limit: 150000, Remaining: 149984, Reset: 6 * time.Minute}},
		{"OpenAI, milliseconds", "60", "59", "12ms", llm.Quota{Limit: 60, Remaining: 59, Reset: 12 * time.Millisecond}},
		{"Groq", "14400", "14370", "2m59.56s", llm.Quota{Limit: 14400, Remaining: 14370, Reset: 2*time.Minute + 59560*time.Millisecond}},
		{"Azure", "1000", "0", "60", llm.Quota{Limit: 1000, Reset: time.Minute}},
		{"a fraction of seconds", "10", "5", "7.66", llm.Quota{Limit: 10, Remaining: 5, Reset: 7660 * time.Millisecond}},
		{"Unix time", "10", "5", "1790000030", llm.Quota{Limit: 10, Remaining: 5, Reset: 30 * time.Second}},
		{"Azure's -1", "1000", "999", "-1", llm.Quota{}},
		{"Azure's 0", "1000", "999", "0", llm.Quota{}},
		{"missing reset", "1000", "999", "", llm.Quota{}},
		{"missing limit", "", "999", "1s", llm.Quota{}},
		{"no number", "many", "999", "1s", llm.Quota{}},
		{"more left than there is", "10", "999", "1s", llm.Quota{}},
		{"a Unix time that is over", "10", "5", "1780000000", llm.Quota{}},
		{"a year", "10", "5", "9000h", llm.Quota{}},
		{"not a time", "10", "5", "soon", llm.Quota{}},
		{"not a number", "10", "5", "NaN", llm.Quota{}},
	} {
		for _, kind := range []string{"Requests", "Tokens"} {
			h := http.Header{}
			h.Set("x-ratelimit-limit-"+kind, c.limit)
			h.Set("x-ratelimit-remaining-"+kind, c.remaining)
			h.Set("x-ratelimit-reset-"+kind, c.reset)
			r, ok := rateLimit(h, now)
			got := r.Requests
			if kind == "Tokens" {
				got = r.Tokens
			}
			if got != c.want || ok != (c.want.Reset > 0) {
				t.Errorf("%s, %s: %+v, %v; want %+v", c.name, kind, got, ok, c.want)
			}
		}
	}
}

func FuzzResetIn(f *testing.F) {
	for _, s := range []string{"1s", "60", "1e300", "-1", "1790000030", "2m59.56s", "0x7p10"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d := resetIn(s, time.Unix(1_790_000_000, 0)); d < 0 || d > 48*time.Hour {
			t.Errorf("%q: %v", s, d)
		}
	})
}
