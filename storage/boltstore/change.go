package boltstore

import (
	"bytes"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/bobbin-bot/bobbin/storage"
)

// change is one intent's part of a write transaction. It reads what is
// committed and what earlier intents of the same transaction wrote, and stages
// its own writes: they are not visible to its own reads. Staged writes
// reach the transaction only when the intent has succeeded, so an intent
// that is refused half way leaves nothing behind and cannot harm the others.
type change struct {
	view
	ops     []op
	applied func() // called when ops are in the transaction
	undone  func() // called after applied if the transaction did not happen
	err     error  // a write that can never be stored
}

type op struct {
	bucket bucket
	key    []byte
	record []byte // nil deletes
}

// put stages a record. key and e must not be changed afterwards.
func (c *change) put(b bucket, key []byte, e *encoder) {
	c.putSealed(b, key, e.seal(b, key))
}

func (c *change) putSealed(b bucket, key, record []byte) {
	switch {
	case len(key) > bolt.MaxKeySize:
		c.err = fmt.Errorf("key of %d bytes in %s: the limit is %d", len(key), b, bolt.MaxKeySize)
	case len(record) > bolt.MaxValueSize:
		c.err = fmt.Errorf("record of %d bytes in %s: the limit is %d", len(record), b, bolt.MaxValueSize)
	}
	c.ops = append(c.ops, op{b, key, record})
}

// putEmpty stages a record whose key says everything.
func (c *change) putEmpty(b bucket, key []byte) { c.put(b, key, newEncoder(0)) }

func (c *change) delete(b bucket, key []byte) {
	c.ops = append(c.ops, op{bucket: b, key: key})
}

// apply writes what is staged into the transaction. An error leaves the
// transaction in an unknown state.
func (c *change) apply() error {
	for _, o := range c.ops {
		b := c.tx.Bucket(bucketNames[o.bucket])
		var err error
		if o.record == nil {
			err = b.Delete(o.key)
		} else {
			err = b.Put(o.key, o.record)
		}
		if err != nil {
			return fmt.Errorf("write to %s: %w", o.bucket, err)
		}
	}
	if c.applied != nil {
		c.applied()
	}
	return nil
}

// thread is a conversation that is being changed.
type thread struct {
	conversation
	key    []byte
	stored bool
	idle   []byte // its entry in bucketIdle; nil if it is in bucketOpen, or new
}

// thread loads a conversation for a change.
func (c *change) thread(key []byte) (*thread, error) {
	t := &thread{key: key}
	var err error
	if t.conversation, t.stored, err = c.conversation(key); err != nil {
		return nil, err
	}
	if t.stored && len(t.open) == 0 {
		t.idle = idleKey(hourOf(t.active), key)
	}
	return t, nil
}

// threadOf loads the conversation of a turn that exists.
func (c *change) threadOf(key []byte) (*thread, error) {
	t, err := c.thread(key)
	if err == nil && !t.stored {
		err = missing(bucketThread, conversationKey(key))
	}
	return t, err
}

// putThread stages a changed conversation. Each is in one of two indexes: open
// while it has an open turn, else idle, which is the order of expiry.
func (c *change) putThread(t *thread) {
	c.put(bucketThread, conversationKey(t.key), encodeConversation(&t.conversation))
	var idle []byte
	if len(t.open) == 0 {
		idle = idleKey(hourOf(t.active), t.key)
	}
	if t.stored && bytes.Equal(idle, t.idle) {
		return
	}
	switch {
	case t.idle != nil:
		c.delete(bucketIdle, t.idle)
	case t.stored:
		c.delete(bucketOpen, t.key)
	}
	if idle != nil {
		c.putEmpty(bucketIdle, idle)
	} else {
		c.putEmpty(bucketOpen, t.key)
	}
}

// putTurn stages a changed turn; putThread must follow.
func (c *change) putTurn(t *thread, turn *storage.Turn) {
	c.put(bucketThread, turnKey(t.key, turn.ID), encodeTurn(turn))
	if turn.UpdatedAt.After(t.active) {
		t.active = turn.UpdatedAt
	}
	at := slices.Index(t.open, turn.ID)
	switch open := !turn.State.Terminal(); {
	case open && at < 0:
		t.open = append(t.open, turn.ID)
	case !open && at >= 0:
		t.open = slices.Delete(t.open, at, at+1)
	}
}
