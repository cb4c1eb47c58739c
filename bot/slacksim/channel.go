package slacksim

import (
	"fmt"
	"slices"
	"time"
)

// Channel is a conversation of several people.
type Channel struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Private   bool   `json:"private"`
	Shared    bool   `json:"shared"`   // with another workspace, by Slack Connect
	Archived  bool   `json:"archived"` // readable, but nobody can post
	NotMember bool   `json:"-"`        // the bot is not in it
}

type channel struct {
	Channel
	im      string   // the person of a direct message
	mpim    []string // the people of a group direct message
	msgs    []*message
	byTS    map[string]*message
	created int64
}

func (w *Workspace) addChannel(c *channel) {
	c.byTS, c.created = map[string]*message{}, time.Now().Unix()
	w.channels[c.ID] = c
	w.chanID = append(w.chanID, c.ID)
}

// kind is Slack's channel_type.
func (c *channel) kind() string {
	switch {
	case c.im != "":
		return "im"
	case c.mpim != nil:
		return "mpim"
	case c.Private:
		return "group"
	}
	return "channel"
}

// members returns the users of the channel in a fixed order.
func (w *Workspace) members(c *channel) []string {
	switch {
	case c.im != "":
		return []string{c.im, w.opt.Bot.ID}
	case c.mpim != nil:
		return append(slices.Clone(c.mpim), w.opt.Bot.ID)
	case c.NotMember:
		return w.peopleID[:len(w.peopleID)-1]
	}
	return w.peopleID
}

func dmID(userID string) string { return "D0" + userID }

// DM returns the id of a person's direct message with the bot. A person who
// does not exist has one too, in which nothing can be posted.
func (w *Workspace) DM(userID string) string { return dmID(userID) }

// place finds the channel in which a person acts.
func (w *Workspace) place(userID, channelID string) (*channel, Person, error) {
	if w.closed {
		return nil, Person{}, ErrClosed
	}
	p, err := w.person(userID)
	if err != nil {
		return nil, p, err
	}
	c := w.channels[channelID]
	if c == nil {
		return nil, p, fmt.Errorf("channel_not_found: %q", channelID)
	}
	if !slices.Contains(w.members(c), userID) {
		return nil, p, fmt.Errorf("not_in_channel: %s is not in %s", userID, channelID)
	}
	return c, p, nil
}

// Message returns a message, also when it has been deleted (see
// Message.Deleted). Ephemeral messages are not found here.
func (w *Workspace) Message(channelID, ts string) (Message, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.channels[channelID]; c != nil {
		if m := c.byTS[ts]; m != nil {
			return m.snapshot(), true
		}
	}
	return Message{}, false
}

// Thread returns the root and its replies, oldest first, without deleted
// messages.
func (w *Workspace) Thread(channelID, threadTS string) []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.channels[channelID]
	if c == nil {
		return nil
	}
	root := c.byTS[threadTS]
	if root == nil {
		return nil
	}
	return snapshots(append([]*message{root}, root.replies...))
}

// Messages returns everything in a channel, replies included, oldest first,
// without deleted messages.
func (w *Workspace) Messages(channelID string) []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.channels[channelID]; c != nil {
		return snapshots(c.msgs)
	}
	return nil
}

// Ephemerals returns what only this person was shown in a channel, oldest first.
func (w *Workspace) Ephemerals(userID, channelID string) []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	var mine []*message
	for _, m := range w.ephemerals {
		if m.EphemeralTo == userID && m.Channel == channelID {
			mine = append(mine, m)
		}
	}
	return snapshots(mine)
}

func snapshots(list []*message) []Message {
	var out []Message
	for _, m := range list {
		if !m.Deleted {
			out = append(out, m.snapshot())
		}
	}
	return out
}
