package boltstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

const (
	forgetLimit = 25   // conversations changed in one write
	scanStep    = 5000 // records read in one call, about; they are a few ms
)

// Forget implements [storage.Store].
//
// What is erased is in no record any more when it returns, but its bytes are
// still in pages of the file that are free: later writes take them over time,
// and a compaction into a new file leaves them behind at once.
func (s *Store) Forget(ctx context.Context, f storage.Forgetting) (storage.Forgotten, error) {
	byKey := f.Key != storage.ConversationKey{}
	if byKey == (f.UserID != "") {
		return storage.Forgotten{}, errors.New("forget: want a conversation or a user")
	}
	if byKey {
		var done storage.Forgotten
		err := s.writer.submit(ctx, func(c *change) (err error) {
			done, err = c.forgetConversations(f)
			return err
		})
		if err != nil {
			return storage.Forgotten{}, fmt.Errorf("forget conversation %s: %w", f.Key, err)
		}
		return done, nil
	}
	done, err := s.forgetPerson(ctx, f)
	if err != nil {
		return done, fmt.Errorf("forget user %s: %w", f.UserID, err)
	}
	return done, nil
}

func (c *change) forgetConversations(f storage.Forgetting) (storage.Forgotten, error) {
	var done storage.Forgotten
	keys := [][]byte{threadKey(f.Key)}
	if f.Key.TeamID == "" {
		keys = c.inAnyTeam(f.Key)
	}
	for _, key := range keys {
		if err := c.forgetConversation(key, f.At, &done); err != nil {
			return storage.Forgotten{}, err
		}
	}
	return done, nil
}

// inAnyTeam returns the conversations in the thread, whatever team they note.
func (v view) inAnyTeam(key storage.ConversationKey) (threads [][]byte) {
	prefix := appendString(appendString(nil, key.ThreadTS), key.ChannelID)
	c := v.cursor(bucketThread)
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); {
		thread, _, ok := splitThread(k)
		if !ok {
			k, _ = c.Next() // its checksum will not match: found when it is read
			continue
		}
		threads = append(threads, thread)
		k, _ = c.Seek(behind(thread))
	}
	return threads
}

// forgetConversation erases what is damaged too; only its entries in lists stay.
func (c *change) forgetConversation(key []byte, at time.Time, done *storage.Forgotten) error {
	th, err := c.thread(key)
	switch {
	case err != nil:
		return err
	case !th.stored:
		return c.absent(bucketThread, conversationKey(key))
	case len(th.open) > 0:
		return fmt.Errorf("%w: turn %s has not ended", storage.ErrConflict, th.open[0])
	}
	before := *done
	cur := c.cursor(bucketThread)
	for k, record := cur.Seek(key); bytes.HasPrefix(k, key); k, record = cur.Next() {
		switch k[len(key)] {
		case partTurn:
			done.Turns++
			c.delete(bucketTurnID, bytes.Clone(k[len(key)+1:]))
			c.unindexRecord(key, k, record)
		case partMessage:
			if len(record) > recordHeader {
				done.Messages++
			}
		default:
			continue
		}
		c.delete(bucketThread, bytes.Clone(k))
	}
	if *done != before {
		done.Conversations++
	}
	th.last, th.from, th.forgotten = 0, 0, nil
	th.forget("", at)
	c.putThread(th)
	return nil
}

// forgetPerson looks for the person's conversations in a snapshot, so that the
// writer is busy only with erasing, and looks at them again before.
func (s *Store) forgetPerson(ctx context.Context, f storage.Forgetting) (storage.Forgotten, error) {
	sc := scan{userID: f.UserID, limit: cmp.Or(max(f.Limit, 0), forgetLimit)}
	var done storage.Forgotten
	if err := s.read(ctx, func(v view) error { return sc.run(v, f.After) }); err != nil {
		return done, err
	}
	if len(sc.found) > 0 {
		if err := s.writer.submit(ctx, func(c *change) error {
			done = storage.Forgotten{}
			for _, th := range sc.found {
				staged := len(c.ops)
				if err := c.forgetPerson(th, f, &done); err != nil {
					c.ops = c.ops[:staged]
					sc.damaged(err)
				}
			}
			return nil
		}); err != nil {
			return storage.Forgotten{}, err
		}
	}
	done.Next = sc.next
	return done, sc.bad
}

// forgetPerson stages what is to be erased in one conversation. done counts it
// only if there is no error.
func (c *change) forgetPerson(key []byte, f storage.Forgetting, done *storage.Forgotten) error {
	th, err := c.thread(key)
	if err != nil || !th.stored { // it has expired meanwhile
		return err
	}
	w, err := c.words(key, f.UserID)
	if err != nil {
		return err
	}
	messages, left, err := c.forgetMessages(th, w)
	if err != nil {
		return err
	}
	for i := range w.turns {
		turn := &w.turns[i]
		if w.gone[turn.ID] {
			c.delete(bucketThread, turnKey(key, turn.ID))
			c.delete(bucketTurnID, turnIDKey(turn.ID))
			c.unindex(key, turn, w.stays(turn.UserID))
		} else if before, judged := turn.Feedback[f.UserID]; judged {
			delete(turn.Feedback, f.UserID)
			c.judge(turn, f.UserID, before)
			c.putTurn(th, turn)
			w.feedback++
		}
	}
	done.Open += w.open
	if len(w.gone)+messages+w.feedback == 0 {
		return nil
	}
	if left == 0 && len(w.gone) == len(w.turns) {
		for seq := th.last; seq > 0; seq-- {
			c.delete(bucketThread, messageKey(key, seq))
		}
		th.last, th.from = 0, 0
	}
	th.forget(f.UserID, f.At)
	c.putThread(th)
	done.Conversations++
	done.Turns += len(w.gone)
	done.Messages += messages
	return nil
}

// forget notes until when a user's words were erased.
func (t *thread) forget(userID string, at time.Time) {
	if !at.After(t.forgotten[userID]) {
		return
	}
	if t.forgotten == nil {
		t.forgotten = make(map[string]time.Time, 1)
	}
	t.forgotten[userID] = at
}

// forgetMessages stages the emptying of messages. It returns how many it
// empties and how many are left.
func (c *change) forgetMessages(th *thread, w *words) (n, left int, err error) {
	for m, err := range c.messages(th.key, th.last) {
		if err != nil {
			return 0, 0, err
		}
		if !w.in(&m) {
			left++
			continue
		}
		n++
		c.putEmpty(bucketThread, messageKey(th.key, m.Seq))
	}
	return n, left, nil
}
