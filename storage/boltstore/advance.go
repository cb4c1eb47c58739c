package boltstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// Advance implements [storage.Store].
func (s *Store) Advance(ctx context.Context, l storage.Lease, ch storage.Change) (storage.Turn, error) {
	ch.Parts = slices.Clone(ch.Parts)
	var turn storage.Turn
	if err := s.writer.submit(ctx, func(c *change) (err error) {
		turn, err = s.advance(c, l, ch)
		return err
	}); err != nil {
		return storage.Turn{}, fmt.Errorf("advance turn %s: %w", ch.TurnID, err)
	}
	return turn, nil
}

func (s *Store) advance(c *change, l storage.Lease, ch storage.Change) (storage.Turn, error) {
	th, turn, err := s.leased(c, l, ch.TurnID)
	if err != nil {
		return turn, err
	}
	if err := follows(&turn, ch.From, ch.To); err != nil {
		return turn, err
	}
	turn.State = ch.To
	if !ch.At.IsZero() {
		turn.UpdatedAt = ch.At
	}
	if ch.ReplyID != "" {
		turn.ReplyID = ch.ReplyID
	}
	if len(ch.Parts) > 0 {
		turn.Parts = ch.Parts
	}
	if ch.Answer != "" {
		turn.Answer = ch.Answer
	}
	if ch.Failure != "" {
		turn.Failure = ch.Failure
	}
	if ch.Attempt != 0 {
		turn.Attempt = ch.Attempt
	}
	if hasAnswer(&turn) {
		c.list(&turn, th.key)
	}
	c.putTurn(th, &turn)
	c.putThread(th)
	return turn, nil
}

// leased loads a turn that the holder of l wants to move.
func (s *Store) leased(c *change, l storage.Lease, id string) (*thread, storage.Turn, error) {
	key := threadKey(l.Key)
	if err := s.leases.holds(l); err != nil {
		return nil, storage.Turn{}, err
	}
	turn, err := c.leasedTurn(l.Key, key, id)
	if err != nil {
		return nil, storage.Turn{}, err
	}
	th, err := c.threadOf(key)
	return th, turn, err
}

// leasedTurn returns a turn of the leased conversation. For a turn of another
// one the lease is no good.
func (c *change) leasedTurn(key storage.ConversationKey, thread []byte, id string) (storage.Turn, error) {
	turn, ok, err := c.turn(key, thread, id)
	if ok || err != nil {
		return turn, err
	}
	owner, ok, err := c.owner(id)
	switch {
	case err != nil:
		return turn, err
	case !ok:
		return turn, storage.ErrNotFound
	case owner == key:
		return turn, missing(bucketThread, turnKey(thread, id))
	}
	return turn, fmt.Errorf("%w: the turn belongs to %s, the lease is on %s", storage.ErrFenced, owner, key)
}

func follows(turn *storage.Turn, from, to storage.State) error {
	switch {
	case turn.State != from:
		return fmt.Errorf("%w: it is %s, not %s", storage.ErrConflict, turn.State, from)
	case !storage.CanFollow(from, to):
		return fmt.Errorf("%w: %s cannot follow %s", storage.ErrConflict, to, from)
	}
	return nil
}

// Join implements [storage.Store].
func (s *Store) Join(ctx context.Context, l storage.Lease, into string, from []string, at time.Time) (storage.Turn, error) {
	from = slices.Clone(from)
	var turn storage.Turn
	if err := s.writer.submit(ctx, func(c *change) (err error) {
		turn, err = s.join(c, l, into, from, at)
		return err
	}); err != nil {
		return storage.Turn{}, fmt.Errorf("join into turn %s: %w", into, err)
	}
	return turn, nil
}

func (s *Store) join(c *change, l storage.Lease, into string, from []string, at time.Time) (storage.Turn, error) {
	th, turn, err := s.leased(c, l, into)
	if err != nil {
		return turn, err
	}
	if err := follows(&turn, storage.StateReceived, storage.StateReceived); err != nil {
		return turn, err
	}
	taken := map[string]bool{into: true}
	texts := make([]string, 0, len(from)+1)
	for _, id := range from {
		if taken[id] {
			return turn, fmt.Errorf("%w: turn %s is named twice", storage.ErrConflict, id)
		}
		taken[id] = true
		joined, err := c.leasedTurn(l.Key, th.key, id)
		if err == nil {
			err = follows(&joined, storage.StateReceived, storage.StateDone)
		}
		if err != nil {
			return turn, fmt.Errorf("turn %s: %w", id, err)
		}
		texts = append(texts, joined.Text)
		joined.State, joined.JoinedInto, joined.UpdatedAt = storage.StateDone, into, at
		c.putTurn(th, &joined)
		c.list(&joined, th.key)
	}
	turn.Text = strings.Join(append(texts, turn.Text), "\n")
	turn.UpdatedAt = at
	c.putTurn(th, &turn)
	c.putThread(th)
	return turn, nil
}

// SetFeedback implements [storage.Store].
func (s *Store) SetFeedback(ctx context.Context, turnID, userID string, value int, at time.Time) error {
	err := s.writer.submit(ctx, func(c *change) error {
		if value < -1 || value > 1 {
			return fmt.Errorf("value %d is not -1, 0 or 1", value)
		}
		turn, err := c.turnByID(turnID)
		if err != nil {
			return err
		}
		th, err := c.threadOf(threadKey(turn.Key))
		if err != nil {
			return err
		}
		before := turn.Feedback[userID]
		if value == 0 {
			delete(turn.Feedback, userID)
		} else {
			if turn.Feedback == nil {
				turn.Feedback = make(map[string]int)
			}
			turn.Feedback[userID] = value
		}
		turn.UpdatedAt = at
		c.judge(&turn, userID, before)
		c.putTurn(th, &turn)
		c.putThread(th)
		return nil
	})
	if err != nil {
		return fmt.Errorf("feedback on turn %s: %w", turnID, err)
	}
	return nil
}
