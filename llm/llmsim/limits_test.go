package llmsim_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

func TestRequestsPerMinute(t *testing.T) {
	bubble(t, llmsim.Options{RequestsPerMinute: 2}, func(t *testing.T, s *sim) {
		ask := func(want int, retryAfter, ms, remaining string) {
			t.Helper()
			got := s.ask(stream)
			h := got.header
			if got.status != want || h.Get("Retry-After") != retryAfter || h.Get("Retry-After-Ms") != ms ||
				h.Get("X-Ratelimit-Limit-Requests") != "2" || h.Get("X-Ratelimit-Remaining-Requests") != remaining {
				t.Errorf("after %v: status %d, header %v; want %d, Retry-After %q", time.Now().Format("04:05.000"), got.status, h, want, retryAfter)
			}
		}
		ask(200, "", "", "1")
		time.Sleep(20500 * time.Millisecond)
		ask(200, "", "", "0")
		ask(429, "40", "39500", "0")
		time.Sleep(39499 * time.Millisecond)
		ask(429, "1", "1", "0")
		time.Sleep(time.Millisecond) // 60 s after the first one.
		ask(200, "", "", "0")
		ask(429, "21", "20500", "0")
	})
}

func TestLimitHoldsInEveryWindow(t *testing.T) {
	const limit = 7
	bubble(t, llmsim.Options{RequestsPerMinute: limit}, func(t *testing.T, s *sim) {
		rng := rand.New(rand.NewPCG(1, 2))
		refused := 0
		for range 300 {
			time.Sleep(time.Duration(rng.IntN(12000)) * time.Millisecond)
			if got := s.ask(whole); got.status == 429 {
				refused++
				wait, _ := strconv.Atoi(got.header.Get("Retry-After"))
				time.Sleep(time.Duration(wait) * time.Second)
				if again := s.ask(whole); again.status != 200 {
					t.Fatalf("status %d after waiting for Retry-After: the header was not true", again.status)
				}
			}
		}
		var admitted []time.Time
		for _, r := range s.Requests() {
			if r.Outcome == "ok" {
				admitted = append(admitted, r.At)
			}
		}
		for i := limit; i < len(admitted); i++ {
			if d := admitted[i].Sub(admitted[i-limit]); d < time.Minute {
				t.Errorf("%d requests were admitted within %v", limit+1, d)
			}
		}
		if refused == 0 {
			t.Error("nothing was refused: the test shows nothing")
		}
	})
}

func TestConcurrency(t *testing.T) {
	bubble(t, llmsim.Options{Concurrency: 2}, func(t *testing.T, s *sim) {
		long := llmsim.Script{Text: "x", FirstToken: time.Minute}
		s.Enqueue(long, long)
		ctx, cancel := context.WithCancel(t.Context())
		go s.ask(stream)
		go func() {
			if resp, err := s.post(ctx, stream); err == nil {
				<-ctx.Done()
				resp.Body.Close()
			}
		}()
		synctest.Wait()
		if got := s.ask(stream); got.status != 429 || got.header.Get("Retry-After") != "1" {
			t.Errorf("third request at one time: status %d, Retry-After %q", got.status, got.header.Get("Retry-After"))
		}
		cancel()
		synctest.Wait()
		if got := s.ask(stream); got.status != 200 {
			t.Errorf("status %d: a cancelled answer must free its slot", got.status)
		}
		time.Sleep(time.Minute)
		if got := s.ask(stream); got.status != 200 {
			t.Errorf("status %d: a finished answer must free its slot", got.status)
		}
	})
}

func TestReject(t *testing.T) {
	params := []string{"stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_k"}
	const usual = `{"error":{"message":"%s","type":"invalid_request_error","param":"%s","code":%s}}`
	want := map[string]string{
		"stream_options":        `422 {"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}`,
		"max_tokens":            "400 " + fmt.Sprintf(usual, "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "max_tokens", `"unsupported_parameter"`),
		"max_completion_tokens": "400 " + fmt.Sprintf(usual, "Unrecognized request argument supplied: max_completion_tokens", "max_completion_tokens", "null"),
		"temperature":           "400 " + fmt.Sprintf(usual, "Unsupported value: 'temperature' does not support this value with this model. Only the default (1) value is supported.", "temperature", `"unsupported_value"`),
		"top_k":                 `422 {"detail":[{"type":"extra_forbidden","loc":["body","top_k"],"msg":"Extra inputs are not permitted"}]}`,
	}
	bubble(t, llmsim.Options{Reject: params}, func(t *testing.T, s *sim) {
		for _, name := range params {
			value := "1"
			if name == "stream_options" {
				value = "{}"
			}
			got := s.ask(strings.TrimSuffix(stream, "}") + `,"` + name + `":` + value + `}`)
			wantBody(t, name, fmt.Sprint(got.status, " ", got.body), want[name])
		}
		if got := s.ask(stream); got.status != 200 {
			t.Errorf("status %d without any of them", got.status)
		}
	})
}
