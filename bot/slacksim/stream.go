package slacksim

import (
	"encoding/json"
	"time"
	"unicode/utf8"
)

// Streaming states of a message.
const (
	streamOpen    = "in_progress"
	streamDone    = "completed"
	streamErrored = "errored"
)

// Limits of a stream that Slack does not document.
const (
	// A stream lives five minutes and a little, however often it is appended to.
	// 306 s were measured: github.com/slackapi/python-slack-sdk/issues/1859
	streamLife = 306 * time.Second

	// The whole message holds about this many bytes of UTF-8; details and
	// output of tasks count twice. Reports differ between 10,600 and 12,000.
	maxStreamBytes = 11_000
)

// stream is the state of a streamed message.
type stream struct {
	mode   string // "markdown_text" or "chunks", by the first content; "" before
	parts  []part
	bytes  int
	blocks int  // sent in chunks so far
	full   bool // once too long, it takes no more text
	expiry *alarm
}

// end stops the clock of a stream; a nil stream has none.
func (s *stream) end() {
	if s != nil {
		s.expiry.stop()
	}
}

// feedContent checks what a call wants to add to the stream, and adds all of it
// or nothing.
func (w *Workspace) feedContent(s *stream, q *request, optional bool) (bad reply) {
	md, chunks := q.args["markdown_text"], q.args["chunks"]
	mode := ""
	switch {
	case md != "" && chunks != "":
		return fail("cannot_provide_both_markdown_text_and_chunks")
	case md != "":
		mode = "markdown_text"
	case chunks != "":
		mode = "chunks"
	case optional:
		return nil
	default:
		return fail("no_text")
	}
	if s.mode != "" && s.mode != mode {
		return fail("streaming_mode_mismatch")
	}
	added := []part{{kind: partText, text: md}}
	if mode == "chunks" {
		if added, bad = w.readChunks(chunks); bad != nil {
			return bad
		}
	}
	text, size, blocks := 0, 0, 0
	for _, p := range added {
		text += utf8.RuneCountInString(p.text)
		size += p.size()
		blocks += len(p.blocks)
	}
	switch {
	case s.blocks+blocks > maxBlocks:
		return fail("msg_blocks_too_many")
	case text > maxMarkdown:
		return fail("msg_too_long")
	case s.full && size > 0 || s.bytes+size > maxStreamBytes:
		s.full = true
		return fail("msg_too_long")
	}
	s.mode, s.bytes, s.blocks = mode, s.bytes+size, s.blocks+blocks
	for _, p := range added {
		s.add(p)
	}
	return nil
}

// startStream is chat.startStream.
func (w *Workspace) startStream(q *request) reply {
	if !w.streaming {
		return fail("feature_disabled")
	}
	c, bad := w.target(q)
	if bad != nil {
		return bad
	}
	if bad := w.startArgs(c, q); bad != nil {
		return bad
	}
	s := &stream{}
	if bad := w.feedContent(s, q, true); bad != nil {
		return bad
	}
	m := w.newBotMessage(c, q.args["thread_ts"], content{})
	m.stream, m.StreamingState = s, streamOpen
	s.render(m)
	s.expiry = w.after(streamLife, func() {
		before := w.wire(m, true)
		m.StreamingState = streamErrored
		w.announceChange(c, m, before)
	})
	w.say(c, m)
	q.ts = m.TS
	return reply{"channel": c.ID, "ts": m.TS}
}

func (w *Workspace) startArgs(c *channel, q *request) reply {
	for _, name := range []string{"metadata", "unfurl_links", "unfurl_media", "blocks"} {
		if q.args[name] != "" {
			return fail("invalid_arguments", "[ERROR] not an argument of this method: "+name)
		}
	}
	switch q.args["task_display_mode"] {
	case "", "timeline", "plan":
	default:
		return fail("invalid_arguments", "[ERROR] task_display_mode must be timeline or plan")
	}
	ts := q.args["thread_ts"]
	if _, ok := parseTS(ts); ts != "" && !ok || ts == "" && c.im == "" {
		return fail("invalid_thread_ts")
	}
	user, team := q.args["recipient_user_id"], q.args["recipient_team_id"]
	switch {
	case user == "" && c.im == "":
		return fail("missing_recipient_user_id")
	case team == "" && c.im == "":
		return fail("missing_recipient_team_id")
	}
	p, err := w.person(user)
	switch {
	case user != "" && err != nil:
		return fail("user_not_found")
	case team != "" && team != w.opt.TeamID && (user == "" || team != w.teamOf(p)):
		return fail("team_not_found")
	}
	return nil
}

// streaming finds the message of a live stream.
func (w *Workspace) streamingMessage(q *request) (*channel, *message, reply) {
	c, bad := w.target(q)
	if bad != nil {
		return nil, nil, bad
	}
	m, bad := w.ownMessage(c, q.args["ts"], "message_not_owned_by_app")
	if bad != nil {
		return nil, nil, bad
	}
	q.threadTS = m.ThreadTS
	if m.StreamingState != streamOpen {
		return nil, nil, fail("message_not_in_streaming_state")
	}
	return c, m, nil
}

// appendStream is chat.appendStream.
func (w *Workspace) appendStream(q *request) reply {
	c, m, bad := w.streamingMessage(q)
	if bad != nil {
		return bad
	}
	if m.StoppedBy != "" {
		return fail("stopped_by_user")
	}
	before := w.wire(m, true)
	if bad := w.feedContent(m.stream, q, false); bad != nil {
		return bad
	}
	m.stream.render(m)
	w.announceChange(c, m, before)
	return reply{"channel": c.ID, "ts": m.TS}
}

// stopStream is chat.stopStream. Its blocks go below everything and have a
// budget of their own.
func (w *Workspace) stopStream(q *request) reply {
	c, m, bad := w.streamingMessage(q)
	if bad != nil {
		return bad
	}
	switch q.args["session_status"] {
	case "", "active", "processing", "suspended", "closed":
	default:
		return fail("invalid_arguments", "[ERROR] unknown session_status")
	}
	for _, name := range []string{"unfurl_links", "unfurl_media"} {
		if q.args[name] != "" {
			return fail("invalid_arguments", "[ERROR] not an argument of this method: "+name)
		}
	}
	var last []json.RawMessage
	if text := q.args["blocks"]; text != "" {
		if last, bad = w.readBlocks(text); bad != nil {
			return bad
		}
	}
	var metadata json.RawMessage
	if text := q.args["metadata"]; text != "" {
		if metadata, bad = readMetadata(text); bad != nil {
			return bad
		}
	}
	before := w.wire(m, true)
	if bad := w.feedContent(m.stream, q, true); bad != nil {
		return bad
	}
	if len(last) > 0 {
		m.stream.add(part{kind: partBlocks, blocks: last})
	}
	m.stream.end()
	m.StreamingState, m.Metadata = streamDone, metadata
	m.stream.render(m)
	w.announceChange(c, m, before)
	return reply{"channel": c.ID, "ts": m.TS, "message": w.wire(m, true)}
}

// SetStreaming switches chat.startStream on or off, as an administrator or a
// plan may. While it is off the method answers feature_disabled; streams that
// live go on.
func (w *Workspace) SetStreaming(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.streaming != on {
		w.streaming = on
		w.setControl("streaming", on)
	}
}
