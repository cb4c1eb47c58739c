package llmsim_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

func TestJournalHoldsTheRequest(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		body := `{"model":"step-2-chat","temperature":0,"max_completion_tokens":77,"user":"U1","stream":true,"stream_options":{"include_usage":true},
			"messages":[{"role":"system","content":"Be kind."},
			{"role":"user","content":[{"type":"text","text":"Look "},{"type":"image_url","image_url":{"url":"x"},"text":"no"},{"type":"text","text":"here"}]},
			{"role":"assistant","content":null,"tool_calls":[]}]}`
		time.Sleep(time.Hour)
		asked := time.Now()
		s.Enqueue(llmsim.Script{Text: "a b c", FirstToken: time.Second})
		s.ask(body)
		synctest.Wait()
		zero := 0.0
		r := s.last()
		if r.Header.Get("Authorization") != "[redacted]" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("header %v: the key must be redacted, the rest kept", r.Header)
		}
		want := llmsim.Request{
			At: asked, Ended: asked.Add(time.Second), Model: "step-2-chat", Stream: true, IncludeUsage: true, MaxTokens: 77,
			Messages: []llmsim.Message{{"system", "Be kind."}, {"user", "Look here"}, {"assistant", ""}},
			User:     "U1", Header: r.Header, Body: []byte(body), Outcome: "ok", Deltas: 3,
			Temperature: &zero, Billed: llmsim.Usage{PromptTokens: 2 + 3 + 1, CompletionTokens: 2},
		}
		if !reflect.DeepEqual(r, want) {
			t.Errorf("journal has\n%+v\nwant\n%+v", r, want)
		}
	})
}

func TestJournalIsAheadOfTheClient(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		s.Enqueue(llmsim.Script{Text: "a b", Gap: time.Minute})
		resp, err := s.post(t.Context(), stream)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if r := s.last(); r.Outcome != "" || !r.Ended.IsZero() {
			t.Errorf("a running answer has outcome %q and end %v, want none", r.Outcome, r.Ended)
		}
		seen := ""
		for buf := make([]byte, 4096); !strings.Contains(seen, "[DONE]"); {
			n, err := resp.Body.Read(buf)
			if n == 0 {
				t.Fatal(err)
			}
			seen += string(buf[:n])
			if r := s.last(); r.Deltas < strings.Count(seen, `{"content":`) {
				t.Errorf("the client has seen %q, the journal has %d deltas", seen, r.Deltas)
			}
		}
		if r := s.last(); r.Outcome != "ok" {
			t.Errorf("the client has seen [DONE], the outcome is %q", r.Outcome)
		}
	})
}

func TestJournalSize(t *testing.T) {
	bubble(t, llmsim.Options{JournalSize: 2}, func(t *testing.T, s *sim) {
		for _, user := range []string{"a", "b", "c"} {
			s.ask(asking + `,"user":"` + user + `"}`)
		}
		got := s.Requests()
		if len(got) != 2 || got[0].User != "b" || got[1].User != "c" {
			t.Errorf("kept %+v, want the newest two", got)
		}
		if n := s.Billed().PromptTokens; n != 9 {
			t.Errorf("billed %d prompt tokens, want those of all three requests", n)
		}
	})
}

func TestWaitSeesEachChange(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		s.Enqueue(llmsim.Script{Text: "a b c", Gap: time.Hour})
		go s.ask(stream)
		for _, test := range []struct {
			what string
			cond func() bool
			at   time.Duration
		}{
			{"a request", func() bool { return len(s.Requests()) == 1 }, 0},
			{"the second delta", func() bool { return s.last().Deltas == 2 }, time.Hour},
			{"the outcome", func() bool { return s.last().Outcome == "ok" }, 2 * time.Hour},
			{"the end", func() bool { return !s.last().Ended.IsZero() }, 2 * time.Hour},
		} {
			if err := s.Wait(t.Context(), test.cond); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); d != test.at {
				t.Errorf("%s was seen after %v, want %v", test.what, d, test.at)
			}
		}
	})
}

func TestInvalidRequests(t *testing.T) {
	tests := []struct {
		name, body string
		status     int
		has        string
	}{
		{"no JSON", `{"model":`, 400, `"type":"invalid_request_error"`},
		{"no model", `{"messages":[{"role":"user","content":"x"}]}`, 400, `"param":"model"`},
		{"no messages", `{"model":"step-2-chat"}`, 400, `"param":"messages"`},
		{"odd content", `{"model":"step-2-chat","messages":[{"role":"user","content":7}]}`, 400, `"param":"messages[0].content"`},
		{"stream_options alone", asking + `,"stream_options":{"include_usage":true}}`, 400, `"param":"stream_options"`},
		{"unknown model", strings.Replace(stream, "step-2-chat", "gpt-9", 1), 404,
			`{"error":{"message":"The model ` + "`gpt-9`" + ` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
				s.Enqueue(llmsim.Script{Text: "kept"})
				got := s.ask(test.body)
				if got.status != test.status || !strings.Contains(got.body, test.has) || got.header.Get("Content-Type") != "application/json" {
					t.Errorf("status %d, body %s; want %d and %s", got.status, got.body, test.status, test.has)
				}
				if o := s.last().Outcome; o != fmt.Sprint("status ", test.status) {
					t.Errorf("outcome %q", o)
				}
				if got := s.ask(stream); !strings.Contains(got.body, "kept") {
					t.Error("a refused request used up a queued script")
				}
			})
		})
	}
}

func TestKey(t *testing.T) {
	for key, want := range map[string]int{"": 200, "secret": 200, "other": 401} {
		bubble(t, llmsim.Options{APIKey: key}, func(t *testing.T, s *sim) {
			if got := s.ask(stream); got.status != want {
				t.Errorf("key %q: status %d, want %d: %s", key, got.status, want, got.body)
			}
		})
	}
}

func TestScriptsArePlayedInOrder(t *testing.T) {
	answer := func(r llmsim.Request) llmsim.Script { return llmsim.Script{Text: "answer to " + r.Messages[0].Content} }
	bubble(t, llmsim.Options{Answer: answer}, func(t *testing.T, s *sim) {
		s.Enqueue(llmsim.Script{Text: "first"}, llmsim.Script{Text: "second"})
		s.Enqueue(llmsim.Script{Text: "third"})
		for _, want := range []string{"first", "second", "third", "answer to Hello there"} {
			if got := s.ask(whole); !strings.Contains(got.body, `"content":"`+want+`"`) {
				t.Errorf("got %s, want %q", got.body, want)
			}
		}
	})
}

func TestHangingClientIsNotWaitedFor(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s.Enqueue(llmsim.Script{Text: "late", FirstToken: time.Hour, HoldHeaders: true})
		if _, err := s.post(ctx, whole); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("post ended with %v", err)
		}
		synctest.Wait()
		if r := s.last(); r.Outcome != "cancelled" || r.Ended.Sub(r.At) != time.Second || r.Billed != (llmsim.Usage{}) {
			t.Errorf("journal has %q after %v, billed %+v; want cancelled at once and no bill", r.Outcome, r.Ended.Sub(r.At), r.Billed)
		}
	})
}

// A client that is killed while it sends a request leaves half of one.
func TestJournalHoldsARequestThatBrokeOff(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		half := io.MultiReader(strings.NewReader(stream[:len(stream)/2]), iotest.ErrReader(errors.New("killed")))
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.base+"/chat/completions", half)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := s.client.Do(req); err == nil {
			resp.Body.Close()
			t.Fatal("half a request was answered")
		}
		synctest.Wait()
		if r := s.last(); r.Ended.IsZero() || r.Outcome == "ok" || r.Model != "" || len(r.Messages) != 0 || s.Billed().Total() != 0 {
			t.Errorf("journal has %+v, billed %+v; want a request without messages that cost nothing", r, s.Billed())
		}
	})
}
