package openai

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/bobbin-bot/bobbin/llm"
)

// chunk is what is read of a chat.completion.chunk. The SDK's type decodes
// everything and costs four times as much; ids and dates, whose types differ
// between servers, are left out on purpose.
type chunk struct {
	Model   string          `json:"model"`
	Object  string          `json:"object"`
	Choices []choice        `json:"choices"`
	Usage   *usage          `json:"usage"`
	Error   json.RawMessage `json:"error"`
}

type choice struct {
	Index        int    `json:"index"`
	Delta        *delta `json:"delta"`
	Message      *delta `json:"message"`
	FinishReason string `json:"finish_reason"`
}

type delta struct {
	Content          content `json:"content"`
	Refusal          content `json:"refusal"`
	Reasoning        content `json:"reasoning"`         // StepFun, vLLM, OpenRouter
	ReasoningContent content `json:"reasoning_content"` // DeepSeek
}

// content is text, or a list of parts of which the texts are read.
type content string

func (c *content) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		return nil
	case b[0] == '"':
		if bytes.IndexByte(b, '\\') < 0 && utf8.Valid(b) { // the usual case, without a second decoder
			*c = content(b[1 : len(b)-1])
			return nil
		}
		return json.Unmarshal(b, (*string)(c))
	case b[0] == '[':
		var parts []struct {
			Text string `json:"text"`
		}
		if err := json.Unmarshal(b, &parts); err != nil {
			return err
		}
		for _, p := range parts {
			*c += content(p.Text)
		}
	}
	return nil // an object or a number is nothing a person can read
}

// usage with the three places where servers put the cached tokens.
type usage struct {
	PromptTokens     int64 `json:"prompt_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
	PromptDetails    *struct {
		CachedTokens int64 `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionDetails *struct {
		ReasoningTokens int64 `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
	CachedTokens   int64 `json:"cached_tokens"`           // StepFun
	CacheHitTokens int64 `json:"prompt_cache_hit_tokens"` // DeepSeek
}

func (u *usage) tokens() llm.Usage {
	out := llm.Usage{InputTokens: u.PromptTokens, OutputTokens: u.CompletionTokens}
	out.CachedInputTokens = max(u.CachedTokens, u.CacheHitTokens)
	if u.PromptDetails != nil {
		out.CachedInputTokens = max(out.CachedInputTokens, u.PromptDetails.CachedTokens)
	}
	if u.CompletionDetails != nil {
		out.ReasoningTokens = u.CompletionDetails.ReasoningTokens
	}
	return out
}

// inBand is an error that came inside the stream.
type inBand struct{ body []byte }

func (e *inBand) Error() string { return "in-band error" }

// parseChunk decodes an event. ok is false for data that is no chunk and no
// error, such as a keep-alive word. The error is an *inBand.
func parseChunk(ev event) (c chunk, ok bool, err error) {
	data := bytes.TrimSpace(ev.data)
	if len(data) == 0 || data[0] != '{' {
		if ev.name == "error" {
			return c, false, &inBand{bytes.Clone(data)}
		}
		return c, false, nil
	}
	if json.Unmarshal(data, &c) != nil {
		// One field of an unexpected type must not cost the answer; the
		// end of the stream tells whether it was whole.
		if ev.name != "error" && len(c.Choices) == 0 && c.Usage == nil && !isSet(c.Error) {
			return c, false, nil
		}
	}
	if ev.name == "error" || c.Object == "error" || isSet(c.Error) {
		return c, false, &inBand{bytes.Clone(data)}
	}
	return c, true, nil
}

// isSet reports whether an error field holds an error: gateways send null, and
// some an empty object or string, with healthy chunks.
func isSet(raw json.RawMessage) bool {
	switch string(bytes.TrimSpace(raw)) {
	case "", "null", "{}", `""`, "false":
		return false
	}
	return true
}
