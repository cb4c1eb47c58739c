package slacksim

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// An envelope must be acknowledged within three seconds. Events are then sent
// again at once, after one minute and after five more; so are events for which
// there was no connection. Commands and clicks are not.
// docs.slack.dev/apis/events-api, "Error handling"
const ackDeadline = 3 * time.Second

var redeliveries = []time.Duration{0, time.Minute, 5 * time.Minute}

const (
	typeEvent       = "events_api"
	typeCommand     = "slash_commands"
	typeInteractive = "interactive"
)

// envelope is a frame of Socket Mode that carries a payload.
type envelope struct {
	EnvelopeID   string `json:"envelope_id"`
	Type         string `json:"type"`
	AcceptsReply bool   `json:"accepts_response_payload"`
	Payload      any    `json:"payload"` // marshalled by the writer, so it must not change
	RetryAttempt int    `json:"retry_attempt"`
	RetryReason  string `json:"retry_reason"`
}

// pending is a payload on its way to the app.
type pending struct {
	kind    string // of envelope
	event   event  // of kinds other than events_api only payload, channel and ts
	attempt int
	tries   []*Delivery
	timer   *alarm

	// Both run with w.mu held, and only one of them, once.
	acked  func(payload json.RawMessage)
	failed func()
}

// send makes one attempt over a random connection. The caller holds w.mu.
func (w *Workspace) send(p *pending) {
	if len(w.sockets) == 0 {
		w.retry(p)
		return
	}
	s := w.sockets[w.rng.IntN(len(w.sockets))]
	d := &Delivery{
		EnvelopeID: newUUID(), Type: p.kind, Event: p.event.name, EventID: p.event.id, Channel: p.event.channel,
		TS: p.event.ts, Attempt: p.attempt, SentAt: time.Now(), Socket: s.id,
	}
	reason := ""
	if p.attempt > 0 {
		reason = "timeout"
	}
	w.deliveries.add(d)
	w.pending[d.EnvelopeID] = p
	p.tries = append(p.tries, d)
	s.queue(frame{body: envelope{
		EnvelopeID: d.EnvelopeID, Type: p.kind, AcceptsReply: p.kind != typeEvent,
		Payload: p.event.payload, RetryAttempt: p.attempt, RetryReason: reason,
	}})
	p.timer = w.after(ackDeadline, func() { w.retry(p) })
	w.touch()
}

// retry plans the next attempt, or gives the payload up. The caller holds w.mu.
func (w *Workspace) retry(p *pending) {
	if p.kind != typeEvent || p.attempt >= len(redeliveries) {
		w.settle(p)
		if p.failed != nil {
			p.failed()
		}
		return
	}
	wait := redeliveries[p.attempt]
	p.attempt++
	if wait == 0 {
		w.send(p)
		return
	}
	p.timer = w.after(wait, func() { w.send(p) })
}

// settle forgets a payload that was acknowledged or given up.
func (w *Workspace) settle(p *pending) {
	p.timer.stop()
	for _, d := range p.tries {
		delete(w.pending, d.EnvelopeID)
	}
	w.touch()
}

// acknowledge takes an ack from any connection. It counts also when it is late,
// as long as the payload has not been given up.
func (w *Workspace) acknowledge(envelopeID string, payload json.RawMessage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.pending[envelopeID]
	if p == nil {
		return
	}
	if w.dropAcks > 0 {
		w.dropAcks--
		return
	}
	for _, d := range p.tries {
		if d.EnvelopeID == envelopeID {
			d.AckedAt = time.Now()
		}
	}
	w.settle(p)
	if p.acked != nil {
		p.acked(payload)
	}
}

// DropAcks makes the workspace ignore the next n acknowledgements, so that the
// events come again.
func (w *Workspace) DropAcks(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropAcks = n
}

// Redeliver sends the events that announced a message once more, under the same
// event ids, as Slack's first retry looks. It does so even if they were
// acknowledged.
func (w *Workspace) Redeliver(channelID, ts string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	c := w.channels[channelID]
	if c == nil {
		return fmt.Errorf("channel_not_found: %q", channelID)
	}
	m := c.byTS[ts]
	if m == nil {
		return fmt.Errorf("message_not_found: %q in %s", ts, channelID)
	}
	if len(m.created) == 0 {
		return errors.New("the app is not in that channel: it got no event of this message")
	}
	for _, e := range m.created {
		w.send(&pending{kind: typeEvent, event: *e, attempt: 1})
	}
	return nil
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
