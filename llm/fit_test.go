package llm_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/bobbin-bot/bobbin/llm"
)

// reader is a model that can read so many bytes and refuses more.
type reader struct {
	limit int
	seen  [][]string // the messages of each request
}

func (*reader) Name() string { return "reader" }

func (r *reader) Stream(_ context.Context, req llm.Request) iter.Seq2[llm.Delta, error] {
	return func(yield func(llm.Delta, error) bool) {
		var messages []string
		bytes := len(req.System)
		for _, m := range req.Messages {
			messages = append(messages, strings.TrimRight(m.Content, "."))
			bytes += len(m.Content)
		}
		r.seen = append(r.seen, messages)
		if bytes > r.limit {
			yield(llm.Delta{}, &llm.Error{Class: llm.ClassContext, Provider: "reader"})
			return
		}
		yield(llm.Delta{Text: "answer"}, nil)
		yield(llm.Delta{Response: &llm.Response{}}, nil)
	}
}

// conversation has questions and answers of 1000 bytes each: "q1", "a1", … and
// the last question.
func conversation(turns int) llm.Request {
	req := llm.Request{System: "S"}
	add := func(role llm.Role, name string, i int) {
		text := fmt.Sprint(name, i)
		req.Messages = append(req.Messages, llm.Message{Role: role, Content: text + strings.Repeat(".", 1000-len(text))})
	}
	for i := 1; i <= turns; i++ {
		add(llm.RoleUser, "q", i)
		if i < turns {
			add(llm.RoleAssistant, "a", i)
		}
	}
	return req
}

func TestFit(t *testing.T) {
	remarks := llm.Request{}
	for i := range 6 {
		remarks.Messages = append(remarks.Messages, llm.Message{Role: llm.RoleUser, Content: fmt.Sprintf("r%d%s", i, strings.Repeat(".", 998))})
	}
	for _, c := range []struct {
		name    string
		limit   int // of the model, in bytes
		window  int // as configured, in tokens
		req     llm.Request
		calls   int
		last    string // the messages of the last call
		trimmed int
		class   llm.Class
	}{
		{"it fits", 1e6, 16384, conversation(3), 1, "q1 a1 q2 a2 q3", 0, ""},
		{"too long for the window: whole exchanges go, oldest first", 1e6, 2000, conversation(4), 1, "q3 a3 q4", 4, ""},
		{"refused: 0.7 of it, once", 5500, 0, conversation(4), 2, "q3 a3 q4", 4, ""},
		{"refused again: the refusal", 2500, 0, conversation(4), 2, "q3 a3 q4", 0, llm.ClassContext},
		{"one message cannot be cut", 500, 0, conversation(1), 1, "q1", 0, llm.ClassContext},
		{"the question stays, whatever the window", 1e6, 100, conversation(3), 1, "q3", 4, ""},
		{"remarks that nobody answered go one by one", 4500, 0, remarks, 2, "r2 r3 r4 r5", 2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := slices.Clone(c.req.Messages)
			r := &reader{limit: c.limit}
			o := send(t.Context(), llm.Fit(r, llm.FitOptions{ContextWindow: c.window}), c.req)
			if llm.ClassOf(o.err) != c.class || len(r.seen) != c.calls {
				t.Fatalf("%d calls, error %v; want %d, class %q", len(r.seen), o.err, c.calls, c.class)
			}
			if got := strings.Join(r.seen[len(r.seen)-1], " "); got != c.last {
				t.Errorf("asked %q at last, want %q", got, c.last)
			}
			if c.class == "" && o.response.Trimmed != c.trimmed {
				t.Errorf("Trimmed is %d, want %d", o.response.Trimmed, c.trimmed)
			}
			if !slices.Equal(before, c.req.Messages) {
				t.Error("the caller's messages were changed")
			}
		})
	}
}
