package bot

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/storage"
)

// part is one Slack message of a reply.
type part struct {
	ts     string // "" until posted
	stream bool   // a native stream that is still open
	opened time.Time
	start  int    // where in the sanitised answer it begins
	sent   string // what Slack shows, if known
	unsure bool   // a post whose outcome is unknown: look before posting again
}

// write is what one message is brought to.
type write struct {
	body   string
	seal   bool // nothing will be added to this message
	final  bool // the answer is whole: the call must be made
	last   bool // and nothing of it is left after this
	blocks []slack.Block
}

// rank is that of the last write, or else what is given.
func (w write) rank(other rank) rank {
	if w.last {
		return rankFinal
	}
	return other
}

// current returns the part that the end of text belongs to.
func (r *reply) current(text string) *part {
	// A shorter text than before (an apology instead of an answer) starts over.
	if n := len(r.parts); n > 0 && r.parts[n-1].start >= len(text) {
		r.spare = append(r.parts, r.spare...)
		r.parts = nil
	}
	if len(r.parts) == 0 {
		r.parts = append(r.parts, r.nextPart(0))
	}
	return r.parts[len(r.parts)-1]
}

func (r *reply) nextPart(start int) *part {
	if len(r.spare) == 0 {
		return &part{start: start}
	}
	p := r.spare[0]
	r.spare = r.spare[1:]
	p.start = start
	return p
}

// put brings one message to w.
func (r *reply) put(ctx context.Context, p *part, w write) error {
	switch {
	case p.ts == "":
		return r.open(ctx, p, w)
	case p.stream && strings.HasPrefix(w.body, p.sent) && p.sent != "" && time.Since(p.opened) < streamLife:
		err := r.extend(ctx, p, w)
		if err == nil || errors.Is(err, errNotNow) || fatal(err) || refusalCode(err) == "stopped_by_user" && !w.final {
			return err
		}
		// Whatever went wrong with the stream, an edit puts the text right,
		// and nothing may be appended to a text that is not known.
		p.sent = ""
		r.seat.endsWith(methodUpdate)
		r.b.log.Info("native stream left for edits", "turn", r.turn.ID, "err", err)
		return r.edit(ctx, p, w)
	default:
		return r.edit(ctx, p, w)
	}
}

// extend appends to a native stream, or ends it.
func (r *reply) extend(ctx context.Context, p *part, w write) error {
	rest := w.body[len(p.sent):]
	var err error
	switch {
	case w.seal:
		err = r.b.stopStream(ctx, r.target(p), rest, w)
		if err == nil {
			p.stream = false
		}
	case rest == "":
		return nil
	default:
		err = r.b.appendStream(ctx, r.target(p), rest)
	}
	if err == nil {
		p.sent = w.body
	}
	return err
}

// edit replaces the text of a message, after closing its stream.
func (r *reply) edit(ctx context.Context, p *part, w write) error {
	r.seat.endsWith(methodUpdate)
	if p.stream {
		if err := r.b.endStream(ctx, r.target(p), w.final); err != nil {
			return err
		}
		p.stream, p.sent = false, ""
		if err := r.saveParts(ctx); err != nil {
			return err
		}
	}
	if p.sent == w.body && !w.final {
		return nil
	}
	err := r.b.update(ctx, r.target(p), w)
	switch refusalCode(err) {
	case "edit_window_closed", "cant_update_message", "block_mismatch":
		r.noEdits = true
		if !w.final {
			return nil
		}
		// The whole text stands once: the half one goes, if Slack lets it.
		if err := r.b.deleteMessage(ctx, r.turn.Key.ChannelID, p.ts); err != nil {
			r.b.log.Info("half reply not deleted", "turn", r.turn.ID, "err", err)
		}
		p.ts, p.sent = "", ""
		return r.open(ctx, p, w)
	case "message_not_found":
		if r.reposted {
			return err
		}
		r.reposted = true
		p.ts, p.sent = "", ""
		return r.open(ctx, p, w)
	case "streaming_state_conflict":
		// What refused to end was an open stream: it is ended again before the
		// next try. Unfinished text is not worth the calls.
		p.stream, p.sent = w.final, ""
	}
	if err == nil {
		p.sent = w.body
	}
	return err
}

// open posts a new message for p. The intention is stored first, so that after
// a crash somebody looks for the message.
func (r *reply) open(ctx context.Context, p *part, w write) error {
	if err := r.intend(ctx, p); err != nil {
		return err
	}
	for pause := time.Second; ; pause *= 2 {
		if p.unsure {
			found, err := r.b.findReply(ctx, r.turn, r.number(p))
			if err != nil {
				return err
			}
			p.unsure = false
			if found != nil {
				p.ts, p.stream, p.sent, p.opened = found.ts, found.stream, "", time.Now()
				if err := r.saveParts(ctx); err != nil {
					return err
				}
				return r.edit(ctx, p, w) // what it shows is not known
			}
		}
		err := r.b.post(ctx, r.target(p), p, w)
		if err == nil {
			p.opened, r.statusShown = time.Now(), false // Slack takes the status away
			return r.saveParts(ctx)
		}
		p.unsure = errors.Is(err, errUnknown)
		if !p.unsure || !w.final || pause > 16*time.Second {
			return err
		}
		if sleep(ctx, pause) != nil {
			return err
		}
	}
}

// intend stores that a message for p is about to be posted.
func (r *reply) intend(ctx context.Context, p *part) error {
	switch {
	case r.turn.State == storage.StateReceived:
		return r.advance(ctx, storage.Change{To: storage.StatePosting, ReplyID: r.turn.ID, Attempt: max(r.turn.Attempt, 1)})
	case r.turn.State == storage.StatePosting, p.unsure, r.number(p) == 0 && len(r.turn.Parts) == 0:
		return nil // the state says it
	}
	return r.saveParts(ctx)
}

// saveParts stores which messages the reply has, one that is about to be posted
// among them.
func (r *reply) saveParts(ctx context.Context) error {
	to := storage.StateStreaming
	if r.turn.State == storage.StateFinal {
		to = storage.StateFinal
	}
	return r.advance(ctx, storage.Change{To: to, Parts: r.storedParts()})
}

// saveProgress stores the text so far, now and then.
func (r *reply) saveProgress(ctx context.Context, text string) error {
	if r.turn.State != storage.StateStreaming || time.Since(r.checkpoint) < checkpointEvery {
		return nil
	}
	r.checkpoint = time.Now()
	return r.advance(ctx, storage.Change{To: storage.StateStreaming, Answer: text})
}

func (r *reply) storedParts() []storage.Part {
	var out []storage.Part
	for _, p := range append(r.parts[:len(r.parts):len(r.parts)], r.spare...) {
		out = append(out, storage.Part{TS: p.ts, Stream: p.stream})
	}
	return out
}

func (r *reply) advance(ctx context.Context, c storage.Change) error {
	c.TurnID, c.From, c.At = r.turn.ID, r.turn.State, time.Now()
	// The journal must be right even if the turn is being given up.
	turn, err := r.b.o.Store.Advance(context.WithoutCancel(ctx), r.lease, c)
	if err != nil {
		return journalError{err}
	}
	r.turn = turn
	return nil
}

// number is p's place among the messages of the reply.
func (r *reply) number(p *part) int {
	for i, q := range r.parts {
		if p == q {
			return i
		}
	}
	return len(r.parts)
}

func (r *reply) target(p *part) target {
	return target{turn: r.turn, ts: p.ts, number: r.number(p), seat: r.seat}
}

// journalError is a failure to store what happens to the reply. Nothing more
// may be written to Slack then: it could not be found again.
type journalError struct{ error }

func (e journalError) Unwrap() error { return e.error }

// fatal reports whether the reply cannot be continued.
func fatal(err error) bool {
	if _, ok := errors.AsType[journalError](err); ok {
		return true
	}
	switch refusalCode(err) {
	case "message_not_found", "channel_not_found", "thread_not_found", "is_archived", "is_inactive", "not_in_channel",
		"restricted_action", "account_inactive", "invalid_auth", "token_revoked", "not_authed", "missing_scope",
		"restricted_action_thread_locked", "message_limit_exceeded":
		return true
	}
	return false
}

// tooLong reports whether Slack takes less text in a message than we thought.
func tooLong(err error) bool {
	switch refusalCode(err) {
	case "msg_too_long", "msg_blocks_too_long", "markdown_text_too_long":
		return true
	}
	return false
}
