package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"github.com/bobbin-bot/bobbin/storage"
)

// History implements [storage.Store].
func (s *Store) History(ctx context.Context, key storage.ConversationKey, limit int) (storage.History, error) {
	var h storage.History
	err := s.read(ctx, func(v view) (err error) {
		h, err = v.history(threadKey(key), limit)
		return err
	})
	if err != nil {
		return storage.History{}, fmt.Errorf("history of %s: %w", key, err)
	}
	return h, nil
}

func (v view) history(thread []byte, limit int) (storage.History, error) {
	c, ok, err := v.conversation(thread)
	if err != nil {
		return storage.History{}, err
	}
	if !ok {
		return storage.History{}, v.absent(bucketThread, conversationKey(thread))
	}
	n := c.last
	if limit > 0 {
		n = min(n, uint64(limit))
	}
	h := storage.History{From: c.from, Forgotten: c.forgotten}
	if n == 0 {
		return h, nil
	}
	h.Messages = make([]storage.Message, 0, min(n, 4096))
	for m, err := range v.messages(thread, c.last) {
		if err != nil {
			return storage.History{}, err
		}
		if h.Messages = append(h.Messages, m); len(h.Messages) == limit {
			break
		}
	}
	slices.Reverse(h.Messages)
	return h, nil
}

// messages yields the messages of a conversation whose newest is last, newest
// first, and ends with the first error. It reads exactly the seqs that must
// exist: a gap is damage. A message that was taken back has an empty record.
func (v view) messages(thread []byte, last uint64) iter.Seq2[storage.Message, error] {
	return func(yield func(storage.Message, error) bool) {
		want := messageKey(thread, last)
		cur := v.cursor(bucketThread)
		k, record := cur.Seek(want)
		for seq := last; seq > 0; seq-- {
			binary.BigEndian.PutUint64(want[len(want)-8:], seq)
			m, ok, err := readMessage(want, k, record)
			if err != nil {
				yield(m, err)
				return
			}
			if ok && !yield(m, nil) {
				return
			}
			k, record = cur.Prev()
		}
	}
}

// readMessage decodes the record that was found where want should be. It is not
// ok if the message was taken back.
func readMessage(want, found, record []byte) (m storage.Message, ok bool, err error) {
	if !bytes.Equal(found, want) {
		return m, false, missing(bucketThread, want)
	}
	payload, err := unseal(bucketThread, found, record)
	if err != nil || len(payload) == 0 {
		return m, false, err
	}
	if m, err = decodeMessage(binary.BigEndian.Uint64(want[len(want)-8:]), payload); err != nil {
		return m, false, damaged(bucketThread, found, err.Error())
	}
	return m, true, nil
}
