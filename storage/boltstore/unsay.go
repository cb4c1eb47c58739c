package boltstore

import (
	"context"
	"fmt"
	"slices"
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
	waited := false
	for i := range m.turns {
		if turn := &m.turns[i]; turn.State == storage.StateReceived {
			turn.State, turn.Failure, turn.UpdatedAt = storage.StateCancelled, "the question was deleted", at
			c.putTurn(m.thread, turn)
			waited = true
		}
	}
	if waited {
		c.putThread(m.thread)
	}
	return m.turns, nil
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
func (s *Store) Amend(ctx context.Context, key storage.ConversationKey, ts, text string, at time.Time) ([]storage.Turn, error) {
	var turns []storage.Turn
	if err := s.writer.submit(ctx, func(c *change) (err error) {
		turns, err = c.amend(key, ts, text, at)
		return err
	}); err != nil {
		return nil, fmt.Errorf("amend message %s of %s: %w", ts, key, err)
	}
	return turns, nil
}

func (c *change) amend(key storage.ConversationKey, ts, text string, at time.Time) ([]storage.Turn, error) {
	m, err := c.said(key, ts)
	if m == nil || err != nil {
		return nil, err
	}
	for old, err := range c.messages(m.key, m.last) {
		if err != nil {
			return nil, err
		}
		if old.TS == ts && old.Role == storage.RoleUser && !m.asks(old.TurnID) && old.Text != text {
			old.Text = text
			c.put(bucketThread, messageKey(m.key, old.Seq), encodeMessage(&old))
		}
	}
	waits := false
	for i := range m.turns {
		turn := &m.turns[i]
		if turn.State == storage.StateReceived && turn.JoinedInto == "" && !m.taken[turn.ID] {
			turn.Text, turn.UpdatedAt = text, at
			c.putTurn(m.thread, turn)
			waits = true
		}
	}
	if waits {
		c.putThread(m.thread)
	}
	return m.turns, nil
}

// said is a message in Slack, and what has become of it here.
type said struct {
	*thread
	ts    string
	turns []storage.Turn  // those that ask it
	taken map[string]bool // ids of turns that others were joined into
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
	m := &said{thread: th, ts: ts, taken: make(map[string]bool)}
	for turn, err := range c.view.turns(key, m.key) {
		if err != nil {
			return nil, err
		}
		if turn.TS == ts {
			m.turns = append(m.turns, turn)
		}
		if turn.JoinedInto != "" {
			m.taken[turn.JoinedInto] = true
		}
	}
	slices.SortFunc(m.turns, compareTurns)
	return m, nil
}
