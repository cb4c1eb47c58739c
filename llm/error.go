package llm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// Class is the kind of a failure. It decides who tries again.
type Class string

const (
	ClassConnect   Class = "connect"       // no connection, or lost before any payload
	ClassTimeout   Class = "timeout"       // no first token in time
	ClassServer    Class = "server"        // 5xx, 529, in-band server error
	ClassTransient Class = "transient"     // 408, 409, 425
	ClassRate      Class = "rate_limit"    // 429
	ClassQuota     Class = "quota"         // no balance, spend cap reached
	ClassAuth      Class = "auth"          // wrong key, or one without the right
	ClassModel     Class = "model"         // the model does not exist there
	ClassContext   Class = "context"       // the prompt is too long
	ClassContent   Class = "content"       // refused by the provider's moderation
	ClassRequest   Class = "request"       // we asked something malformed
	ClassProtocol  Class = "protocol"      // the answer is not a stream of chunks
	ClassTruncated Class = "truncated"     // the stream stopped or stalled in the middle
	ClassCancelled Class = "cancelled"     // our caller gave up
	ClassLocal     Class = "not_attempted" // our own limiter or breaker said no
	ClassFlood     Class = "flood"         // our own limiter: too many requests of this user wait
)

// verdict is what a class means to the breaker.
type verdict uint8

const (
	neutral   verdict = iota // says nothing about the provider's health
	failure                  // counts towards opening
	forceOpen                // opens at once: trying again cannot help soon
)

// policies says for each class who may try again. A retry asks the same
// provider, a fallback the next one.
var policies = map[Class]struct {
	retry    bool
	fallback bool
	verdict  verdict
}{
	ClassConnect:   {retry: true, fallback: true, verdict: failure},
	ClassTimeout:   {fallback: true, verdict: failure},
	ClassServer:    {retry: true, fallback: true, verdict: failure},
	ClassTransient: {retry: true, fallback: true},
	ClassRate:      {retry: true, fallback: true},
	ClassQuota:     {fallback: true, verdict: forceOpen},
	ClassAuth:      {fallback: true, verdict: forceOpen},
	ClassModel:     {fallback: true, verdict: forceOpen},
	ClassContext:   {},
	ClassContent:   {}, // asking around until somebody agrees would be policy shopping
	ClassRequest:   {},
	ClassProtocol:  {fallback: true, verdict: failure},
	ClassTruncated: {fallback: true, verdict: failure},
	ClassCancelled: {},
	ClassLocal:     {fallback: true},
	ClassFlood:     {}, // the next provider's queue is no better place for them
}

// EmptyAnswer is the Code of an error for an answer that ended well but has no
// text: only reasoning, or a tool call that nobody asked for.
const EmptyAnswer = "empty_answer"

// verdictOf is what an error means to the breaker. A 429 that says when to come
// back is the throttle's business; a provider that sends nothing but 429 and no
// time is as good as down. An empty answer is the model's, whose server is well.
func verdictOf(e *Error) verdict {
	switch {
	case e.Class == ClassRate && e.RetryAfter == 0:
		return failure
	case e.Code == EmptyAnswer:
		return neutral
	}
	return policies[e.Class].verdict
}

// ErrTooLate is the cause of a call's context that [Fallback] ends because no
// answer has begun in time. A provider that was given a fair part of that time
// has failed; one whose request had hardly left has not.
var ErrTooLate = errors.New("llm: no answer began in time")

func isTooLate(ctx context.Context) bool {
	return ctx.Err() != nil && errors.Is(context.Cause(ctx), ErrTooLate)
}

// Error is why a call gave no whole answer.
type Error struct {
	Class     Class
	Provider  string
	Model     string
	Status    int    // HTTP status, 0 if none came
	Code      string // the provider's own code, e.g. "invalid_api_key"
	Message   string // the provider's words, secrets removed
	RequestID string
	// RetryAfter is when asking again makes sense; 0 if nobody said.
	RetryAfter time.Duration
	Err        error // cause, if any
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Provider != "" {
		b.WriteString(e.Provider)
		b.WriteString(": ")
	}
	b.WriteString(string(e.Class))
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Code != "" {
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	switch {
	case e.Message != "":
		b.WriteString(": ")
		b.WriteString(e.Message)
	case e.Err != nil:
		b.WriteString(": ")
		b.WriteString(Redact(e.Err.Error()))
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns the class of err, ClassCancelled for a context's error, and
// "" for any other error.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	if isContextError(err) {
		return ClassCancelled
	}
	return ""
}

// asError turns any error of a stream into an *Error, so that policies and
// ledgers see one type. Errors of foreign Providers count as server errors.
func asError(err error, p Provider) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	class := ClassServer
	switch {
	case errors.Is(err, ErrTooLate):
		class = ClassTimeout
	case isContextError(err):
		class = ClassCancelled
	}
	return &Error{Class: class, Provider: p.Name(), Err: err}
}

var (
	secrets  = regexp.MustCompile(`(?i)\b(sk|xox[a-z]|xapp)-[A-Za-z0-9_*.\-]{4,}|\bBearer\s+\S+`)
	userinfo = regexp.MustCompile(`//[^/@\s"]+@`)
)

// Redact removes what looks like a key or a password from text that came from
// outside: providers repeat a refused key in the error, and people write keys
// into URLs. It knows the common shapes only; whoever knows the key itself
// should remove that too.
func Redact(s string) string {
	return userinfo.ReplaceAllString(secrets.ReplaceAllString(s, "[redacted]"), "//[redacted]@")
}
