package llmsim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// conversation is a system prompt and then user and assistant in turns.
func conversation(texts ...string) llmsim.Request {
	r := llmsim.Request{Messages: []llmsim.Message{{Role: "system", Content: "Be kind."}}}
	for i, text := range texts {
		r.Messages = append(r.Messages, llmsim.Message{Role: []string{"user", "assistant"}[i%2], Content: text})
	}
	return r
}

func TestDefaultAnswer(t *testing.T) {
	tests := []struct {
		name      string
		request   llmsim.Request
		has, lack []string
	}{
		{"first message", conversation("How do we deploy on Friday?"),
			[]string{"“How do we deploy on Friday?”", "first message", "\n- **Backup**"}, []string{"```", "|---|", "\n#"}},
		{"second message", conversation("First", "Answer", "And what if it fails?"),
			[]string{"“And what if it fails?”", "the 2 messages before it"}, []string{"first message"}},
		{"code", conversation("Show me some code"), []string{"```go\n", "\n```\n"}, nil},
		{"python", conversation("a function in Python, please"), []string{"```python\n"}, nil},
		{"sql", conversation("an example of a query"), []string{"```sql\n"}, nil},
		{"table", conversation("Compare the two in a table"), []string{"\n|---|---|---|\n"}, []string{"```"}},
		{"long question", conversation(strings.Repeat("long ", 50) + "\nsecond line"), []string{"long…”"}, []string{"second line"}},
		{"markup in the question", conversation("is *this* `ok`?"), []string{"“is this 'ok'?”"}, nil},
		{"no question", conversation(), []string{"an empty message"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := llmsim.DefaultAnswer(test.request).Text
			for _, part := range test.has {
				if !strings.Contains(got, part) {
					t.Errorf("answer lacks %q:\n%s", part, got)
				}
			}
			for _, part := range test.lack {
				if strings.Contains(got, part) {
					t.Errorf("answer has %q:\n%s", part, got)
				}
			}
			if n := len(strings.Fields(got)); n < 80 || n > 250 {
				t.Errorf("answer has %d words", n)
			}
			if again := llmsim.DefaultAnswer(test.request).Text; again != got {
				t.Error("the same request got another answer")
			}
		})
	}
}

func TestPacedAnswerTakesItsTime(t *testing.T) {
	bubble(t, llmsim.Options{Answer: llmsim.PacedAnswer}, func(t *testing.T, s *sim) {
		start := time.Now()
		s.ask(stream)
		took := time.Since(start)
		words := time.Duration(s.last().Deltas)
		if least, most := words*25*time.Millisecond, 400*time.Millisecond+words*40*time.Millisecond; took < least || took > most {
			t.Errorf("%d words took %v, want between %v and %v", words, took, least, most)
		}
	})
}
