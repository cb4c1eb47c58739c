package boltstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/bobbin-bot/bobbin/storage"
)

// view reads the records of one transaction. Payloads are valid only within it
// and must be decoded, which copies.
type view struct{ tx *bolt.Tx }

// read runs fn on a snapshot. fn must not keep the transaction open for
// anything but reading: a transaction that lasts keeps old pages from reuse.
func (s *Store) read(ctx context.Context, fn func(view) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.writer.isClosed() {
		return storage.ErrClosed
	}
	err = guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error { return fn(view{tx}) })
	})
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return storage.ErrClosed
	}
	return err
}

// guard turns a panic of bbolt on a damaged page, and a fault on a page that
// the file does not have any more, into [storage.ErrCorrupt]. It cannot
// catch what happens in goroutines that bbolt starts; see pages.go.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", storage.ErrCorrupt, r)
		}
	}()
	return fn()
}

func (v view) cursor(b bucket) *bolt.Cursor { return v.tx.Bucket(bucketNames[b]).Cursor() }

// buckets is the end of those that the file's layout has. An older one gets the
// others when it is opened for writing, and has them in part if that was
// interrupted.
func (v view) buckets() (bucket, error) {
	version, err := v.metaNumber("schema")
	return bucketsOf(version), err
}

func bucketsOf(version uint32) bucket {
	if version < 3 {
		return bucketCube
	}
	return bucketCount
}

// get returns a record's payload and whether there is a record.
func (v view) get(b bucket, key []byte) (payload []byte, ok bool, err error) {
	record := v.tx.Bucket(bucketNames[b]).Get(key)
	if record == nil {
		return nil, false, nil
	}
	payload, err = unseal(b, key, record)
	return payload, err == nil, err
}

// exists reports whether there is a record, which it does not read.
func (v view) exists(b bucket, key []byte) bool { return v.tx.Bucket(bucketNames[b]).Get(key) != nil }

// span calls fn with the records whose keys are from first on and below end, nil
// being no end, until it wants no more. The records on both sides are verified
// too: one of them may belong between, with a damaged key.
func (v view) span(b bucket, first, end []byte, fn func(k, payload []byte) (more bool, err error)) error {
	if err := v.absent(b, first); err != nil {
		return err
	}
	c := v.cursor(b)
	for k, record := c.Seek(first); k != nil; k, record = c.Next() {
		payload, err := unseal(b, k, record)
		if err != nil {
			return err
		}
		if end != nil && bytes.Compare(k, end) >= 0 {
			return nil
		}
		if more, err := fn(k, payload); err != nil || !more {
			return err
		}
	}
	return nil
}

// spanBack is span from the end to the first.
func (v view) spanBack(b bucket, first, end []byte, fn func(k, payload []byte) (more bool, err error)) error {
	c := v.cursor(b)
	k, record := c.Seek(end)
	if k != nil && end != nil {
		if _, err := unseal(b, k, record); err != nil {
			return err
		}
		k, record = c.Prev()
	} else {
		k, record = c.Last()
	}
	for ; k != nil; k, record = c.Prev() {
		payload, err := unseal(b, k, record)
		if err != nil {
			return err
		}
		if bytes.Compare(k, first) < 0 {
			return nil
		}
		if more, err := fn(k, payload); err != nil || !more {
			return err
		}
	}
	return nil
}

// absent returns an error if a record that get did not find may be there
// with a damaged key. Such a key lies between the same neighbours as before,
// because the order of keys was verified at open.
func (v view) absent(b bucket, key []byte) error {
	c := v.cursor(b)
	k, record := c.Seek(key)
	if k != nil {
		if _, err := unseal(b, k, record); err != nil {
			return err
		}
		k, record = c.Prev()
	} else {
		k, record = c.Last()
	}
	if k == nil {
		return nil
	}
	_, err := unseal(b, k, record)
	return err
}

func (v view) conversation(thread []byte) (c conversation, ok bool, err error) {
	key := conversationKey(thread)
	payload, ok, err := v.get(bucketThread, key)
	if !ok {
		return c, false, err
	}
	if c, err = decodeConversation(payload); err != nil {
		return c, false, damaged(bucketThread, key, err.Error())
	}
	return c, true, nil
}

// turn returns a turn of a conversation and whether it exists there.
func (v view) turn(key storage.ConversationKey, thread []byte, id string) (t storage.Turn, ok bool, err error) {
	k := turnKey(thread, id)
	payload, ok, err := v.get(bucketThread, k)
	if !ok {
		return t, false, err
	}
	if t, err = decodeTurn(key, id, payload); err != nil {
		return t, false, damaged(bucketThread, k, err.Error())
	}
	return t, true, nil
}

// turns yields all turns of a conversation that exists, and ends with the first
// error. The record behind the last turn is verified too: it may be a turn
// whose key is damaged.
func (v view) turns(key storage.ConversationKey, thread []byte) iter.Seq2[storage.Turn, error] {
	return func(yield func(storage.Turn, error) bool) {
		prefix := extend(thread, partTurn, 0)
		c := v.cursor(bucketThread)
		c.Seek(conversationKey(thread))
		for k, record := c.Next(); k != nil; k, record = c.Next() {
			payload, err := unseal(bucketThread, k, record)
			if err != nil {
				yield(storage.Turn{}, err)
				return
			}
			id, ok := bytes.CutPrefix(k, prefix)
			if !ok {
				return
			}
			r := keyReader{decoder{b: id}}
			t, err := decodeTurn(key, r.string(), payload)
			if err = cmp.Or(err, r.end()); err != nil {
				yield(storage.Turn{}, damaged(bucketThread, k, err.Error()))
				return
			}
			if !yield(t, nil) {
				return
			}
		}
	}
}

// owner returns the conversation a turn belongs to, and whether the turn
// exists.
func (v view) owner(id string) (key storage.ConversationKey, ok bool, err error) {
	k := turnIDKey(id)
	payload, ok, err := v.get(bucketTurnID, k)
	if err != nil {
		return key, false, err
	}
	if !ok {
		return key, false, v.absent(bucketTurnID, k)
	}
	r := keyReader{decoder{b: payload}}
	key = r.thread()
	if err := r.end(); err != nil {
		return key, false, damaged(bucketTurnID, k, err.Error())
	}
	return key, true, nil
}

// turnByID returns a turn, or [storage.ErrNotFound].
func (v view) turnByID(id string) (storage.Turn, error) {
	key, ok, err := v.owner(id)
	if err != nil {
		return storage.Turn{}, err
	}
	if !ok {
		return storage.Turn{}, storage.ErrNotFound
	}
	thread := threadKey(key)
	t, ok, err := v.turn(key, thread, id)
	if err == nil && !ok {
		err = missing(bucketThread, turnKey(thread, id))
	}
	return t, err
}
