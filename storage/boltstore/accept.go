package boltstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// Accept implements [storage.Store].
func (s *Store) Accept(ctx context.Context, t storage.Turn, keys []storage.DedupeKey) (fresh bool, err error) {
	t.State = storage.StateReceived
	a := acceptance{turn: t, thread: threadKey(t.Key), claim: newClaim(keys, t.ReceivedAt)}
	a.turnKey, a.idKey = turnKey(a.thread, t.ID), turnIDKey(t.ID)
	// Encoded here and not in the writer's goroutine, which all callers share.
	a.record = encodeTurn(&t).seal(bucketThread, a.turnKey)
	var ok bool
	if err := s.writer.submit(ctx, func(c *change) (err error) {
		ok, err = s.accept(c, &a)
		return err
	}); err != nil {
		return false, fmt.Errorf("accept turn %s: %w", t.ID, err)
	}
	return ok, nil
}

type acceptance struct {
	turn                   storage.Turn
	thread, turnKey, idKey []byte
	record                 []byte
	claim                  claim
}

func (s *Store) accept(c *change, a *acceptance) (fresh bool, err error) {
	if !s.claims.free(a.claim) {
		return false, nil
	}
	if err := s.room.check(c.tx); err != nil {
		return false, err
	}
	if _, exists, err := c.get(bucketTurnID, a.idKey); err != nil {
		return false, err
	} else if exists {
		return false, fmt.Errorf("%w: its id exists", storage.ErrConflict)
	}
	t, err := c.thread(a.thread)
	if err != nil {
		return false, err
	}
	if !t.stored {
		// A lost record must not pass for a new conversation, whose messages
		// would be numbered from 1 again and replace the old ones.
		if k, _ := c.cursor(bucketThread).Seek(a.thread); bytes.HasPrefix(k, a.thread) {
			return false, missing(bucketThread, conversationKey(a.thread))
		}
		t.active = a.turn.ReceivedAt
	}
	for _, at := range [...]time.Time{a.turn.ReceivedAt, a.turn.UpdatedAt} {
		if at.After(t.active) {
			t.active = at
		}
	}
	t.open = append(t.open, a.turn.ID)
	c.putSealed(bucketThread, a.turnKey, a.record)
	owner := newEncoder(len(a.thread))
	owner.b = append(owner.b, a.thread...)
	c.put(bucketTurnID, a.idKey, owner)
	for user := range a.turn.Feedback { // a copy of a turn that was answered elsewhere
		c.judge(&a.turn, user, 0)
	}
	if hasAnswer(&a.turn) {
		c.list(&a.turn, a.thread)
	}
	c.putThread(t)
	s.take(c, a.claim)
	return true, nil
}

// Once implements [storage.Store].
func (s *Store) Once(ctx context.Context, keys []storage.DedupeKey, at time.Time) (fresh bool, err error) {
	cl := newClaim(keys, at)
	var ok bool
	if err := s.writer.submit(ctx, func(c *change) error {
		if ok = s.claims.free(cl); ok {
			s.take(c, cl)
		}
		return nil
	}); err != nil {
		return false, fmt.Errorf("claim once: %w", err)
	}
	return ok, nil
}
