package slacksim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// event is an event of the Events API as the app gets it.
type event struct {
	id      string
	name    string // type of the inner event, or its subtype
	channel string
	ts      string
	payload any
}

// callback is the outer payload. docs.slack.dev/apis/events-api
type callback struct {
	Token          string          `json:"token"`
	TeamID         string          `json:"team_id"`
	ContextTeamID  string          `json:"context_team_id"`
	APIAppID       string          `json:"api_app_id"`
	Event          any             `json:"event"`
	Type           string          `json:"type"`
	EventID        string          `json:"event_id"`
	EventTime      int64           `json:"event_time"`
	Authorizations []authorization `json:"authorizations"`
	IsExtShared    bool            `json:"is_ext_shared_channel"`
	EventContext   string          `json:"event_context"`
}

type authorization struct {
	EnterpriseID        *string `json:"enterprise_id"`
	TeamID              string  `json:"team_id"`
	UserID              string  `json:"user_id"`
	IsBot               bool    `json:"is_bot"`
	IsEnterpriseInstall bool    `json:"is_enterprise_install"`
}

// messageEvent is a message or app_mention event.
type messageEvent struct {
	*wireMessage
	Channel     string `json:"channel"`
	ChannelType string `json:"channel_type,omitempty"`
	EventTS     string `json:"event_ts"`
}

// changeEvent is message_changed or message_deleted.
type changeEvent struct {
	Type        string       `json:"type"`
	Subtype     string       `json:"subtype"`
	Hidden      bool         `json:"hidden"`
	Channel     string       `json:"channel"`
	ChannelType string       `json:"channel_type"`
	TS          string       `json:"ts"`
	EventTS     string       `json:"event_ts"`
	DeletedTS   string       `json:"deleted_ts,omitempty"`
	Message     *wireMessage `json:"message,omitempty"`
	Previous    *wireMessage `json:"previous_message,omitempty"`
}

func (w *Workspace) newEvent(c *channel, name, ts string, inner any) *event {
	e := &event{id: w.newID("Ev"), name: name, ts: ts}
	p := callback{
		Token: "sim", TeamID: w.opt.TeamID, ContextTeamID: w.opt.TeamID, APIAppID: AppID, Event: inner,
		Type: "event_callback", EventID: e.id, EventTime: time.Now().Unix(),
		Authorizations: []authorization{{TeamID: w.opt.TeamID, UserID: w.opt.Bot.ID, IsBot: true}},
		EventContext:   "4-" + e.id,
	}
	if c != nil {
		e.channel, p.IsExtShared = c.ID, c.Shared
	}
	e.payload = p
	return e
}

// emit delivers events, unless the app is not in the channel.
func (w *Workspace) emit(c *channel, events ...*event) {
	if c != nil && c.NotMember {
		return
	}
	for _, e := range events {
		w.send(&pending{kind: typeEvent, event: *e})
	}
}

// announce delivers the events of a new message. A person's mention of the bot
// is two events with different ids, app_mention and message, except in a direct
// message. docs.slack.dev/reference/events/app_mention
func (w *Workspace) announce(c *channel, m *message) {
	if c.NotMember {
		return
	}
	msg := w.wire(m, true)
	m.created = []*event{w.newEvent(c, cmpName(m.Subtype), m.TS,
		messageEvent{wireMessage: msg, Channel: c.ID, ChannelType: c.kind(), EventTS: m.TS})}
	if m.BotID == "" && c.im == "" && w.mentionsBot(m.Text) {
		mention := w.mentionEvent(c, m)
		switch {
		case w.noTwins:
			m.created = []*event{mention}
		case w.shuffle && w.rng.IntN(2) == 1:
			m.created = append(m.created, mention)
		default:
			m.created = slices.Insert(m.created, 0, mention)
		}
	}
	w.emit(c, m.created...)
}

func cmpName(subtype string) string {
	if subtype == "" {
		return "message"
	}
	return subtype
}

func (w *Workspace) mentionEvent(c *channel, m *message) *event {
	msg := *w.wire(m, false)
	// app_mention has neither a client_msg_id nor a subtype.
	msg.Type, msg.Subtype, msg.ClientMsgID = "app_mention", "", ""
	ts := m.TS
	if m.editedTS != "" {
		ts = m.editedTS
	}
	return w.newEvent(c, "app_mention", m.TS, messageEvent{wireMessage: &msg, Channel: c.ID, EventTS: ts})
}

func (w *Workspace) mentionsBot(text string) bool {
	return strings.Contains(text, "<@"+w.opt.Bot.ID+">") || strings.Contains(text, "<@"+w.opt.Bot.ID+"|")
}

// announceChange delivers message_changed and shows the message. before is
// what w.wire returned before the change.
func (w *Workspace) announceChange(c *channel, m *message, before *wireMessage) {
	w.show(m)
	ts := w.newTS()
	w.emit(c, w.newEvent(c, "message_changed", m.TS, changeEvent{
		Type: "message", Subtype: "message_changed", Hidden: true, Channel: c.ID, ChannelType: c.kind(),
		TS: ts, EventTS: ts, Message: w.wire(m, true), Previous: before,
	}))
}

// remove deletes a message for everybody.
func (w *Workspace) remove(c *channel, m *message) {
	before := w.wire(m, true)
	m.Deleted = true
	m.stream.end()
	w.publish("delete", map[string]string{"channel": c.ID, "ts": m.TS})
	if root := c.byTS[m.ThreadTS]; root != nil && root != m {
		root.recountReplies()
		if !root.Deleted {
			w.show(root)
		}
	}
	ts := w.newTS()
	w.emit(c, w.newEvent(c, "message_deleted", m.TS, changeEvent{
		Type: "message", Subtype: "message_deleted", Hidden: true, Channel: c.ID, ChannelType: c.kind(),
		TS: ts, EventTS: ts, DeletedTS: m.TS, Previous: before,
	}))
}

// Twins decides whether a mention in a channel arrives as app_mention and as
// message (the default), or as app_mention alone, as for an app that is not
// subscribed to the channel's messages.
func (w *Workspace) Twins(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noTwins = !on
}

// Shuffle delivers the two events of a mention in random order. Without it
// app_mention is sent first.
func (w *Workspace) Shuffle(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shuffle = on
}

// Event delivers any inner event, such as one this package does not know, and
// returns its event id. It is an error if inner is not a JSON object.
func (w *Workspace) Event(inner json.RawMessage) (eventID string, err error) {
	var head struct {
		Type    string `json:"type"`
		Channel any    `json:"channel"`
		TS      string `json:"ts"`
	}
	if err := json.Unmarshal(inner, &head); err != nil {
		return "", fmt.Errorf("read inner event: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return "", ErrClosed
	}
	id, _ := head.Channel.(string)
	e := w.newEvent(w.channels[id], head.Type, head.TS, slices.Clone(inner))
	w.emit(nil, e)
	return e.id, nil
}
