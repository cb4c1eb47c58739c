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

	parts      []*part // being written, in order
	spare      []*part // messages of an earlier attempt, to be used again
	checkpoint time.Time
	noEdits    bool // Slack lets nobody edit any more: hold the text until it is whole
	reposted   bool // a deleted message was replaced, which happens once

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

// part is one Slack message of a reply.
type part struct {
	ts     string // "" until posted
	stream bool   // a native stream that is still open
	opened time.Time
	start  int    // where in the sanitised answer it begins
	sent   string // what Slack shows, if known
	unsure bool   // a post whose outcome is unknown: look before posting again
}

// newReply takes a seat at the pacer; leave gives it back.
func (b *Bot) newReply(lease storage.Lease, turn storage.Turn) *reply {
	r := &reply{b: b, lease: lease, turn: turn, seat: b.pacer.sit(), checkpoint: time.Now(),
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
	if r.statusShown && len(r.turn.Parts) == 0 {
		r.b.setStatus(ctx, r.turn.Key, "") // it expires by itself after two minutes
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
			if r.shown != "" {
				r.say(r.shown)
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

// writeStatus shows the newest status line. It is left out once a message
// shows text: Slack clears the status with the reply's first message, and one
// set later would stay.
func (r *reply) writeStatus(ctx context.Context) {
	r.mu.Lock()
	status := r.status
	r.status = ""
	r.mu.Unlock()
	if len(r.parts) > 0 || len(r.spare) > 0 {
		r.shown = "" // nothing to set again
	}
	if status == "" || len(r.parts) > 0 || len(r.spare) > 0 {
		return
	}
	if err := r.b.setStatus(ctx, r.turn.Key, status); err == nil {
		r.statusShown, r.shown = true, status
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
		r.voided = false
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
// message: the text matters more than where it stands.
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
		*r.parts[len(r.parts)-1] = part{start: r.parts[len(r.parts)-1].start}
		err = r.write(ctx, text, true)
	}
	return err
}

// write brings Slack up to text. Unless final, it makes only calls that there
// is room for, and says errNotNow if there is none.
func (r *reply) write(ctx context.Context, text string, final bool, blocks ...slack.Block) error {
	text = sanitize(text, final)
	if text == "" || r.noEdits && !final {
		return nil
	}
	for {
		p := r.current(text)
		end := len(text)
		full := end-p.start > partLimit
		if full {
			end = p.start + cutAt(text[p.start:], partLimit)
		}
		w := write{final: final, seal: full || final, last: final && !full}
		w.body = slice(text, p.start, end, w.seal || !p.stream)
		if !full && final {
			w.blocks = blocks
		}
		if err := r.put(ctx, p, w); err != nil {
			return err
		}
		if !full {
			return r.saveProgress(ctx, text)
		}
		r.parts = append(r.parts, r.nextPart(end))
	}
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
		if err == nil || errors.Is(err, errNotNow) || fatal(err) {
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
			p.opened = time.Now()
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
		"stopped_by_user", "restricted_action_thread_locked", "message_limit_exceeded":
		return true
	}
	return false
}
