package llm

import (
	"context"
	"iter"
	"time"
)

// Provider answers requests. Implementations are safe for concurrent use.
type Provider interface {
	// Name is the provider's name in configuration, messages and the ledger.
	Name() string

	// Stream asks once and yields the answer as it arrives. The sequence is
	// for a single use. It ends with a Delta whose Response is set, or with
	// an error, which is an [*Error] unless ctx ended; then it is
	// context.Cause(ctx), possibly wrapped.
	Stream(ctx context.Context, req Request) iter.Seq2[Delta, error]
}

// Role says who speaks in a [Message].
type Role string

const (
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
)

// Message is one line of the conversation.
type Message struct {
	Role    Role
	Content string
}

// Request is what a model is asked. It is a value: policies change copies.
type Request struct {
	// Model overrides the provider's configured model.
	Model string
	// System comes first in the prompt and should be the same bytes every
	// time, so that the provider's prefix cache works.
	System   string
	Messages []Message
	// MaxOutputTokens and Temperature override the provider's settings.
	MaxOutputTokens int
	Temperature     *float64
	// User is an opaque name of who asks, for fairness between users.
	User string
	// Probe marks a question that nobody waits for: a [Breaker] asks whether
	// its provider is back.
	Probe bool
}

// Delta is one step of a streamed answer. Usually only Text is set.
type Delta struct {
	// Text is visible text to append.
	Text string
	// Reasoning is the model thinking aloud. It is not part of the answer.
	Reasoning string
	// Restart voids all text before it: another attempt writes the answer.
	Restart *Restart
	// Progress tells what happens while no text comes.
	Progress *Progress
	// Attempt reports a call to a provider that ended, well or not. Each call
	// is reported once. A consumer that leaves the loop early does not see the
	// last one, nor those of probes: a [Recorder] sees all.
	Attempt *Attempt
	// RateLimit is what the provider said about its limits. [Throttle] obeys.
	RateLimit *RateLimit
	// Response ends the stream.
	Response *Response
}

// Visible reports whether a person would see the delta as text.
func (d Delta) Visible() bool { return d.Text != "" }

// payload reports whether the delta shows that the model is at work.
func (d Delta) payload() bool { return d.Text != "" || d.Reasoning != "" }

// Restart says why the text starts over.
type Restart struct {
	Provider string // who answers now
	Class    Class  // why the one before was left
}

// Progress tells what a waiting person may be told.
type Progress struct {
	Stage    Stage
	Provider string        // whom it is about
	Wait     time.Duration // expected wait, if known
	Position int           // place in the provider's queue, 1 is next; 0 if not queued
}

// Stage is the kind of a [Progress].
type Stage string

const (
	StageQueued   Stage = "queued"   // waiting for a rate or concurrency limit
	StageRetrying Stage = "retrying" // the same provider is asked again
	StageFallback Stage = "fallback" // Provider is asked instead
)

// Response describes a whole answer.
type Response struct {
	Provider     string // who answered
	Model        string // as the provider reported it, else as asked
	FinishReason string // "stop", "length", …; unknown ones as they came
	RequestID    string
	Usage        Usage
	// Instead is set if an earlier provider failed, and says how.
	Instead *Error
	// Trimmed counts the messages, from the oldest on, that were left out of
	// the request because the model cannot read so much. See [Fit].
	Trimmed int
}

// Usage counts tokens of one call.
type Usage struct {
	InputTokens       int64 // cached ones included
	CachedInputTokens int64
	OutputTokens      int64 // reasoning included
	ReasoningTokens   int64
	Estimated         bool // counted by us: the provider did not say
}

// Attempt is one call to a provider, for the ledger.
type Attempt struct {
	Provider   string
	Model      string
	Start      time.Time
	FirstToken time.Duration // 0 if none came
	LongestGap time.Duration // between two pieces of the answer
	Duration   time.Duration
	Usage      Usage
	Price      *Price // nil: unknown
	Probe      bool   // see Request.Probe
	Err        *Error // nil: a whole answer came
}

// Outcome is "ok" or the class of the failure.
func (a Attempt) Outcome() string {
	if a.Err == nil {
		return "ok"
	}
	return string(a.Err.Class)
}
