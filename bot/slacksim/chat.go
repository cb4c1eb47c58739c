package slacksim

import (
	"unicode/utf8"
)

// target finds the channel a chat method writes to. A user id stands for the
// direct message with that person.
func (w *Workspace) target(q *request) (*channel, reply) {
	id := q.args["channel"]
	if p, ok := w.people[id]; ok && id != w.opt.Bot.ID {
		id = dmID(p.ID)
	}
	c := w.channels[id]
	switch {
	case c == nil, c.Private && c.NotMember: // Slack hides private channels
		return nil, fail("channel_not_found")
	case c.NotMember:
		return nil, fail("not_in_channel")
	case c.Archived:
		return nil, fail("is_archived")
	}
	q.channel = c.ID
	return c, nil
}

// ownMessage finds a message that the bot may change.
func (w *Workspace) ownMessage(c *channel, ts, notOwn string) (*message, reply) {
	m := c.byTS[ts]
	switch {
	case m == nil || m.Deleted:
		return nil, fail("message_not_found")
	case m.BotID != BotID:
		return nil, fail(notOwn)
	}
	return m, nil
}

// postMessage is chat.postMessage. thread_ts is not checked against the
// channel's messages: Slack lists no error for an unknown one.
func (w *Workspace) postMessage(q *request) reply {
	c, bad := w.target(q)
	if bad != nil {
		return bad
	}
	said, bad := w.readContent(q)
	if bad != nil {
		return bad
	}
	if said.text == "" && len(said.blocks) == 0 && q.args["attachments"] == "" {
		return fail("no_text")
	}
	if said.blocks == nil {
		said.text = truncate(said.text, maxPostText)
	}
	m := w.newBotMessage(c, q.args["thread_ts"], said)
	if q.flag("reply_broadcast") && m.ThreadTS != "" {
		m.Subtype = "thread_broadcast"
	}
	w.say(c, m)
	q.ts = m.TS
	return reply{"channel": c.ID, "ts": m.TS, "message": w.wire(m, true)}
}

// newBotMessage makes a message of the bot. A thread_ts that names a reply
// means the thread of that reply.
func (w *Workspace) newBotMessage(c *channel, threadTS string, said content) *message {
	if root := c.rootOf(threadTS); root != nil {
		threadTS = root.TS
	}
	return &message{Message: Message{
		TS: w.newTS(), ThreadTS: threadTS, User: w.opt.Bot.ID, BotID: BotID,
		Text: said.text, Blocks: said.blocks, Markdown: said.markdown, Metadata: said.metadata,
	}}
}

// say stores a message of the bot, which ends the status of its thread, and
// echoes it as an event.
func (w *Workspace) say(c *channel, m *message) {
	w.add(c, m)
	w.clearStatus(tsKey{c.ID, m.ThreadTS})
	w.announce(c, m)
}

func truncate(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n])
}

// updateMessage is chat.update.
func (w *Workspace) updateMessage(q *request) reply {
	c, bad := w.target(q)
	if bad != nil {
		if bad.code() == "is_archived" {
			return fail("is_inactive") // what this method calls it
		}
		return bad
	}
	m, bad := w.ownMessage(c, q.args["ts"], "cant_update_message")
	if bad != nil {
		return bad
	}
	if m.StreamingState == streamOpen {
		return fail("streaming_state_conflict")
	}
	hasBlocks := q.args["blocks"] != ""
	said, bad := w.readContent(q)
	if bad != nil {
		return bad
	}
	markdownOnly := q.args["markdown_text"] != ""
	if !markdownOnly && utf8.RuneCountInString(said.text) > maxUpdateText {
		return fail("msg_too_long")
	}
	if said.text == "" && len(said.blocks) == 0 && q.args["attachments"] == "" {
		return fail("no_text")
	}
	before := w.wire(m, true)
	// Text without blocks removes the blocks and shows "(edited)"; blocks do not.
	m.Text, m.Blocks, m.Markdown = said.text, said.blocks, said.markdown
	if !hasBlocks {
		m.Edited, m.editedBy, m.editedTS = true, w.opt.Bot.ID, w.newTS()
	}
	switch string(said.metadata) {
	case "": // kept
	case "{}":
		m.Metadata = nil
	default:
		m.Metadata = said.metadata
	}
	w.announceChange(c, m, before)
	return reply{"channel": c.ID, "ts": m.TS, "text": m.Text, "message": w.wire(m, true)}
}

// deleteMessage is chat.delete.
func (w *Workspace) deleteMessage(q *request) reply {
	c, bad := w.target(q)
	if bad != nil {
		return bad
	}
	m, bad := w.ownMessage(c, q.args["ts"], "cant_delete_message")
	if bad != nil {
		return bad
	}
	w.remove(c, m)
	return reply{"channel": c.ID, "ts": m.TS}
}

// postEphemeral is chat.postEphemeral. It makes no event.
func (w *Workspace) postEphemeral(q *request) reply {
	c, bad := w.target(q)
	if bad != nil {
		return bad
	}
	user := q.args["user"]
	if _, err := w.person(user); err != nil {
		return fail("user_not_found")
	}
	if _, _, err := w.place(user, c.ID); err != nil {
		return fail("user_not_in_channel")
	}
	said, bad := w.readContent(q)
	if bad != nil {
		return bad
	}
	if said.text == "" && len(said.blocks) == 0 {
		return fail("no_text")
	}
	m := w.newBotMessage(c, q.args["thread_ts"], said)
	w.whisper(c, m, user)
	return reply{"message_ts": m.TS}
}

// whisper shows a message to one person only. Nobody else, the app included,
// can read or change it by its timestamp.
func (w *Workspace) whisper(c *channel, m *message, userID string) {
	m.Channel, m.EphemeralTo = c.ID, userID
	w.ephemerals = append(w.ephemerals, m)
	w.ephByTS[tsKey{c.ID, m.TS}] = m
	w.showEphemeral(m)
}

func (w *Workspace) showEphemeral(m *message) {
	w.publish("ephemeral", struct {
		Message Message `json:"message"`
	}{m.snapshot()})
}
