package llmsim_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

func TestCountTokens(t *testing.T) {
	for text, want := range map[string]int{"": 1, "a": 1, "abcd": 1, "abcde": 2, "ü€": 2, strings.Repeat("x", 4001): 1001} {
		if got := llmsim.CountTokens(text); got != want {
			t.Errorf("CountTokens of %d bytes = %d, want %d", len(text), got, want)
		}
	}
}

func TestBilling(t *testing.T) {
	const (
		prompt = 3 // "Hello there" has 11 bytes.
		words  = "one two three four"
	)
	half := func(kind llmsim.FaultKind) llmsim.Fault { return llmsim.Fault{Kind: kind, After: 2} }
	override := &llmsim.Usage{PromptTokens: 100, CompletionTokens: 50, CachedTokens: 64, ReasoningTokens: 9}
	tests := []struct {
		name   string
		body   string
		script llmsim.Script
		want   llmsim.Usage
	}{
		{"streamed", stream, llmsim.Script{Text: words}, llmsim.Usage{PromptTokens: prompt, CompletionTokens: 5}},
		{"whole", whole, llmsim.Script{Text: words}, llmsim.Usage{PromptTokens: prompt, CompletionTokens: 5}},
		{"empty answer", stream, llmsim.Script{}, llmsim.Usage{PromptTokens: prompt, CompletionTokens: 1}},
		{"deltas count together", stream, llmsim.Script{Deltas: []string{"a", "b", "c"}}, llmsim.Usage{PromptTokens: prompt, CompletionTokens: 1}},
		{"reasoning", stream, llmsim.Script{Text: "12345678", Reasoning: "123456"},
			llmsim.Usage{PromptTokens: prompt, CompletionTokens: 4, ReasoningTokens: 2}},
		{"tool call", stream, llmsim.Script{ToolCalls: []llmsim.ToolCall{{Name: "f", Arguments: "12345"}}},
			llmsim.Usage{PromptTokens: prompt, CompletionTokens: 2}},
		{"cached", stream, llmsim.Script{Text: "x", Cached: 2}, llmsim.Usage{PromptTokens: prompt, CompletionTokens: 1, CachedTokens: 2}},
		{"no more cached than there are", stream, llmsim.Script{Text: "x", Cached: 99},
			llmsim.Usage{PromptTokens: prompt, CompletionTokens: 1, CachedTokens: prompt}},
		{"override", stream, llmsim.Script{Text: words, Usage: override}, *override},
		{"never reported, still billed", stream, llmsim.Script{Text: words, UsageIn: llmsim.UsageNever},
			llmsim.Usage{PromptTokens: prompt, CompletionTokens: 5}},
		{"cut", stream, llmsim.Script{Text: words, Fault: half(llmsim.Cut)}, llmsim.Usage{PromptTokens: prompt, CompletionTokens: 2}},
		{"override, cut", stream, llmsim.Script{Text: words, Usage: override, Fault: half(llmsim.Cut)},
			llmsim.Usage{PromptTokens: 100, CompletionTokens: 2, CachedTokens: 64}},
		{"cut, whole", whole, llmsim.Script{Text: words, Fault: half(llmsim.Cut)}, llmsim.Usage{PromptTokens: prompt, CompletionTokens: 2}},
		{"error before the first delta", stream, llmsim.Script{Text: words, Fault: llmsim.Fault{Kind: llmsim.ErrorObject}}, llmsim.Usage{}},
		{"refused", stream, llmsim.RateLimited(0), llmsim.Usage{}},
		{"raw", stream, llmsim.Raw("data: {}\n\n"), llmsim.Usage{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
				for range 2 {
					s.Enqueue(test.script)
					s.ask(test.body)
				}
				if got := s.last().Billed; got != test.want {
					t.Errorf("billed %+v, want %+v", got, test.want)
				}
				double := llmsim.Usage{
					PromptTokens: 2 * test.want.PromptTokens, CompletionTokens: 2 * test.want.CompletionTokens,
					CachedTokens: 2 * test.want.CachedTokens, ReasoningTokens: 2 * test.want.ReasoningTokens,
				}
				if got := s.Billed(); got != double {
					t.Errorf("bill of two is %+v, want the sum %+v", got, double)
				}
			})
		})
	}
}

// What is reported must be what is billed, or a ledger cannot be checked.
func TestReportedUsageIsBilled(t *testing.T) {
	for _, body := range []string{counted, whole} {
		bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
			s.Enqueue(llmsim.Script{Text: "Some words.", Reasoning: "Think!", Cached: 1})
			text := s.ask(body).body
			if i := strings.Index(text, `"usage":{`); i < 0 {
				t.Fatalf("no usage in %s", text)
			} else {
				text = text[i+len(`"usage":`):]
			}
			var got struct {
				Prompt     int `json:"prompt_tokens"`
				Completion int `json:"completion_tokens"`
				Total      int `json:"total_tokens"`
				Input      struct {
					Cached int `json:"cached_tokens"`
				} `json:"prompt_tokens_details"`
				Output struct {
					Reasoning int `json:"reasoning_tokens"`
				} `json:"completion_tokens_details"`
			}
			if err := json.NewDecoder(strings.NewReader(text)).Decode(&got); err != nil {
				t.Fatal(err)
			}
			reported := llmsim.Usage{PromptTokens: got.Prompt, CompletionTokens: got.Completion, CachedTokens: got.Input.Cached, ReasoningTokens: got.Output.Reasoning}
			if billed := s.Billed(); reported != billed || got.Total != billed.Total() {
				t.Errorf("reported %+v, total %d; billed %+v", reported, got.Total, billed)
			}
		})
	}
}

func TestMaxTokensCutsTheAnswer(t *testing.T) {
	tests := []struct {
		max        string
		script     llmsim.Script
		content    string
		finish     string
		completion int
	}{
		{`"max_tokens":1`, llmsim.Script{Text: "Hello world"}, "Hell", "length", 1},
		{`"max_completion_tokens":1`, llmsim.Script{Text: "Hello world"}, "Hell", "length", 1},
		{`"max_tokens":2`, llmsim.Script{Text: "12345678"}, "12345678", "stop", 2},
		{`"max_tokens":2`, llmsim.Script{Text: "12345678x"}, "12345678", "length", 2},
		{`"max_tokens":1`, llmsim.Script{Text: "abcü"}, "abc", "length", 1},
		{`"max_tokens":1`, llmsim.Script{Text: "abcd", Reasoning: "1234567"}, "", "length", 1},
		{`"max_tokens":9`, llmsim.Script{Text: "abcd", FinishReason: "eos"}, "abcd", "eos", 1},
		{`"max_tokens":0`, llmsim.Script{Text: "abcd"}, "abcd", "stop", 1},
	}
	for _, test := range tests {
		bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
			s.Enqueue(test.script)
			var got struct {
				Choices []struct {
					Message      struct{ Content string }
					FinishReason string `json:"finish_reason"`
				}
			}
			if err := json.Unmarshal([]byte(s.ask(asking+","+test.max+"}").body), &got); err != nil {
				t.Fatal(err)
			}
			c := got.Choices[0]
			if c.Message.Content != test.content || c.FinishReason != test.finish || s.Billed().CompletionTokens != test.completion {
				t.Errorf("%s: %q, %s, %d tokens; want %q, %s, %d", test.max, c.Message.Content, c.FinishReason,
					s.Billed().CompletionTokens, test.content, test.finish, test.completion)
			}
		})
	}
}
