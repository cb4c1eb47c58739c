package llmsim_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// arrivals plays a script and returns each line that is not empty with its
// time of arrival, until ctx ends or the answer does.
func (s *sim) arrivals(ctx context.Context, body string, script llmsim.Script) []string {
	s.t.Helper()
	s.Enqueue(script)
	start := time.Now()
	resp, err := s.post(ctx, body)
	if err != nil {
		return []string{fmt.Sprintf("%v no header", time.Since(start))}
	}
	defer resp.Body.Close()
	out := []string{fmt.Sprintf("%v header", time.Since(start))}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		text := lines.Text()
		if _, content, ok := strings.Cut(text, `"delta":`); ok {
			text, _, _ = strings.Cut(content, `,"finish_reason"`)
		} else if text == "" && strings.Contains(body, "stream") {
			continue
		}
		out = append(out, fmt.Sprintf("%v %s", time.Since(start), text))
	}
	return out
}

func TestPace(t *testing.T) {
	script := llmsim.Script{Text: "a b c", FirstToken: 10 * time.Second, Gap: 2 * time.Second}
	role := `{"role":"assistant","content":""}`
	answer := []string{"10s " + role, `10s {"content":"a"}`, `12s {"content":" b"}`, `14s {"content":" c"}`, "14s {}", "14s data: [DONE]"}
	tests := []struct {
		name   string
		body   string
		change func(*llmsim.Script)
		want   []string
	}{
		{"header at once", stream, func(s *llmsim.Script) {}, append([]string{"0s header"}, answer...)},
		{"header held", stream, func(s *llmsim.Script) {
			s.HoldHeaders = true
			s.Framing.PingEvery = time.Second // Not before the header.
			s.Gap = 0
		}, []string{"10s header", "10s " + role, `10s {"content":"a"}`, `10s {"content":" b"}`, `10s {"content":" c"}`, "10s {}", "10s data: [DONE]"}},
		{"pings in the silence", stream, func(s *llmsim.Script) {
			s.Framing.PingEvery = 4 * time.Second
			s.Gap = 5 * time.Second
		}, []string{"0s header", "4s : keep-alive", "8s : keep-alive", "10s " + role, `10s {"content":"a"}`,
			"14s : keep-alive", `15s {"content":" b"}`, "19s : keep-alive", `20s {"content":" c"}`, "20s {}", "20s data: [DONE]"}},
		{"other ping", stream, func(s *llmsim.Script) {
			s.Framing.Ping, s.Framing.PingEvery = llmsim.KeepAliveData, 9*time.Second
		}, slices.Insert(append([]string{"0s header"}, answer...), 1, "9s data: keep-alive")},
		{"blank lines when not streamed", whole, func(s *llmsim.Script) {
			s.Framing.PingEvery = 6 * time.Second
		}, []string{"0s header", "6s ", "12s ", `14s {"id":"chatcmpl-1","object":"chat.completion","created":946684800,"model":"step-2-chat","choices":[{"index":0,"message":{"role":"assistant","content":"a b c"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`}},
		{"stall", stream, func(s *llmsim.Script) {
			s.Fault = llmsim.Fault{Kind: llmsim.Stall, After: 1}
		}, []string{"0s header", "10s " + role, `10s {"content":"a"}`}},
		{"stall with pings", stream, func(s *llmsim.Script) {
			s.Fault = llmsim.Fault{Kind: llmsim.Stall, After: 1}
			s.Framing.PingEvery = 24 * time.Second
		}, []string{"0s header", "10s " + role, `10s {"content":"a"}`, "34s : keep-alive", "58s : keep-alive"}},
		{"linger", stream, func(s *llmsim.Script) {
			s.Framing.Linger, s.Framing.NoDone, s.Framing.PingEvery = true, true, 20*time.Second
		}, slices.Concat([]string{"0s header"}, answer[:5], []string{"34s : keep-alive", "54s : keep-alive"})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				script := script
				test.change(&script)
				got := s.arrivals(ctx, test.body, script)
				if !slices.Equal(got, test.want) {
					t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
				}
			})
		})
	}
}

// A model does not wait for its reader: after a pause the deltas that are due
// come at once, and the answer ends when it would have ended.
func TestPaceIsAbsolute(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		slow := strings.Repeat("x", 600<<10) // More than the network buffers.
		s.Enqueue(llmsim.Script{Deltas: []string{slow, "a", "b", "c"}, Gap: time.Second})
		start := time.Now()
		resp, err := s.post(t.Context(), stream)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		time.Sleep(2500 * time.Millisecond)
		for lines := bufio.NewReader(resp.Body); ; {
			if _, err := lines.ReadString('\n'); err != nil {
				break
			}
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("the answer took %v, want 3s: a slow reader must not shift later deltas", d)
		}
	})
}

func TestJitterIsTheSameInEachRun(t *testing.T) {
	script := llmsim.Script{Text: "a b c d e f g h", Gap: 25 * time.Millisecond, Jitter: 15 * time.Millisecond}
	var runs [2][]string
	for i := range runs {
		bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
			runs[i] = s.arrivals(t.Context(), stream, script)
		})
	}
	if !slices.Equal(runs[0], runs[1]) {
		t.Errorf("two runs differ:\n%v\n%v", runs[0], runs[1])
	}
	var times []time.Duration
	for _, line := range runs[0][2:10] {
		word, _, _ := strings.Cut(line, " ")
		at, err := time.ParseDuration(word)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, at)
	}
	gaps := make(map[time.Duration]bool)
	for i := range times[1:] {
		gap := times[i+1] - times[i]
		gaps[gap] = true
		if gap < 25*time.Millisecond || gap > 40*time.Millisecond {
			t.Errorf("gap %v is not within Gap and Gap+Jitter", gap)
		}
	}
	if len(gaps) < 4 {
		t.Errorf("only %d different gaps in 7: that is no jitter", len(gaps))
	}
}

func TestClientThatLeavesEndsTheAnswer(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		s.arrivals(ctx, stream, llmsim.Script{Text: strings.Repeat("four ", 100), Gap: time.Second})
		if err := s.Wait(t.Context(), func() bool { return !s.last().Ended.IsZero() }); err != nil {
			t.Fatal(err)
		}
		r := s.last()
		if r.Outcome != "cancelled" || r.Deltas != 4 || r.Ended.Sub(r.At) != 3500*time.Millisecond {
			t.Errorf("journal has %q, %d deltas, ended after %v; want cancelled, 4 deltas, at once", r.Outcome, r.Deltas, r.Ended.Sub(r.At))
		}
		if want := (llmsim.Usage{PromptTokens: 3, CompletionTokens: 5}); r.Billed != want {
			t.Errorf("billed %+v, want %+v: what was sent until the client left", r.Billed, want)
		}
	})
}

func TestWaitEndsWithContext(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		if err := s.Wait(ctx, func() bool { return false }); !errors.Is(err, why) {
			t.Errorf("Wait returned %v, want the cause of its context", err)
		}
	})
}
