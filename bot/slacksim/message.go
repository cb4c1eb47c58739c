package slacksim

import (
	"encoding/json"
	"maps"
	"slices"
)

// Message is a message as a person sees it.
type Message struct {
	TS       string            `json:"ts"`
	ThreadTS string            `json:"thread_ts,omitempty"` // set on replies, and on a root that has replies
	Channel  string            `json:"channel"`
	User     string            `json:"user"`
	BotID    string            `json:"bot_id,omitempty"`
	Subtype  string            `json:"subtype,omitempty"`
	Text     string            `json:"text"` // Slack's wire form: <@U1>, &lt;
	Blocks   []json.RawMessage `json:"blocks,omitempty"`

	// Markdown is what a person reads: the text of markdown blocks, of
	// markdown_text and of streamed chunks in order, or else Text.
	Markdown string `json:"markdown"`

	Edited         bool                `json:"edited,omitempty"`
	StreamingState string              `json:"streaming_state,omitempty"` // in_progress, completed or errored
	StoppedBy      string              `json:"stopped_by,omitempty"`      // who pressed Stop, see StopStreaming
	Metadata       json.RawMessage     `json:"metadata,omitempty"`
	Files          []File              `json:"files,omitempty"`
	Reactions      map[string][]string `json:"reactions,omitempty"` // emoji to user ids
	ReplyCount     int                 `json:"reply_count,omitempty"`
	EphemeralTo    string              `json:"ephemeral_to,omitempty"`
	Deleted        bool                `json:"deleted,omitempty"`
}

// message is a Message with what only the simulator knows. Slices and maps that
// have left through a snapshot are replaced, never written to.
type message struct {
	Message
	clientMsgID string
	editedBy    string
	editedTS    string
	parentUser  string
	replyUsers  []string
	latestReply string
	stream      *stream
	created     []*event // the events that announced it, for Redeliver
	replies     []*message
}

// snapshot returns a copy that nobody changes any more.
func (m *message) snapshot() Message {
	s := m.Message
	s.Reactions = maps.Clone(m.Reactions)
	if s.Markdown == "" {
		s.Markdown = s.Text
	}
	return s
}

// File is a file in a message.
type File struct {
	ID                 string `json:"id"`
	Created            int64  `json:"created"`
	Timestamp          int64  `json:"timestamp"`
	Name               string `json:"name"`
	Title              string `json:"title"`
	Mimetype           string `json:"mimetype"`
	Filetype           string `json:"filetype"`
	Mode               string `json:"mode"`
	User               string `json:"user"`
	Size               int    `json:"size"`
	URLPrivate         string `json:"url_private"`
	URLPrivateDownload string `json:"url_private_download"`
}

// wireMessage is a message in Slack's JSON.
// docs.slack.dev/reference/events/message
type wireMessage struct {
	Type           string            `json:"type"`
	Subtype        string            `json:"subtype,omitempty"`
	ClientMsgID    string            `json:"client_msg_id,omitempty"`
	User           string            `json:"user,omitempty"`
	BotID          string            `json:"bot_id,omitempty"`
	AppID          string            `json:"app_id,omitempty"`
	Team           string            `json:"team,omitempty"`
	UserTeam       string            `json:"user_team,omitempty"`
	SourceTeam     string            `json:"source_team,omitempty"`
	Text           string            `json:"text"`
	TS             string            `json:"ts"`
	ThreadTS       string            `json:"thread_ts,omitempty"`
	ParentUserID   string            `json:"parent_user_id,omitempty"`
	Blocks         []json.RawMessage `json:"blocks,omitempty"`
	Files          []File            `json:"files,omitempty"`
	Upload         *bool             `json:"upload,omitempty"`
	BotProfile     *wireBot          `json:"bot_profile,omitempty"`
	Edited         *wireEdited       `json:"edited,omitempty"`
	ReplyCount     int               `json:"reply_count,omitempty"`
	ReplyUsers     []string          `json:"reply_users,omitempty"`
	ReplyUserCount int               `json:"reply_users_count,omitempty"`
	LatestReply    string            `json:"latest_reply,omitempty"`
	Reactions      []wireReaction    `json:"reactions,omitempty"`
	Metadata       json.RawMessage   `json:"metadata,omitempty"`
	StreamingState string            `json:"streaming_state,omitempty"`
}

type wireEdited struct {
	User string `json:"user"`
	TS   string `json:"ts"`
}

type wireReaction struct {
	Name  string   `json:"name"`
	Users []string `json:"users"`
	Count int      `json:"count"`
}

type wireBot struct {
	ID      string `json:"id"`
	AppID   string `json:"app_id"`
	Name    string `json:"name"`
	UserID  string `json:"user_id,omitempty"`
	TeamID  string `json:"team_id"`
	Deleted bool   `json:"deleted"`
	Updated int64  `json:"updated"`
}

func (w *Workspace) wireBot() *wireBot {
	return &wireBot{ID: BotID, AppID: AppID, Name: w.opt.Bot.Name, TeamID: w.opt.TeamID}
}

// wire returns the message in Slack's JSON. Metadata is only shown where Slack
// shows it: in events, and in reads that ask for it.
func (w *Workspace) wire(m *message, metadata bool) *wireMessage {
	out := &wireMessage{
		Type: "message", Subtype: m.Subtype, ClientMsgID: m.clientMsgID, User: m.User, BotID: m.BotID,
		Team: w.teamOf(w.people[m.User]), Text: m.Text, TS: m.TS, ThreadTS: m.ThreadTS, ParentUserID: m.parentUser,
		Blocks: m.Blocks, Files: m.Files, ReplyCount: m.ReplyCount, ReplyUsers: m.replyUsers,
		ReplyUserCount: len(m.replyUsers), LatestReply: m.latestReply, StreamingState: m.StreamingState,
	}
	if m.BotID != "" {
		out.AppID, out.BotProfile = AppID, w.wireBot()
	}
	if out.Team != w.opt.TeamID {
		out.UserTeam, out.SourceTeam = out.Team, out.Team
	}
	if m.editedTS != "" {
		out.Edited = &wireEdited{User: m.editedBy, TS: m.editedTS}
	}
	if len(m.Files) > 0 {
		out.Upload = new(bool)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Reactions)) {
		users := m.Reactions[name]
		out.Reactions = append(out.Reactions, wireReaction{Name: name, Users: users, Count: len(users)})
	}
	if metadata {
		out.Metadata = m.Metadata
	}
	return out
}

// add stores a new message, links it to its thread and shows it on the page.
// Events are sent by the caller.
func (w *Workspace) add(c *channel, m *message) {
	m.Channel = c.ID
	c.msgs = append(c.msgs, m)
	c.byTS[m.TS] = m
	if root := c.byTS[m.ThreadTS]; root != nil && root != m {
		root.replies = append(root.replies, m)
		m.parentUser = root.User
		root.countReply(m)
		if !root.Deleted {
			w.show(root)
		}
	}
	w.show(m)
}

// countReply adds a reply to its root's summary of the thread.
func (m *message) countReply(r *message) {
	m.ThreadTS = m.TS
	m.ReplyCount++
	m.latestReply = r.TS
	if !slices.Contains(m.replyUsers, r.User) {
		m.replyUsers = append(slices.Clip(m.replyUsers), r.User)
	}
}

// recountReplies makes that summary afresh, after a reply was deleted.
func (m *message) recountReplies() {
	m.ThreadTS, m.ReplyCount, m.latestReply, m.replyUsers = "", 0, "", nil
	for _, r := range m.replies {
		if !r.Deleted {
			m.countReply(r)
		}
	}
}

// show tells the page and everybody who waits that the message has changed.
func (w *Workspace) show(m *message) {
	w.publish("message", struct {
		Message Message `json:"message"`
	}{m.snapshot()})
}
