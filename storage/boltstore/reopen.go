package boltstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// Reopen implements [storage.Store].
func (s *Store) Reopen(ctx context.Context, r storage.Reopening) (t storage.Turn, fresh bool, err error) {
	cl := newClaim(r.Keys, r.At)
	var turn storage.Turn
	var ok bool
	if err := s.writer.submit(ctx, func(c *change) (err error) {
		if ok = s.claims.free(cl); ok {
			turn, err = s.reopen(c, r, cl)
		}
		return err
	}); err != nil {
		return storage.Turn{}, false, fmt.Errorf("reopen turn %s: %w", r.TurnID, err)
	}
	return turn, ok, nil
}

func (s *Store) reopen(c *change, r storage.Reopening, cl claim) (storage.Turn, error) {
	turn, err := c.turnByID(r.TurnID)
	switch {
	case err != nil:
		return turn, err
	case turn.JoinedInto != "":
		return turn, fmt.Errorf("%w: it was joined into turn %s", storage.ErrConflict, turn.JoinedInto)
	case !turn.State.Terminal(), turn.State == storage.StateRejected:
		return turn, fmt.Errorf("%w: it is %s", storage.ErrConflict, turn.State)
	}
	th, err := c.threadOf(threadKey(turn.Key))
	if err != nil {
		return turn, err
	}
	turn.Parts = slices.DeleteFunc(turn.Parts, func(p storage.Part) bool { return p.TS == "" })
	turn.State = storage.StateStreaming
	if len(turn.Parts) == 0 {
		turn.State, turn.ReplyID = storage.StateReceived, ""
	}
	if r.Text != "" {
		if err := c.askAnew(&turn, r); err != nil {
			return turn, err
		}
	}
	c.unindex(th.key, &turn, true)
	turn.Attempt, turn.Answer, turn.Failure, turn.Feedback = 0, "", "", nil
	turn.Stopped, turn.StoppedBy = false, ""
	turn.Calls, turn.Prompt, turn.Again = nil, storage.PromptNote{}, true
	turn.ReceivedAt, turn.UpdatedAt = r.At, r.At
	c.list(&turn, th.key)
	c.putTurn(th, &turn)
	c.putThread(th)
	s.take(c, cl)
	return turn, nil
}

// askAnew puts the new words of a message into the question of a turn.
func (c *change) askAnew(turn *storage.Turn, r storage.Reopening) error {
	if r.TS == "" {
		turn.Text = r.Text
		return nil
	}
	m, err := c.said(turn.Key, r.TS)
	if err != nil {
		return err
	}
	if m != nil {
		m.all[turn.ID] = turn
		for i := range m.turns {
			asker := &m.turns[i]
			if asker.ID == turn.ID {
				asker = turn
			} else if m.end(asker) != turn {
				continue
			}
			c.reword(m, asker, turn, r.Text, r.At)
			return nil
		}
	}
	return fmt.Errorf("%w: it does not answer the message %s", storage.ErrConflict, r.TS)
}

// Stop implements [storage.Store].
func (s *Store) Stop(ctx context.Context, turnID, userID string, at time.Time) error {
	if err := s.writer.submit(ctx, func(c *change) error {
		turn, err := c.turnByID(turnID)
		if err != nil {
			return err
		}
		if turn.State.Terminal() || turn.State == storage.StateFinal {
			return fmt.Errorf("%w: it is %s", storage.ErrConflict, turn.State)
		}
		th, err := c.threadOf(threadKey(turn.Key))
		if err != nil {
			return err
		}
		turn.Stopped, turn.StoppedBy, turn.UpdatedAt = true, userID, at
		c.putTurn(th, &turn)
		c.putThread(th)
		return nil
	}); err != nil {
		return fmt.Errorf("stop turn %s: %w", turnID, err)
	}
	return nil
}
