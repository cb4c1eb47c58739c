package llmsim

import (
	"net/http"
	"time"
)

// The dialects are correct answers as certain servers send them. Change what
// is returned to add pace, reasoning, usage or a fault.

// StepFun answers with role "" and finish_reason "" in every chunk, the usage
// so far in every chunk, cached tokens at the top of it, and reasoning in
// delta.reasoning.
func StepFun(text string) Script {
	return Script{
		Text:        text,
		ReasoningIn: ReasoningField,
		UsageIn:     UsageCumulative,
		CachedIn:    CachedTopLevel,
		Chunks:      ChunkShape{EmptyRole: true, EmptyFinish: true},
	}
}

// DeepSeek answers with comments while it is silent, null content beside
// reasoning_content, and usage with the finish_reason.
func DeepSeek(text string) Script {
	return Script{
		Text:     text,
		UsageIn:  UsageWithFinish,
		CachedIn: CachedHitMiss,
		Framing:  Framing{Before: []string{KeepAliveComment}, PingEvery: 10 * time.Second},
		Chunks:   ChunkShape{NullContent: true},
	}
}

// OpenRouter answers with comments before the first chunk, names the model
// that served, and reports usage without being asked.
func OpenRouter(text string) Script {
	return Script{
		Text:        text,
		Model:       "stepfun/step-2",
		ReasoningIn: ReasoningField,
		UsageIn:     UsageAlways,
		Framing: Framing{
			Before:    []string{ProcessingLine, ProcessingLine},
			Ping:      ProcessingLine,
			PingEvery: 5 * time.Second,
		},
	}
}

// Azure answers with a first chunk that has no choices and a last one whose
// choice has no delta.
func Azure(text string) Script {
	return Script{Text: text, Chunks: ChunkShape{PromptFilter: true, FilterChunk: true}}
}

// Groq answers with its two limits in the headers: requests a day, and tokens a
// minute, with resets that are durations.
func Groq(text string) Script {
	return Script{Text: text, Header: http.Header{
		"X-Ratelimit-Limit-Requests": {"14400"}, "X-Ratelimit-Remaining-Requests": {"14370"}, "X-Ratelimit-Reset-Requests": {"2m59.56s"},
		"X-Ratelimit-Limit-Tokens": {"18000"}, "X-Ratelimit-Remaining-Tokens": {"900"}, "X-Ratelimit-Reset-Tokens": {"7.66s"},
	}}
}

// VLLM answers as OpenAI does, with reasoning in delta.reasoning.
func VLLM(text string) Script {
	return Script{Text: text, ReasoningIn: ReasoningField}
}

// OldVLLM is VLLM before 2025-11: reasoning_content, and empty tool_calls.
func OldVLLM(text string) Script {
	return Script{Text: text, Chunks: ChunkShape{ToolCalls: "[]"}}
}

// LlamaCpp answers with null content beside the role and bare comments in
// long silences.
func LlamaCpp(text string) Script {
	return Script{
		Text:    text,
		Framing: Framing{Ping: BareComment, PingEvery: 30 * time.Second},
		Chunks:  ChunkShape{NullContent: true},
	}
}

// Ollama answers as OpenAI does, with reasoning in delta.reasoning.
func Ollama(text string) Script {
	return Script{Text: text, ReasoningIn: ReasoningField}
}

// LiteLLM fails in the middle as its proxy does: an error object, no [DONE].
func LiteLLM(text string, after int) Script {
	return Script{Text: text, Fault: Fault{Kind: ErrorObject, After: after}}
}
