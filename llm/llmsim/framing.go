package llmsim

import "time"

// Framing is how a stream's events are put into bytes. The zero value is what
// OpenAI sends: "data: {…}\n\n", at the end "data: [DONE]\n\n", nothing else.
type Framing struct {
	// LineEnd is "\n" by default; "\r\n" and "\r" are as valid in SSE.
	LineEnd string
	// NoBlankLine leaves out the blank line between events.
	NoBlankLine bool
	// NoFinalBlank leaves out the blank line after the very last event.
	NoFinalBlank bool
	// NoSpace leaves out the space after "data:".
	NoSpace bool
	// NoDone leaves out [DONE].
	NoDone bool
	// BOM starts the stream with a UTF-8 byte order mark.
	BOM bool

	// Before, Between and After are lines, each sent as an event of its own:
	// before the first chunk, after each delta, and before [DONE].
	Before, Between, After []string

	// Ping is a line sent after each PingEvery of silence: before the first
	// delta, between deltas, while stalled and while lingering. An answer that
	// is not streamed gets blank lines instead. The default is ": keep-alive".
	Ping      string
	PingEvery time.Duration // 0: never
	// Linger keeps the connection open after the last byte until the client
	// leaves. A Ping goes on.
	Linger bool

	// SplitEvery sends each event in writes of that many bytes, in the middle of
	// lines and of UTF-8 sequences. 0 sends an event with one write.
	SplitEvery int
	// SplitGap is the time between two such writes: without it, a network may
	// put them together again.
	SplitGap time.Duration
}

// Lines for Framing.Before, Between and After, as they were seen in streams.
const (
	KeepAliveComment = ": keep-alive"            // DeepSeek
	ProcessingLine   = ": OPENROUTER PROCESSING" // OpenRouter
	BareComment      = ":"                       // llama.cpp since 2026-06
	RetryLine        = "retry: 3000"
	EmptyData        = "data:"
	KeepAliveData    = "data: keep-alive"
)
