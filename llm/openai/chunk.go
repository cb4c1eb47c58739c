package openai

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/bobbin-bot/bobbin/llm"
)

// chunk is what is read of a chat.completion.chunk. The SDK's type decodes
// everything and costs many times as much; ids and dates, whose types differ
// between servers, are left out on purpose.
type chunk struct {
	Model   string
	Choices []choice
	Usage   *usage
}

type choice struct {
	Index        int64
	Delta        delta
	FinishReason string
}

type delta struct {
	Content   string // with the refusal, if there is one
	Reasoning string
}

// parseChunk decodes an event. ok is false for data that is no chunk and no
// error, such as a keep-alive word. The error is an *inBand.
//
// Fields are looked at one by one: one of an unexpected type must not cost the
// answer.
func parseChunk(ev event) (c chunk, ok bool, err error) {
	data := bytes.TrimSpace(ev.data)
	if len(data) == 0 || data[0] != '{' || !gjson.ValidBytes(data) {
		if ev.name == "error" {
			return c, false, &inBand{bytes.Clone(data)}
		}
		return c, false, nil
	}
	failed := ev.name == "error"
	gjson.ParseBytes(data).ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "model":
			c.Model = value.String()
		case "choices":
			c.Choices = parseChoices(value)
		case "usage":
			c.Usage = parseUsage(value)
		case "object":
			failed = failed || value.Str == "error"
		case "error":
			failed = failed || isSet(value)
		}
		return true
	})
	if failed {
		return c, false, &inBand{bytes.Clone(data)}
	}
	return c, true, nil
}

func parseChoices(list gjson.Result) (choices []choice) {
	list.ForEach(func(_, value gjson.Result) bool {
		var c choice
		value.ForEach(func(key, value gjson.Result) bool {
			switch key.Str {
			case "index":
				c.Index = value.Int()
			case "delta":
				c.Delta = parseDelta(value)
			case "message": // a server that ignores stream:true in a data line
				if value.IsObject() {
					c.Delta = parseDelta(value)
				}
			case "finish_reason":
				c.FinishReason = value.Str
			}
			return true
		})
		choices = append(choices, c)
		return true
	})
	return choices
}

func parseDelta(object gjson.Result) (d delta) {
	var refusal, deepSeek string
	object.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "content":
			d.Content = textOf(value)
		case "refusal":
			refusal = textOf(value)
		case "reasoning": // StepFun, vLLM, OpenRouter
			d.Reasoning = textOf(value)
		case "reasoning_content": // DeepSeek
			deepSeek = textOf(value)
		}
		return true
	})
	d.Content += refusal
	if d.Reasoning == "" {
		d.Reasoning = deepSeek
	}
	return d
}

// textOf is a text, or a list of parts of which the texts are read. An object or
// a number is nothing that a person can read.
func textOf(value gjson.Result) string {
	text := value.Str
	if value.IsArray() {
		value.ForEach(func(_, part gjson.Result) bool {
			text += part.Get("text").Str
			return true
		})
	}
	if !utf8.ValidString(text) {
		return strings.ToValidUTF8(text, "\ufffd")
	}
	return text
}

// usage is a report with the three places where servers put the cached tokens.
type usage struct{ report gjson.Result }

// maxTokens is more than any call can have: such a report is broken.
const maxTokens = 1_000_000_000

// parseUsage returns nil if there is no report, or one that cannot be true.
func parseUsage(value gjson.Result) *usage {
	u := &usage{value}
	if t := u.tokens(); !value.IsObject() || t.InputTokens+t.OutputTokens == 0 || max(t.InputTokens, t.OutputTokens) > maxTokens {
		return nil
	}
	return u
}

func (u *usage) tokens() llm.Usage {
	count := func(path string) int64 { return max(0, u.report.Get(path).Int()) }
	return llm.Usage{
		InputTokens:  count("prompt_tokens"),
		OutputTokens: count("completion_tokens"),
		CachedInputTokens: max(
			count("prompt_tokens_details.cached_tokens"),
			count("cached_tokens"),            // StepFun
			count("prompt_cache_hit_tokens")), // DeepSeek
		ReasoningTokens: count("completion_tokens_details.reasoning_tokens"),
	}
}

// inBand is an error that came inside the stream.
type inBand struct{ body []byte }

func (e *inBand) Error() string { return "in-band error" }

// isSet reports whether an error field holds an error: gateways send null, and
// some an empty object or string, with healthy chunks.
func isSet(value gjson.Result) bool {
	switch value.Type {
	case gjson.Null, gjson.False:
		return false
	case gjson.String:
		return value.Str != ""
	case gjson.JSON:
		empty := true
		value.ForEach(func(_, _ gjson.Result) bool { empty = false; return false })
		return !empty
	}
	return true
}
