package boltstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// Two indexes lead from people to turns. They are for lists on a screen: an entry
// whose turn is gone is passed over, since a damaged conversation can be forgotten
// without its people being known.

// mineKey is the entry of a conversation in its user's list. A thread's key
// begins with its ts, so the list is in the order of time.
func mineKey(userID string, thread []byte) []byte {
	k := make([]byte, 0, len(userID)+1+len(thread))
	return append(appendString(k, userID), thread...)
}

// verdictKey is the entry of a person's feedback on a turn: the sign first, then
// when the question came.
func verdictKey(value int, t *storage.Turn, userID string) []byte {
	k := verdictPrefix(value, t.ReceivedAt)
	return appendString(appendString(k, t.ID), userID)
}

func verdictPrefix(value int, at time.Time) []byte {
	sign := byte(0)
	if value > 0 {
		sign = 1
	}
	return appendInt([]byte{sign}, at.Unix())
}

// unindex stages the end of a turn's entries. others says that its user has been
// answered in the conversation elsewhere.
func (c *change) unindex(thread []byte, t *storage.Turn, others bool) {
	for user, value := range t.Feedback {
		c.delete(bucketVerdict, verdictKey(value, t, user))
	}
	if !others {
		c.delete(bucketMine, mineKey(t.UserID, thread))
	}
}

// unindexRecord does so for a turn that goes with its whole conversation. One
// that cannot be read leaves its entries.
func (c *change) unindexRecord(thread, key, record []byte) {
	payload, err := unseal(bucketThread, key, record)
	if err != nil {
		return
	}
	r := keyReader{decoder{b: key[len(thread)+1:]}}
	if t, err := decodeTurn(storage.ConversationKey{}, r.string(), payload); err == nil {
		c.unindex(thread, &t, false)
	}
}

// judge stages the entries of a turn whose feedback has changed.
func (c *change) judge(t *storage.Turn, userID string, before int) {
	if before != 0 {
		c.delete(bucketVerdict, verdictKey(before, t, userID))
	}
	if now := t.Feedback[userID]; now != 0 {
		c.putEmpty(bucketVerdict, verdictKey(now, t, userID))
	}
}

// answered stages that a user has been given an answer in a conversation.
func (c *change) answered(userID string, thread []byte) {
	key := mineKey(userID, thread)
	if c.tx.Bucket(bucketNames[bucketMine]).Get(key) == nil {
		c.putEmpty(bucketMine, key)
	}
}

// Verdicts implements [storage.Store].
func (s *Store) Verdicts(ctx context.Context, value int, since time.Time, limit int) ([]storage.Verdict, error) {
	var list []storage.Verdict
	if err := s.read(ctx, func(v view) error {
		c := v.cursor(bucketVerdict)
		first := verdictPrefix(value, since)
		for k, record := last(c, first[:1]); len(list) < limit && bytes.Compare(k, first) >= 0; k, record = c.Prev() {
			if _, err := unseal(bucketVerdict, k, record); err != nil {
				return err
			}
			r := keyReader{decoder{b: k[1+8:]}}
			id, user := r.string(), r.string()
			if err := r.end(); err != nil {
				return damaged(bucketVerdict, k, err.Error())
			}
			key, ok, err := v.owner(id)
			if err != nil {
				return err
			}
			t, ok2, err := v.turn(key, threadKey(key), id)
			if err != nil {
				return err
			}
			if ok && ok2 && t.Feedback[user] == value {
				list = append(list, storage.Verdict{UserID: user, Value: value, Turn: t})
			}
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("verdicts: %w", err)
	}
	return list, nil
}

// Conversations implements [storage.Store].
func (s *Store) Conversations(ctx context.Context, userID string, limit int) ([]storage.Conversation, error) {
	var list []storage.Conversation
	if err := s.read(ctx, func(v view) error {
		c := v.cursor(bucketMine)
		prefix := appendString(nil, userID)
		for k, record := last(c, prefix); len(list) < limit && bytes.HasPrefix(k, prefix); k, record = c.Prev() {
			if _, err := unseal(bucketMine, k, record); err != nil {
				return err
			}
			mine, err := v.mine(bytes.Clone(k[len(prefix):]), userID)
			if err != nil {
				return err
			}
			if mine.Turns > 0 {
				list = append(list, mine)
			}
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("conversations of %s: %w", userID, err)
	}
	return list, nil
}

func (v view) mine(thread []byte, userID string) (storage.Conversation, error) {
	r := keyReader{decoder{b: thread}}
	mine := storage.Conversation{Key: r.thread()}
	if err := r.end(); err != nil {
		return mine, damaged(bucketMine, thread, err.Error())
	}
	c, ok, err := v.conversation(thread)
	if err != nil || !ok {
		return mine, err
	}
	mine.Active = c.active
	turns, err := v.allTurns(mine.Key, thread)
	if err != nil {
		return mine, err
	}
	var first *storage.Turn
	for i := range turns {
		if t := &turns[i]; t.UserID == userID {
			mine.Turns++
			if first == nil || compareTurns(*t, *first) < 0 {
				first = t
			}
		}
	}
	if first != nil {
		mine.Question = first.Text
	}
	return mine, nil
}

// cursorMoves is the part of bbolt's cursor that last needs.
type cursorMoves interface {
	Seek(key []byte) (k, v []byte)
	Prev() (k, v []byte)
	Last() (k, v []byte)
}

// last moves to the last record whose key is below everything that comes after
// prefix.
func last(c cursorMoves, prefix []byte) (k, record []byte) {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			if k, _ := c.Seek(end); k == nil {
				return c.Last()
			}
			return c.Prev()
		}
	}
	return c.Last()
}
