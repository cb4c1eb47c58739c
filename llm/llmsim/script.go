package llmsim

import (
	"net/http"
	"time"
)

// Script is what the server plays for one request. The zero value is an empty,
// correct answer. A script that only says something is Script{Text: "…"}; those
// with a name, such as StepFun or RateLimited, can be changed further.
//
// A request without "stream": true gets the same answer as one JSON object,
// when its last delta is due; of Framing only PingEvery applies to it.
type Script struct {
	// Text is the answer. It is sent word by word.
	Text string
	// Deltas, when not nil, is the answer instead of Text, cut as given.
	Deltas []string
	// Reasoning is sent word by word before the answer, in the place that
	// ReasoningIn says. Its words are deltas like others.
	Reasoning   string
	ReasoningIn ReasoningPlace
	// ToolCalls are sent after the text: a delta for the name, one for the arguments.
	ToolCalls []ToolCall
	// FinishReason defaults to "stop", to "tool_calls" when there are ToolCalls,
	// and to "length" when max_tokens of the request cut the answer.
	FinishReason string
	// ID and Model of the chunks default to a counter and the model asked for.
	ID, Model string

	// FirstToken is the time from request to first delta, and of a Response the
	// time to its status line.
	FirstToken time.Duration
	// Gap is the time between two deltas. Deltas that are late because the
	// client reads slowly are not delayed further.
	Gap time.Duration
	// Jitter adds 0 to Jitter to each Gap: irregular, yet the same in each run.
	Jitter time.Duration
	// HoldHeaders sends even the response header with the first delta, as
	// buffering proxies do, and no Ping before. Otherwise it is sent at once.
	HoldHeaders bool
	// Header is added to the response header, such as x-ratelimit-*.
	Header http.Header

	// Usage replaces the counted usage, both in what is reported and what is billed.
	Usage *Usage
	// Cached is how many of the counted prompt tokens came from the cache.
	Cached   int
	CachedIn CachedPlace
	UsageIn  UsagePlace

	// Whole answers with one JSON object although a stream was asked for.
	Whole bool
	// Response is sent instead of an answer: an error status or exact bytes. Of
	// Framing, only Ping, PingEvery, Linger and Split apply to it.
	Response *Response

	Fault   Fault
	Framing Framing
	Chunks  ChunkShape
}

// ToolCall is one call of a function that the model asks for.
type ToolCall struct {
	ID, Name  string
	Arguments string // JSON
}

// ReasoningPlace is where a server puts the model's reasoning.
type ReasoningPlace int

const (
	ReasoningContent ReasoningPlace = iota // delta.reasoning_content: DeepSeek, older vLLM
	ReasoningField                         // delta.reasoning: StepFun, Ollama, newer vLLM, OpenRouter
	ReasoningInline                        // <think>…</think> in the content
)

// Fault is what goes wrong while an answer is being played. The zero value is
// nothing.
type Fault struct {
	Kind FaultKind
	// After is how many deltas, or pieces of a Response, are sent before it
	// happens. More than there are means after the last one.
	After int
	// Error is what an in-band error says. Nil means a server_error.
	Error *ErrorInfo
	// Done sends [DONE] after an in-band error.
	Done bool
}

// FaultKind is a way for an answer to fail after its status line.
type FaultKind int

const (
	NoFault FaultKind = iota
	// Cut closes the connection in the middle of the body.
	Cut
	// Stall goes silent and keeps the connection open until the client leaves.
	// Framing.Ping goes on.
	Stall
	// EndEarly ends the body properly, without finish_reason and [DONE].
	EndEarly
	// ErrorObject sends {"error":{…}} as data and ends: LiteLLM, llama.cpp, SGLang.
	ErrorObject
	// ErrorChunk sends a chunk that has both an error and finish_reason "error":
	// OpenRouter.
	ErrorChunk
	// ErrorEvent sends "event: error" and data without an error key.
	ErrorEvent
	// ErrorLine sends a field named error instead of data: llama.cpp until 2025.
	ErrorLine
	// ErrorFlat sends {"object":"error",…} as data: older vLLM.
	ErrorFlat
	// Malformed sends half a chunk as data and ends the body properly.
	Malformed
)

var faultNames = [...]string{
	"none", "cut", "stall", "end early", "error object", "error chunk",
	"error event", "error line", "error flat", "malformed",
}

// String returns the words that follow "fault " in a journal's Outcome.
func (k FaultKind) String() string { return faultNames[k] }
