package boltstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// Unsay implements [storage.Store].
func (s *Store) Unsay(ctx context.Context, key storage.ConversationKey, ts string, at time.Time) ([]storage.Turn, error) {
	var turns []storage.Turn
	if err := s.writer.submit(ctx, func(c *change) (err error) {
		turns, err = c.unsay(key, ts, at)
		return err
	}); err != nil {
		return nil, fmt.Errorf("unsay message %s of %s: %w", ts, key, err)
	}
	return turns, nil
}

func (c *change) unsay(key storage.ConversationKey, ts string, at time.Time) ([]storage.Turn, error) {
	m, err := c.said(key, ts)
	if m == nil || err != nil {
		return nil, err
	}
	if err := c.takeBack(m); err != nil {
		return nil, err
	}
	changed := false
	for i := range m.turns {
		switch turn := &m.turns[i]; {
		case turn.JoinedInto != "":
			into := m.end(turn)
			words := turn.Text
			if into != nil && !into.State.Terminal() && into.State != storage.StateFinal {
				c.reword(m, turn, into, "", at)
			}
			turn.Text = ""
			c.putTurn(m.thread, turn)
			if err := c.rewordAnswered(m, into, words); err != nil {
				return nil, err
			}
			changed = true
		case turn.State == storage.StateReceived:
			turn.State, turn.Failure, turn.UpdatedAt = storage.StateCancelled, "the question was deleted", at
			c.putTurn(m.thread, turn)
			changed = true
		}
	}
	if changed {
		c.putThread(m.thread)
	}
	return m.turns, nil
}

// reword puts new words of the message that asker asks into the question of into,
// which may be the asker itself or the turn it was joined into.
func (c *change) reword(m *said, asker, into *storage.Turn, text string, at time.Time) {
	words := m.words(asker)
	for t := asker; t != into && t != nil; t = m.all[t.JoinedInto] {
		if t == asker {
			t.Text = text
		} else {
			t.Text = replaceWords(t.Text, words, text)
		}
		t.UpdatedAt = at
		c.putTurn(m.thread, t)
	}
	switch {
	case asker == into: // its own words stand last
		into.Text = strings.TrimSuffix(into.Text, words) + text
	case words != "":
		into.Text = replaceWords(into.Text, words, text)
	}
	into.UpdatedAt, into.Attempt = at, 0 // other words are another question
	c.putTurn(m.thread, into)
}

// end is the turn that answers t: what t was joined into, and that perhaps into
// another. nil if one of them is missing.
func (m *said) end(t *storage.Turn) *storage.Turn {
	for t != nil && t.JoinedInto != "" {
		t = m.all[t.JoinedInto]
	}
	return t
}

// words are what the asker's own message says. What was joined into it stands
// before its own words, each with a line break behind it.
func (m *said) words(asker *storage.Turn) string {
	own := asker.Text
	for _, id := range m.taken[asker.ID] {
		own = strings.TrimPrefix(own, m.all[id].Text+"\n")
	}
	return own
}

// replaceWords puts text in the place of old, which was joined with line breaks.
func replaceWords(all, old, text string) string {
	if text == "" && strings.Contains(all, old+"\n") {
		old += "\n"
	}
	return strings.Replace(all, old, text, 1)
}

// rewordAnswered takes words out of a question in the history.
func (c *change) rewordAnswered(m *said, into *storage.Turn, words string) error {
	if into == nil || words == "" {
		return nil
	}
	for old, err := range c.messages(m.key, m.last) {
		if err != nil {
			return err
		}
		if old.TurnID == into.ID && old.Role == storage.RoleUser && old.TS == into.TS && strings.Contains(old.Text, words) {
			old.Text = replaceWords(old.Text, words, "")
			c.put(bucketThread, messageKey(m.key, old.Seq), encodeMessage(&old))
		}
	}
	return nil
}

// takeBack stages the removal of a message from the history, and of the answer
// if it is a question.
func (c *change) takeBack(m *said) error {
	var gone []uint64
	asked, answers := make(map[string]bool), make(map[string][]uint64)
	for old, err := range c.messages(m.key, m.last) {
		switch {
		case err != nil:
			return err
		case old.TS == m.ts:
			gone = append(gone, old.Seq)
			if old.Role == storage.RoleUser {
				asked[old.TurnID] = true
			}
		case old.Role == storage.RoleAssistant:
			answers[old.TurnID] = append(answers[old.TurnID], old.Seq)
		}
	}
	for i := range m.turns {
		if id := m.turns[i].ID; asked[id] {
			gone = append(gone, answers[id]...)
		}
	}
	for _, seq := range gone {
		c.putEmpty(bucketThread, messageKey(m.key, seq))
	}
	return nil
}

// Amend implements [storage.Store].
func (s *Store) Amend(ctx context.Context, key storage.ConversationKey, ts string, a storage.Amendment, at time.Time) ([]storage.Turn, error) {
	var turns []storage.Turn
	if err := s.writer.submit(ctx, func(c *change) (err error) {
		turns, err = c.amend(key, ts, a, at)
		return err
	}); err != nil {
		return nil, fmt.Errorf("amend message %s of %s: %w", ts, key, err)
	}
	return turns, nil
}

func (c *change) amend(key storage.ConversationKey, ts string, a storage.Amendment, at time.Time) ([]storage.Turn, error) {
	m, err := c.said(key, ts)
	if m == nil || err != nil {
		return nil, err
	}
	for old, err := range c.messages(m.key, m.last) {
		if err != nil {
			return nil, err
		}
		if old.TS == ts && old.Role == storage.RoleUser && !m.asks(old.TurnID) && old.Text != a.Text {
			old.Text = a.Text
			c.put(bucketThread, messageKey(m.key, old.Seq), encodeMessage(&old))
		}
	}
	var turns []storage.Turn
	for i := range m.turns {
		turn := &m.turns[i]
		if a.EditedTS != "" {
			if compareTS(a.EditedTS, turn.EditedTS) < 0 {
				continue
			}
			turn.EditedTS = a.EditedTS
			c.putTurn(m.thread, turn)
		}
		into := turn
		if turn.JoinedInto != "" {
			if into = m.end(turn); into == nil {
				return nil, missing(bucketThread, turnKey(m.key, turn.JoinedInto))
			}
		}
		if !into.State.Terminal() && into.State != storage.StateFinal {
			c.reword(m, turn, into, a.Text, at)
		}
		turn = into
		if !slices.ContainsFunc(turns, func(t storage.Turn) bool { return t.ID == turn.ID }) {
			turns = append(turns, *turn)
		}
	}
	c.putThread(m.thread)
	return turns, nil
}

// said is a message in Slack, and what has become of it here.
type said struct {
	*thread
	ts    string
	turns []storage.Turn // those that ask it
	all   map[string]*storage.Turn
	taken map[string][]string // by turn: those that were joined into it, in their order
}

// asks reports whether the message is the question of a turn.
func (m *said) asks(id string) bool {
	return slices.ContainsFunc(m.turns, func(t storage.Turn) bool { return t.ID == id })
}

// said loads the conversation of a message; nil if there is none.
func (c *change) said(key storage.ConversationKey, ts string) (*said, error) {
	if ts == "" { // messages may have none, answers for one
		return nil, nil
	}
	th, err := c.thread(threadKey(key))
	if err != nil {
		return nil, err
	}
	if !th.stored {
		return nil, c.absent(bucketThread, conversationKey(th.key))
	}
	m := &said{thread: th, ts: ts, taken: make(map[string][]string), all: make(map[string]*storage.Turn)}
	for turn, err := range c.view.turns(key, m.key) {
		if err != nil {
			return nil, err
		}
		m.all[turn.ID] = &turn
		if turn.TS == ts {
			m.turns = append(m.turns, turn)
		}
		if turn.JoinedInto != "" {
			m.taken[turn.JoinedInto] = append(m.taken[turn.JoinedInto], turn.ID)
		}
	}
	slices.SortFunc(m.turns, compareTurns)
	for i := range m.turns {
		m.all[m.turns[i].ID] = &m.turns[i]
	}
	for _, ids := range m.taken {
		slices.SortFunc(ids, func(a, b string) int { return compareTurns(*m.all[a], *m.all[b]) })
	}
	return m, nil
}
