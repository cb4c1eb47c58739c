package boltstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/bobbin-bot/bobbin/storage"
)

// Finish implements [storage.Store].
func (s *Store) Finish(ctx context.Context, l storage.Lease, r storage.Result) (storage.Turn, error) {
	r.Messages, r.Usage, r.Recorded = slices.Clone(r.Messages), cloneUsage(r.Usage), cloneUsage(r.Recorded)
	for i := range r.Messages {
		r.Messages[i].Seq = 0
	}
	var turn storage.Turn
	if err := s.writer.submit(ctx, func(c *change) (err error) {
		turn, err = s.finish(c, l, r)
		return err
	}); err != nil {
		return storage.Turn{}, fmt.Errorf("finish turn %s: %w", r.TurnID, err)
	}
	return turn, nil
}

func (s *Store) finish(c *change, l storage.Lease, r storage.Result) (storage.Turn, error) {
	th, turn, err := s.leased(c, l, r.TurnID)
	if err != nil {
		return turn, err
	}
	if r.From == storage.StateFinal {
		// A second time would append and charge everything again.
		return turn, fmt.Errorf("%w: a turn is finished once", storage.ErrConflict)
	}
	if err := follows(&turn, r.From, storage.StateFinal); err != nil {
		return turn, err
	}
	if r.Question != "" && turn.Text != r.Question {
		return turn, fmt.Errorf("%w: the question was edited since it was asked", storage.ErrConflict)
	}
	turn.State, turn.UpdatedAt, turn.Answer = storage.StateFinal, r.At, r.Answer
	turn.Calls, turn.Prompt = append(r.Recorded[:len(r.Recorded):len(r.Recorded)], r.Usage...), r.Prompt
	c.putTurn(th, &turn)
	if turn.Again {
		if err := c.findMessages(th, r.Messages); err != nil {
			return turn, err
		}
	}
	for i := range r.Messages {
		m := &r.Messages[i]
		if m.Seq == 0 {
			th.last++
			m.Seq = th.last
		}
		c.put(bucketThread, messageKey(th.key, m.Seq), encodeMessage(m))
	}
	if r.HistoryFrom != 0 {
		th.from = r.HistoryFrom
	}
	c.putThread(th)
	c.list(&turn, th.key)
	c.release(turn.ID)
	return turn, s.recordUsage(c, r.Usage)
}

// findMessages sets the Seq of those messages that the history holds already.
// It may read the whole history to find that there are none, so it is not for
// the first answer to a question.
func (c *change) findMessages(th *thread, messages []storage.Message) error {
	left := len(messages)
	for old, err := range c.messages(th.key, th.last) {
		if err != nil {
			return err
		}
		for i := len(messages) - 1; i >= 0; i-- {
			m := &messages[i]
			if m.Seq == 0 && m.TurnID == old.TurnID && m.Role == old.Role && m.TS == old.TS {
				m.Seq = old.Seq
				left--
				break
			}
		}
		if left == 0 {
			break
		}
	}
	return nil
}
