package llmsim

import (
	"slices"
	"time"
)

// Quirk is one thing that servers do and clients get wrong.
type Quirk struct {
	Name    string
	Source  string // where it was seen
	Verdict Verdict
	// Open means that the connection stays open: only the client's own clock
	// ends the request. Use fake time.
	Open bool
	// Play returns a script of the quirk around an answer.
	Play func(text string) Script
}

// Verdict is what a correct client makes of a quirk.
type Verdict int

const (
	// Complete: the client reports the whole answer as a success.
	Complete Verdict = iota
	// Broken: the client reports an error, whatever text it has seen.
	Broken
	// Told: the client reports an error, or the whole answer together with the
	// finish reason as it was. It never reports less as a success.
	Told
)

// String returns the name of the constant in lower case.
func (v Verdict) String() string { return [...]string{"complete", "broken", "told"}[v] }

// Quirks returns all quirks that answer 200, in the order of the table in the
// package's documentation. A client test plays each of them.
func Quirks() []Quirk {
	return slices.Concat(framingQuirks(), chunkQuirks(), bodyQuirks(), faultQuirks(), finishQuirks())
}

// framed is a correct answer in another framing.
func framed(f Framing) func(string) Script {
	return func(text string) Script { return Script{Text: text, Framing: f} }
}

// shaped is a correct answer in chunks of another shape.
func shaped(c ChunkShape) func(string) Script {
	return func(text string) Script { return Script{Text: text, Chunks: c} }
}

func framingQuirks() []Quirk {
	return []Quirk{
		{"no done", "OpenAI-compatible servers; openai-go reports success", Complete, false,
			framed(Framing{NoDone: true})},
		{"no final blank line", "openai-go drops the event", Complete, false,
			framed(Framing{NoFinalBlank: true})},
		{"finish unterminated", "openai-go drops the finish_reason", Complete, false,
			func(text string) Script {
				return Script{Text: text, UsageIn: UsageWithFinish, Framing: Framing{NoFinalBlank: true, NoDone: true}}
			}},
		{"single newline", "openai-go sees no chunk", Told, false,
			framed(Framing{NoBlankLine: true})},
		{"cr only", "valid SSE; openai-go sees no chunk", Told, false,
			framed(Framing{LineEnd: "\r"})},
		{"crlf", "valid SSE", Complete, false,
			framed(Framing{LineEnd: "\r\n"})},
		{"no space", "valid SSE", Complete, false,
			framed(Framing{NoSpace: true})},
		{"bom", "valid SSE; openai-go loses the first chunk", Complete, false,
			func(text string) Script {
				return Script{Text: text, Framing: Framing{BOM: true}, Chunks: ChunkShape{JoinedRole: true}}
			}},
		{"comments", "OpenRouter, DeepSeek, llama.cpp", Complete, false,
			framed(Framing{Before: []string{ProcessingLine}, Between: []string{KeepAliveComment}, After: []string{BareComment}})},
		{"retry field", "valid SSE", Complete, false,
			framed(Framing{Before: []string{RetryLine}, Between: []string{RetryLine}})},
		{"empty data", "openai-go reports a syntax error", Complete, false,
			framed(Framing{Before: []string{EmptyData}, Between: []string{EmptyData}})},
		{"keep-alive data", "openai-go reports a syntax error", Complete, false,
			framed(Framing{Before: []string{KeepAliveData}, Between: []string{KeepAliveData}})},
		{"split bytes", "TCP; runes and lines cut anywhere", Complete, false,
			framed(Framing{SplitEvery: 7, SplitGap: time.Microsecond})},
		{"lingers", "pi#7959: finish_reason sent, never closed", Complete, true,
			framed(Framing{NoDone: true, Linger: true})},
		{"lingers with comments", "DeepSeek: comments for ever after the last token", Complete, true,
			framed(Framing{NoDone: true, Linger: true, PingEvery: time.Second})},
		{"lingers after done", "a proxy keeps the connection", Complete, true,
			framed(Framing{Linger: true})},
	}
}

func chunkQuirks() []Quirk {
	usage := func(in UsagePlace) func(string) Script {
		return func(text string) Script { return Script{Text: text, UsageIn: in} }
	}
	cached := func(in CachedPlace) func(string) Script {
		return func(text string) Script { return Script{Text: text, Cached: 1, CachedIn: in, UsageIn: UsageAlways} }
	}
	return []Quirk{
		{"stepfun", "StepFun: role and finish_reason empty, usage cumulative", Complete, false, StepFun},
		{"deepseek", "DeepSeek: comments, null content, usage with the finish", Complete, false, DeepSeek},
		{"openrouter", "OpenRouter: comments, another model", Complete, false, OpenRouter},
		{"azure", "Azure: choices empty, then a choice without delta", Complete, false, Azure},
		{"groq", "Groq: limits in the headers, requests a day and tokens a minute", Complete, false, Groq},
		{"llama.cpp", "llama.cpp: null content beside the role", Complete, false, LlamaCpp},
		{"joined role", "many: no chunk for the role alone", Complete, false, shaped(ChunkShape{JoinedRole: true})},
		{"error null", "gateways; openai-go reports an error", Complete, false, shaped(ChunkShape{NullError: true})},
		{"content null", "many", Complete, false, shaped(ChunkShape{NullContent: true})},
		{"content array", "openai-go prints the JSON", Complete, false, shaped(ChunkShape{ArrayContent: true})},
		{"tool calls null", "many", Complete, false, shaped(ChunkShape{ToolCalls: "null"})},
		{"tool calls empty", "older vLLM", Complete, false, shaped(ChunkShape{ToolCalls: "[]"})},
		{"numeric id", "compatible servers", Complete, false, shaped(ChunkShape{NumericID: true})},
		{"float created", "compatible servers", Complete, false, shaped(ChunkShape{FloatCreated: true})},
		{"usage null", "OpenAI, when usage was asked for", Complete, false, shaped(ChunkShape{NullUsage: true})},
		{"choices null", "compatible servers", Complete, false, func(text string) Script {
			return Script{Text: text, UsageIn: UsageAlways, Chunks: ChunkShape{NullChoices: true}}
		}},
		{"usage without id", "openai-go's accumulator refuses the chunk", Complete, false, func(text string) Script {
			return Script{Text: text, UsageIn: UsageAlways, Chunks: ChunkShape{EmptyUsageID: true}}
		}},
		{"usage with finish", "DeepSeek", Complete, false, usage(UsageWithFinish)},
		{"usage cumulative", "StepFun, Databricks, Poolside, Hugging Face; adding up is wrong", Complete, false, usage(UsageCumulative)},
		{"usage cumulative then null", "open-webui#29064", Complete, false, usage(UsageCumulativeNull)},
		{"usage never", "servers that ignore stream_options", Complete, false, usage(UsageNever)},
		{"cached in details", "OpenAI", Complete, false, cached(CachedInDetails)},
		{"cached at top", "StepFun", Complete, false, cached(CachedTopLevel)},
		{"cached hit and miss", "DeepSeek", Complete, false, cached(CachedHitMiss)},
		{"reasoning_content", "DeepSeek, older vLLM", Complete, false, func(text string) Script {
			return Script{Text: text, Reasoning: "Let me think."}
		}},
		{"reasoning", "StepFun, Ollama, newer vLLM", Complete, false, func(text string) Script {
			return Script{Text: text, Reasoning: "Let me think.", ReasoningIn: ReasoningField}
		}},
		{"think inline", "servers without a reasoning parser; strip it", Complete, false, func(text string) Script {
			return Script{Text: text, Reasoning: "Let me think.", ReasoningIn: ReasoningInline}
		}},
		{"think split", "the same, with tags cut by deltas", Complete, false, func(text string) Script {
			return Script{Deltas: []string{"<th", "ink>Let me", " think.</thi", "nk>\n\n", text}}
		}},
		{"long line", "openai-go#368: a limit of 64 KiB", Complete, false, shaped(ChunkShape{Padding: 256 << 10})},
	}
}
