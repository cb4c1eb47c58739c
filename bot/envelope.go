package bot

import (
	"encoding/json"
	"strings"
)

// envelope is what Slack sends over a socket. It is decoded here from the raw
// frame and not by the client library, which refuses a whole event for one
// block of an unknown type; a person's question must not be lost to that.
type envelope struct {
	Type         string          `json:"type"` // events_api, slash_commands, interactive
	ID           string          `json:"envelope_id"`
	Payload      json.RawMessage `json:"payload"`
	RetryAttempt int             `json:"retry_attempt"`
	RetryReason  string          `json:"retry_reason"`
}

// callback is the payload of an events_api envelope.
type callback struct {
	Type      string `json:"type"` // event_callback
	TeamID    string `json:"team_id"`
	EventID   string `json:"event_id"`
	ExtShared bool   `json:"is_ext_shared_channel"`
	Event     event  `json:"event"`

	// late: read when we were back, and not delivered. What people were to be
	// told about it alone has lost its point.
	late bool
}

func decodeCallback(payload []byte) (callback, error) {
	var cb callback
	err := json.Unmarshal(payload, &cb)
	return cb, err
}

// event is what has happened; each type leaves most of it empty.
type event struct {
	Type        string `json:"type"`
	Subtype     string `json:"subtype"`
	UserID      string `json:"user"`
	BotID       string `json:"bot_id"`
	ChannelID   string `json:"channel"`
	ChannelType string `json:"channel_type"` // channel, group, im, mpim; absent in app_mention
	Text        string `json:"text"`
	TS          string `json:"ts"`
	ThreadTS    string `json:"thread_ts"`
	ClientMsgID string `json:"client_msg_id"`
	UserTeam    string `json:"user_team"`
	SourceTeam  string `json:"source_team"`
	Hidden      bool   `json:"hidden"`
	Files       []file `json:"files"`
	Edited      edited `json:"edited"`

	// Of message_changed and message_deleted.
	Message   *event `json:"message"`
	Previous  *event `json:"previous_message"`
	DeletedTS string `json:"deleted_ts"`

	// Of reaction_added.
	Reaction string `json:"reaction"`
	Item     item   `json:"item"`

	// Of app_home_opened: home, messages.
	Tab string `json:"tab"`

	// Of agent_session_stopped.
	StreamingMessageTS []string `json:"streaming_message_ts"`
}

// edited says when a message was edited last.
type edited struct {
	TS string `json:"ts"`
}

// item is what a reaction was put under.
type item struct {
	Type      string `json:"type"`
	ChannelID string `json:"channel"`
	TS        string `json:"ts"`
}

type file struct {
	Name string `json:"name"`
}

func (e event) direct() bool {
	return e.ChannelType == "im" || e.ChannelType == "" && strings.HasPrefix(e.ChannelID, "D")
}

// fromPerson reports whether a person wrote this as a message of their own.
// Slack echoes the bot's posts and edits back, and announces joins, topics and
// changes as messages too.
func (e event) fromPerson(self identity) bool {
	if e.Hidden || e.BotID != "" || e.UserID == "" || e.UserID == self.UserID || e.TS == "" || e.ChannelID == "" {
		return false
	}
	switch e.Subtype {
	case "", "file_share", "thread_broadcast", "me_message":
		return true
	}
	return false
}

// thread is the ts of the thread's root.
func (e event) thread() string {
	if e.ThreadTS != "" {
		return e.ThreadTS
	}
	return e.TS
}

// slashCommand is the payload of a slash_commands envelope. It carries no
// thread: Slack does not offer commands in a thread's reply box.
type slashCommand struct {
	Command   string `json:"command"`
	Text      string `json:"text"`
	UserID    string `json:"user_id"`
	ChannelID string `json:"channel_id"`
	TeamID    string `json:"team_id"`

	ResponseURL string `json:"response_url"`
}

// interaction is the payload of an interactive envelope, as far as buttons need
// it. One in the App Home names no channel.
type interaction struct {
	Type string `json:"type"` // block_actions
	User struct {
		ID     string `json:"id"`
		TeamID string `json:"team_id"`
	} `json:"user"`
	Channel struct {
		ID string `json:"id"`
	} `json:"channel"`
	Actions []action `json:"actions"`
	Message struct {
		TS       string `json:"ts"`
		ThreadTS string `json:"thread_ts"`
	} `json:"message"` // absent if only one person sees it
	Container struct {
		ThreadTS string `json:"thread_ts"`
	} `json:"container"`
	ResponseURL string `json:"response_url"`
}

// thread is the ts of the thread in which the button stands.
func (i interaction) thread() string {
	if i.Message.TS == "" {
		return i.Container.ThreadTS
	}
	if i.Message.ThreadTS != "" {
		return i.Message.ThreadTS
	}
	return i.Message.TS
}

type action struct {
	ID    string `json:"action_id"`
	Value string `json:"value"`
	TS    string `json:"action_ts"`

	responseURL string // of the click
}
