package slacksim

import (
	"fmt"
	"slices"
	"strings"
)

// reactionEvent is reaction_added or reaction_removed.
// docs.slack.dev/reference/events/reaction_added
type reactionEvent struct {
	Type     string       `json:"type"`
	User     string       `json:"user"`
	Reaction string       `json:"reaction"`
	ItemUser string       `json:"item_user"`
	Item     reactionItem `json:"item"`
	EventTS  string       `json:"event_ts"`
}

type reactionItem struct {
	Type    string `json:"type"`
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

// React adds a person's emoji, such as "eyes" or "+1::skin-tone-2", to any
// message that the person sees. The app gets reaction_added. Adding it twice is an error.
func (w *Workspace) React(userID, channelID, ts, emoji string) error {
	return w.personReacts(userID, channelID, ts, emoji, true)
}

// Unreact takes a person's emoji back. The app gets reaction_removed. Taking
// back what is not there is an error.
func (w *Workspace) Unreact(userID, channelID, ts, emoji string) error {
	return w.personReacts(userID, channelID, ts, emoji, false)
}

func (w *Workspace) personReacts(userID, channelID, ts, emoji string, on bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, _, err := w.place(userID, channelID)
	if err != nil {
		return err
	}
	if c.Archived {
		return fmt.Errorf("is_archived: %s", channelID)
	}
	m := c.byTS[ts]
	if m == nil || m.Deleted {
		return fmt.Errorf("message_not_found: %q in %s", ts, channelID)
	}
	if code := w.react(c, m, userID, emoji, on); code != "" {
		return fmt.Errorf("%s: :%s: by %s", code, emoji, userID)
	}
	return nil
}

func (w *Workspace) reactionsAdd(q *request) reply    { return w.botReacts(q, true) }
func (w *Workspace) reactionsRemove(q *request) reply { return w.botReacts(q, false) }

func (w *Workspace) botReacts(q *request, on bool) reply {
	c, bad := w.target(q)
	if bad != nil {
		return bad
	}
	m := c.byTS[q.args["timestamp"]]
	if m == nil || m.Deleted {
		return fail("message_not_found")
	}
	if code := w.react(c, m, w.opt.Bot.ID, q.args["name"], on); code != "" {
		return fail(code)
	}
	return reply{}
}

// react returns Slack's error code, or "".
func (w *Workspace) react(c *channel, m *message, userID, emoji string, on bool) string {
	name, tone, toned := strings.Cut(emoji, "::")
	if name == "" || strings.ContainsAny(name, ": \n") || toned && !strings.HasPrefix(tone, "skin-tone-") {
		return "invalid_name"
	}
	users := m.Reactions[emoji]
	i := slices.Index(users, userID)
	change := "reaction_added"
	switch {
	case on && i >= 0:
		return "already_reacted"
	case !on && i < 0:
		return "no_reaction"
	case on:
		if m.Reactions == nil {
			m.Reactions = map[string][]string{}
		}
		m.Reactions[emoji] = append(slices.Clip(users), userID)
	default:
		change = "reaction_removed"
		// A new slice: snapshots share the old one.
		users = slices.Concat(users[:i], users[i+1:])
		if len(users) > 0 {
			m.Reactions[emoji] = users
		} else {
			delete(m.Reactions, emoji)
		}
	}
	w.show(m)
	w.emit(c, w.newEvent(c, change, m.TS, reactionEvent{
		Type: change, User: userID, Reaction: emoji, ItemUser: m.User,
		Item: reactionItem{Type: "message", Channel: c.ID, TS: m.TS}, EventTS: w.newTS(),
	}))
	return ""
}
