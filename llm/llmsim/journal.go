package llmsim

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Request is one call of POST /v1/chat/completions, as the server saw it and
// as it went. Slices, maps and Body are shared with the journal: do not change
// them.
type Request struct {
	At    time.Time // when the whole request had arrived
	Ended time.Time // when the handler was through with it; zero while it runs

	// Model, Messages and the other parameters are zero in a request that broke
	// off before it had arrived, as when the client's process was killed.
	Model    string
	Messages []Message
	Stream   bool
	// IncludeUsage is stream_options.include_usage.
	IncludeUsage bool
	// MaxTokens is max_tokens or max_completion_tokens; 0 when there is none.
	MaxTokens   int
	Temperature *float64 // nil when there is none
	User        string
	Header      http.Header // keys and cookies are replaced by "[redacted]"
	Body        []byte      // as it was sent

	// Outcome is "" while the answer goes as it should and then one of
	//	"ok"            the answer was sent whole; it may linger after that
	//	"cancelled"     the client went away before that
	//	"closed"        the server was closed, or went down, before that
	//	"status 503"    a Response was sent, or the request was refused
	//	"fault cut"     the Fault of the script happened; so for each FaultKind
	//	"down refuse"   the connection was closed, see Down
	//	"down hang"     the request hangs, see Down
	// It is entered before the bytes are sent that show it to the client, as are
	// Deltas and Billed: what a client has seen is in the journal.
	Outcome string
	// Deltas is how many deltas were generated so far, streamed or not.
	Deltas int
	// Billed is what was billed for it so far.
	Billed Usage
}

// Message is one message of a request.
type Message struct {
	Role    string
	Content string // the text parts put together when content is an array
}

// journal keeps what was asked and how it went.
type journal struct {
	size int

	mu      sync.Mutex
	entries []*Request
	total   Usage
	lists   int
	changed chan struct{} // closed at the next change; nil when nobody waits
}

// Requests returns the journal, oldest request first. Requests that were
// refused are in it, GET requests are not.
func (s *Server) Requests() []Request {
	j := &s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]Request, len(j.entries))
	for i, e := range j.entries {
		out[i] = *e
	}
	return out
}

// ModelLists returns how many calls of GET /v1/models there were, refused ones
// included.
func (s *Server) ModelLists() int {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	return s.journal.lists
}

// Billed returns the sum of what was billed so far: see Usage for the rule.
func (s *Server) Billed() Usage {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	return s.journal.total
}

// Wait returns nil once cond is true. It asks cond now and after each change of
// the journal: a request, a delta, an outcome. cond may call the Server's
// methods. When ctx ends first, Wait returns the cause of it.
func (s *Server) Wait(ctx context.Context, cond func() bool) error {
	j := &s.journal
	for {
		j.mu.Lock()
		if j.changed == nil {
			j.changed = make(chan struct{})
		}
		changed := j.changed
		j.mu.Unlock()

		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// add enters a request and returns the entry, to be changed by update only.
func (j *journal) add(r Request) *Request {
	e := &r
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, e)
	if j.size > 0 && len(j.entries) > j.size {
		j.entries = slices.Delete(j.entries, 0, len(j.entries)-j.size)
	}
	j.notify()
	return e
}

// update changes an entry.
func (j *journal) update(e *Request, change func(*Request)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	before := e.Billed
	change(e)
	j.total = j.total.plus(e.Billed).minus(before)
	j.notify()
}

func (j *journal) listed() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lists++
	j.notify()
}

// notify wakes those who Wait. The caller holds mu.
func (j *journal) notify() {
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}
