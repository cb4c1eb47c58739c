package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// ackPatience bounds the wait for a connection that takes an
	// acknowledgement; Slack sends the envelope again after 3 s anyway.
	ackPatience = 3 * time.Second
	// maxAck is the size from which Slack drops an acknowledgement without a
	// word.
	maxAck = 20 << 10
	// atOnce is how many envelopes are taken in at a time: enough for the
	// store to commit them together.
	atOnce = 256
)

var (
	errNoSocket = errors.New("no connection took it")
	errClosing  = errors.New("the connection is closing")
)

// take hands an envelope to a goroutine that takes it in and acknowledges it.
// It waits, and with it the reader, while atOnce are being taken in.
func (s *socket) take(ctx context.Context, env envelope) {
	b := s.bot
	b.sockets.change(s.number, func(st *SocketState) {
		st.Received++
		if env.RetryAttempt > 0 {
			st.Redelivered++
		}
		if !env.known() {
			st.Unknown++
		}
	})
	s.blocked.Store(true)
	select {
	case b.sockets.intake <- struct{}{}:
	case <-ctx.Done():
		return // it was not touched: Slack sends it again
	}
	s.blocked.Store(false)
	b.sockets.rush.enter()
	s.takes.Go(func() {
		defer b.sockets.rush.leave()
		// What has begun is stored, also when the bot is told to stop meanwhile.
		answer, err := b.handle(context.WithoutCancel(ctx), env)
		<-b.sockets.intake
		if err != nil {
			b.log.Error("envelope not taken in, Slack will send it again", "type", env.Type, "err", err)
			return
		}
		err = s.acknowledge(ctx, env.ID, answer.payload)
		if answer.then != nil {
			b.spawn <- answer.then
		}
		b.sockets.change(s.number, func(st *SocketState) {
			if err != nil {
				st.AcksFailed++
			} else {
				st.Acked++
			}
		})
		if err != nil {
			b.log.Warn("acknowledgement not sent, Slack will send the event again", "type", env.Type, "err", err)
		}
	})
}

// rush counts the envelopes that are being taken in and acknowledged. Slack
// counts the seconds until an acknowledgement, and an answer is many times the
// work of one: those that come in together are all acknowledged before the
// answers begin, as long as that is soon.
type rush struct {
	mu   sync.Mutex
	n    int
	over chan struct{} // closed when n is 0 again; nil if nobody waits
}

// rushPatience is what an answer waits at most for a rush to be over. A person
// does not feel it.
const rushPatience = 100 * time.Millisecond

func (r *rush) enter() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
}

func (r *rush) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n--; r.n == 0 && r.over != nil {
		close(r.over)
		r.over = nil
	}
}

// wait returns when the rush is over, after patience, or when ctx ends.
func (r *rush) wait(ctx context.Context, patience time.Duration) {
	r.mu.Lock()
	if r.n == 0 {
		r.mu.Unlock()
		return
	}
	if r.over == nil {
		r.over = make(chan struct{})
	}
	over := r.over
	r.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-over:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (e envelope) known() bool {
	return e.Type == "events_api" || e.Type == "slash_commands" || e.Type == "interactive"
}

// acknowledge sends the acknowledgement over the connection that brought the
// envelope or, if that one takes it no more, over any other, for which it waits
// a little: Slack takes it from each.
func (s *socket) acknowledge(ctx context.Context, id string, payload any) error {
	data, err := json.Marshal(struct {
		EnvelopeID string `json:"envelope_id"`
		Payload    any    `json:"payload,omitempty"`
	}{id, payload})
	if err != nil {
		return fmt.Errorf("encode the acknowledgement: %w", err)
	}
	if len(data) >= maxAck {
		return fmt.Errorf("acknowledgement of %d bytes: Slack takes less than %d", len(data), maxAck)
	}
	if s.write(data) == nil {
		return nil
	}
	patience := time.NewTimer(ackPatience)
	defer patience.Stop()
	for {
		open, another := s.bot.sockets.list()
		for _, o := range open {
			if o != s && o.write(data) == nil {
				return nil
			}
		}
		select {
		case <-another:
		case <-ctx.Done(): // there will be none
			return errNoSocket
		case <-patience.C:
			return errNoSocket
		}
	}
}

// write writes a text frame. A connection that takes none is replaced, and read
// meanwhile: what Slack sent before it broke may still lie there.
func (s *socket) write(data []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed {
		return errClosing
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(writePatience))
	err := s.conn.WriteMessage(websocket.TextMessage, data)
	if err != nil {
		s.closed = true
		s.doom(farewell{reasonWrite, err})
	}
	return err
}
