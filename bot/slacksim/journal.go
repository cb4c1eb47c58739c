package slacksim

import (
	"slices"
	"time"
)

const (
	journalLen   = 50_000
	journalBytes = 64 << 20
)

// Call is one call of the Web API, or of a response_url (Method
// "response_url"). Refused calls are recorded too, in the order in which they
// took effect.
type Call struct {
	Method     string            `json:"method"`
	At         time.Time         `json:"at"` // arrival, before any delay
	Channel    string            `json:"channel,omitempty"`
	TS         string            `json:"ts,omitempty"` // of the message it named or made
	ThreadTS   string            `json:"thread_ts,omitempty"`
	Error      string            `json:"error,omitempty"` // Slack's error code
	HTTPStatus int               `json:"http_status"`     // 0 when the answer was lost
	RetryAfter time.Duration     `json:"-"`               // as it was sent; under /sim/calls as retry_after_ms
	Lost       bool              `json:"lost,omitempty"`  // done, but the connection was cut
	Args       map[string]string `json:"args,omitempty"`  // without the token
}

func callSize(c Call) int {
	n := 200
	for k, v := range c.Args {
		n += len(k) + len(v)
	}
	return n
}

// Delivery is one envelope sent over a socket.
type Delivery struct {
	EnvelopeID string    `json:"envelope_id"`
	Type       string    `json:"type"`               // of the envelope: events_api, slash_commands or interactive
	Event      string    `json:"event,omitempty"`    // of the event inside: app_mention, message, message_changed …
	EventID    string    `json:"event_id,omitempty"` // the same for all attempts
	Channel    string    `json:"channel,omitempty"`
	TS         string    `json:"ts,omitempty"`
	Attempt    int       `json:"attempt"` // retry_attempt: 0, then 1 to 3
	SentAt     time.Time `json:"sent_at"`
	AckedAt    time.Time `json:"acked_at,omitzero"`
	Socket     string    `json:"socket"`
}

// journal keeps the newest entries: at most journalLen, and about journalBytes.
type journal[T any] struct {
	list  []T
	size  func(T) int // nil if entries are small
	bytes int
}

func (j *journal[T]) add(e T) {
	j.list = append(j.list, e)
	if j.size != nil {
		j.bytes += j.size(e)
	}
	if len(j.list) <= journalLen && j.bytes <= journalBytes {
		return
	}
	// A fifth at once, so that the move is cheap on average.
	drop := max(1, len(j.list)/5)
	if j.size != nil {
		for _, e := range j.list[:drop] {
			j.bytes -= j.size(e)
		}
	}
	j.list = slices.Delete(j.list, 0, drop)
}

// Calls returns the newest calls of the Web API, oldest first: up to 50,000,
// fewer if their arguments are large.
func (w *Workspace) Calls() []Call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls.list)
}

// Deliveries returns the newest envelopes sent, oldest first, up to 50,000.
func (w *Workspace) Deliveries() []Delivery {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Delivery, len(w.deliveries.list))
	for i, d := range w.deliveries.list {
		out[i] = *d
	}
	return out
}
