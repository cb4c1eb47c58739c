package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// Two indexes lead from people to turns. They say where to look, and the turns
// say whether there is anything: an entry whose turn is gone is passed over, since
// a damaged conversation can be forgotten without its people being known.

// mineKey is the entry of a conversation in a user's list. A thread's key begins
// with its ts, so the list is in the order of time.
func mineKey(userID string, thread []byte) []byte {
	k := make([]byte, 0, len(userID)+2+len(thread))
	return append(appendString(k, userID), thread...)
}

// verdictKey is the entry of a person's feedback on a turn: the sign first, then
// when the question came.
func verdictKey(value int, t *storage.Turn, userID string) []byte {
	k := appendTime(verdictPrefix(value), t.ReceivedAt)
	return appendString(appendString(k, t.ID), userID)
}

func verdictPrefix(value int) []byte {
	if value > 0 {
		return []byte{1}
	}
	return []byte{0}
}

// hasAnswer reports whether a turn, or the one it was joined into, may have given
// its user an answer, be it that it is answered anew. Each such turn has its entry
// in bucketMine.
func hasAnswer(t *storage.Turn) bool {
	return t.State == storage.StateFinal || t.State == storage.StateDone || t.Again
}

// entry is a record of an index, whose key says everything.
type entry struct {
	bucket bucket
	key    []byte
}

// entries are those that a turn must have.
func entries(thread []byte, t *storage.Turn) (list []entry) {
	if hasAnswer(t) {
		list = append(list, entry{bucketMine, mineKey(t.UserID, thread)})
	}
	for user, value := range t.Feedback {
		if value != 0 {
			list = append(list, entry{bucketVerdict, verdictKey(value, t, user)})
		}
	}
	return list
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

// list stages the entry of a turn in its user's list.
func (c *change) list(t *storage.Turn, thread []byte) {
	key := mineKey(t.UserID, thread)
	if !c.exists(bucketMine, key) {
		c.putEmpty(bucketMine, key)
	}
}

// Verdicts implements [storage.Store].
func (s *Store) Verdicts(ctx context.Context, value int, since time.Time, limit int) ([]storage.Verdict, error) {
	var list []storage.Verdict
	if err := s.read(ctx, func(v view) error {
		prefix := verdictPrefix(value)
		first := appendTime(prefix, since)
		return v.spanBack(bucketVerdict, first, behindAll(prefix), func(k, _ []byte) (bool, error) {
			if len(list) >= limit {
				return false, nil
			}
			r := keyReader{decoder{b: k[len(prefix)+timeSize:]}}
			id, user := r.string(), r.string()
			if err := r.end(); err != nil {
				return false, damaged(bucketVerdict, k, err.Error())
			}
			t, err := v.turnByID(id)
			if errors.Is(err, storage.ErrNotFound) {
				return true, nil
			}
			if err == nil && t.Feedback[user] == value {
				list = append(list, storage.Verdict{UserID: user, Value: value, Turn: t})
			}
			return true, err
		})
	}); err != nil {
		return nil, fmt.Errorf("verdicts: %w", err)
	}
	return list, nil
}

// Conversations implements [storage.Store].
func (s *Store) Conversations(ctx context.Context, userID string, limit int) ([]storage.Conversation, error) {
	var list []storage.Conversation
	if err := s.read(ctx, func(v view) error {
		prefix := appendString(nil, userID)
		return v.spanBack(bucketMine, prefix, behindAll(prefix), func(k, _ []byte) (bool, error) {
			if len(list) >= limit {
				return false, nil
			}
			mine, ok, err := v.mine(bytes.Clone(k[len(prefix):]), userID)
			if ok {
				list = append(list, mine)
			}
			return true, err
		})
	}); err != nil {
		return nil, fmt.Errorf("conversations of %s: %w", userID, err)
	}
	return list, nil
}

// mine is a conversation as its user sees it; false if they have no answer in it
// any more.
func (v view) mine(thread []byte, userID string) (mine storage.Conversation, ok bool, err error) {
	w, err := v.words(thread, userID)
	if err != nil || len(w.turns) == 0 {
		return mine, false, err
	}
	c, _, err := v.conversation(thread)
	if err != nil {
		return mine, false, err
	}
	mine.Key, mine.Active = w.key, c.active
	var first *storage.Turn // with words that are known
	for i := range w.turns {
		t := &w.turns[i]
		if t.UserID != userID {
			continue
		}
		mine.Turns++
		if text := w.ownText(t); text != "" && (first == nil || compareTurns(*t, *first) < 0) {
			first, mine.Question = t, text
		}
		chain := w.chain(t)
		end := chain[len(chain)-1]
		given := end.State == storage.StateDone || !end.State.Terminal() // else given up
		ok = ok || end.JoinedInto == "" && given && hasAnswer(end)
	}
	return mine, ok, nil
}
