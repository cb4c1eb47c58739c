package bot

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/storage"
)

const (
	// The shortest time between two writes of one reply, to a stream and by
	// edits. The pacer makes it longer when there is less room.
	appendEvery = 300 * time.Millisecond
	updateEvery = 700 * time.Millisecond
	// statusEvery is how often the status line is set again: it goes out by
	// itself after two minutes.
	statusEvery = time.Minute
	// checkpointEvery is how often the text so far is stored.
	checkpointEvery = 5 * time.Second
	// streamLife is when a native stream is closed and edited on: Slack ends
	// it about five minutes after its start, whatever is appended.
	streamLife = 4 * time.Minute
)

// reply is the Slack message, or for a long answer messages, being written.
//
// A goroutine of its own writes, so that a slow Slack never holds up the
// model: show leaves the newest text and returns. settle ends that goroutine;
// after it, finish writes the whole text and confirms it.
//
// Before the first write the turn becomes StatePosting and right after it
// StateStreaming with the message's ts, so that whoever comes after a crash
// knows which message to finish.
type reply struct {
	b     *Bot
	lease storage.Lease
	turn  storage.Turn // as stored
	seat  *seat        // at the pacer

	parts       []*part // being written, in order
	spare       []*part // messages of an earlier attempt, to be used again
	limit       int     // bytes that one message takes
	checkpoint  time.Time
	settled     int  // how much of the text has looked right already
	plainTables bool // Slack refuses them
	noEdits     bool // Slack lets nobody edit any more: hold the text until it is whole
	reposted    bool // a deleted message was replaced, which happens once

	statusShown bool   // and not cleared by a message
	shown       string // the status that is shown while there is no text

	mu      sync.Mutex
	latest  string
	since   time.Time // since when there is text that is not shown; zero: there is none
	status  string    // to be shown
	voided  bool
	kick    chan struct{}
	stopped chan struct{}
	done    chan struct{}
	hurry   context.CancelFunc // ends the waits of unfinished text
}

// newReply takes a seat at the pacer; leave gives it back.
func (b *Bot) newReply(lease storage.Lease, turn storage.Turn) *reply {
	r := &reply{b: b, lease: lease, turn: turn, seat: b.pacer.sit(), limit: partLimit, checkpoint: time.Now(),
		kick: make(chan struct{}, 1), stopped: make(chan struct{}), done: make(chan struct{})}
	for _, p := range turn.Parts {
		if p.TS != "" {
			r.spare = append(r.spare, &part{ts: p.TS, stream: p.Stream})
		}
	}
	return r
}

func (r *reply) leave() { r.seat.leave() }

// start begins writing. ctx ends with the turn. settle must be called.
func (r *reply) start(ctx context.Context) {
	ctx, r.hurry = context.WithCancel(ctx)
	go func() {
		defer close(r.done)
		r.run(ctx)
	}()
}

// show makes text the newest version of the answer. It never blocks.
func (r *reply) show(text string) {
	r.mu.Lock()
	r.latest = text
	if r.since.IsZero() {
		r.since = time.Now()
	}
	r.mu.Unlock()
	r.wake()
}

// say shows a status line ("is thinking…") while there is no text. It never
// blocks.
func (r *reply) say(status string) {
	r.mu.Lock()
	r.status = status
	r.mu.Unlock()
	r.wake()
}

// clearStatus takes the status line away if no message has done so.
func (r *reply) clearStatus(ctx context.Context) {
	if r.statusShown {
		r.b.setStatus(ctx, r.turn.Key, "") // it expires by itself after two minutes
		r.statusShown = false
	}
}

// restart voids what was shown: the next text replaces it.
func (r *reply) restart() {
	r.mu.Lock()
	r.latest, r.voided = "", true
	r.mu.Unlock()
}

// settle ends the writing of unfinished text. A call that is under way is
// waited for, a call that waits for its turn is not made. It may be called
// again.
func (r *reply) settle() {
	select {
	case <-r.stopped:
	default:
		close(r.stopped)
	}
	r.hurry()
	<-r.done
}

func (r *reply) wake() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

func (r *reply) run(ctx context.Context) {
	rest := time.NewTimer(0) // the first text is written at once
	defer rest.Stop()
	refresh := time.NewTicker(statusEvery)
	defer refresh.Stop()
	for {
		select {
		case <-r.kick:
		case <-refresh.C:
			if status := r.shown; status != "" {
				r.shown = "" // it is to be set again
				r.say(status)
			}
			continue
		case <-r.stopped:
			return
		}
		r.writeStatus(ctx)
		if !r.pending() {
			continue
		}
		select {
		case <-rest.C:
		case <-r.stopped:
			return
		}
		err := r.writeInTurn(ctx)
		rest.Reset(r.gap())
		switch {
		case err == nil:
		case refusalCode(err) == "stopped_by_user":
			r.b.live.doom(r.turn.ID, stoppedError{})
			return
		case fatal(err):
			return // finish meets the same error and reports it
		case errors.Is(err, errNotNow):
			r.wake()
		case ctx.Err() != nil: // settled
		default:
			r.b.log.Warn("reply write failed", "turn", r.turn.ID, "err", err)
			r.wake()
		}
	}
}

// writeInTurn waits until the pacer grants the next call and only then takes the
// text, so that the newest is shown.
func (r *reply) writeInTurn(ctx context.Context) error {
	if r.seat.granted == "" {
		method := r.nextMethod()
		if method == "" {
			r.say("is writing…")
			r.writeStatus(ctx)
			return nil // looked at again with the next text
		}
		r.mu.Lock()
		c := call{method: method, channel: r.turn.Key.ChannelID, rank: rankMore, since: r.since, seat: r.seat}
		r.mu.Unlock()
		if len(r.parts) == 0 {
			c.rank = rankFirst
		}
		if err := r.b.pacer.wait(ctx, c); err != nil {
			return err
		}
		r.seat.granted = method
	}
	return r.write(ctx, r.take(), false)
}

// nextMethod is what the next text will be written with, or "" if there is no
// room for showing unfinished text at all.
func (r *reply) nextMethod() string {
	n := len(r.parts)
	switch {
	case n == 0 && len(r.spare) == 0, n > 0 && r.parts[n-1].ts == "":
		return r.seat.open(r.b.streams(r.turn.Key.ChannelID))
	case n > 0 && r.parts[n-1].stream && time.Since(r.parts[n-1].opened) < streamLife:
		return methodAppendStream
	}
	return methodUpdate
}

// gap is the shortest time to the next write.
func (r *reply) gap() time.Duration {
	if n := len(r.parts); n > 0 && r.parts[n-1].stream {
		return appendEvery
	}
	return updateEvery
}

// writeStatus shows the newest status line, until a message shows text. Slack
// clears the status with a new message, but not with an edit.
func (r *reply) writeStatus(ctx context.Context) {
	r.mu.Lock()
	status := r.status
	r.status = ""
	r.mu.Unlock()
	if len(r.parts) > 0 {
		r.shown = "" // nothing to set again
		r.clearStatus(ctx)
		return
	}
	if status == "" || status == r.shown {
		return
	}
	switch err := r.b.setStatus(ctx, r.turn.Key, status); {
	case err == nil:
		r.statusShown, r.shown = true, status
	case errors.Is(err, errUnknown):
		r.statusShown = true // perhaps
	}
}

func (r *reply) pending() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.latest != "" || r.voided
}

// take returns the newest text and carries out a restart.
func (r *reply) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.voided {
		r.voided, r.settled = false, 0
		r.spare = append(r.parts, r.spare...)
		r.parts = nil
	}
	r.since = time.Time{}
	return r.latest
}

// finish writes text, which is the whole answer, with blocks under it, and
// returns once Slack has confirmed it. Messages of an earlier attempt that the
// text does not need are deleted. A reply that was started must be settled before.
func (r *reply) finish(ctx context.Context, text string, blocks ...slack.Block) error {
	if err := r.mark(ctx, text, blocks...); err != nil {
		return err
	}
	for len(r.spare) > 0 {
		p := r.spare[0]
		err := r.b.deleteMessage(ctx, r.turn.Key.ChannelID, p.ts)
		if err != nil && refusalCode(err) == "" {
			return err
		}
		if err != nil { // it stays, as a blemish: the answer is whole
			r.b.log.Warn("left-over message not deleted", "turn", r.turn.ID, "err", err)
		}
		r.spare = r.spare[1:]
	}
	return nil
}

// mark is finish without the deletion: the text may yet grow again. A last
// write that Slack refuses is tried without the blocks, and then as a new
// message, after which the old one goes: the text matters more than where it
// stands.
func (r *reply) mark(ctx context.Context, text string, blocks ...slack.Block) error {
	r.take()
	err := r.write(ctx, text, true, blocks...)
	if code := refusalCode(err); code != "" && !fatal(err) && !strings.Contains(code, "block") && sleep(ctx, time.Second) == nil {
		r.b.log.Warn("last write refused, trying again", "turn", r.turn.ID, "err", err)
		err = r.write(ctx, text, true, blocks...)
	}
	if refusalCode(err) != "" && !fatal(err) && len(blocks) > 0 {
		r.b.log.Warn("last write refused, trying without buttons", "turn", r.turn.ID, "err", err)
		err = r.write(ctx, text, true)
	}
	if refusalCode(err) != "" && !fatal(err) && len(r.parts) > 0 {
		r.b.log.Warn("last write refused, posting anew", "turn", r.turn.ID, "err", err)
		p := r.parts[len(r.parts)-1]
		old := *p
		*p = part{start: old.start}
		if err = r.write(ctx, text, true); err == nil && old.ts != "" {
			r.spare = append(r.spare, &old)
			err = r.saveParts(ctx)
		}
	}
	return err
}

// write brings Slack up to text. Unless final, it makes only calls that there
// is room for, and says errNotNow if there is none.
func (r *reply) write(ctx context.Context, text string, final bool, blocks ...slack.Block) error {
	text = sanitize(text, final, r.b.o.Reply.LinkHosts)
	if !final {
		r.settled = max(r.settled, settled(text))
		text = text[:min(r.settled, len(text))]
	}
	if text == "" || r.noEdits && !final {
		return nil
	}
	for {
		p := r.current(text)
		s := section{number: r.number(p), limit: r.limit, start: p.start, end: len(text)}
		room := s.room(text)
		full := s.end-s.start > room
		if full {
			s.end = s.start + cutAt(text[s.start:], room, openFence(text[:s.start]))
		}
		w := write{final: final, seal: full || final, last: final && !full}
		w.body = s.body(text, w.seal || !p.stream, full)
		switch {
		case full:
		case final:
			w.blocks = blocks
		case !p.stream:
			w.blocks = stopBlocks(r.turn)
		}
		if r.plainTables {
			w.body = tablesAsCode(w.body)
		}
		err := r.put(ctx, p, w)
		if refusesTables(refusalCode(err)) {
			if plain := tablesAsCode(w.body); plain != w.body {
				r.plainTables = true
				r.b.log.Info("tables refused, showing them as code", "turn", r.turn.ID, "err", err)
				w.body = plain
				err = r.put(ctx, p, w)
			}
		}
		if tooLong(err) && r.limit > 2000 {
			r.limit /= 2
			r.b.log.Warn("message too long for Slack, cutting it shorter", "turn", r.turn.ID, "bytes", len(w.body), "limit", r.limit)
			continue
		}
		if err != nil {
			return err
		}
		if !full {
			return r.saveProgress(ctx, text)
		}
		r.parts = append(r.parts, r.nextPart(s.end))
	}
}
