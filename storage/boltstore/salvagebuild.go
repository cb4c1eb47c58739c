package boltstore

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// found is what was found of a conversation.
type found struct {
	thread []byte
	key    storage.ConversationKey
	conversation
	turns    []storage.Turn
	messages []uint64 // in order
}

// threads makes what was found of each conversation agree with itself: its own
// record, the numbers of its messages, and the indexes.
func (s *salvage) threads() error {
	for next := []byte{}; next != nil; {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		// Read some, then write: a cursor does not outlive a write.
		var some []*found
		some, next = s.some(next)
		for _, f := range some {
			if err := s.mend(f); err != nil {
				return err
			}
		}
		if s.entries.full() || next == nil {
			if err := s.entries.flush(s.out.put); err != nil {
				return err
			}
		}
	}
	return nil
}

// some reads the conversations from a key on, and returns where the next one
// begins; nil is the end.
func (s *salvage) some(from []byte) (list []*found, next []byte) {
	const enough = 1000 // records, about
	c := (view{s.out.tx}).cursor(bucketThread)
	n := 0
	var f *found
	for k, record := c.Seek(from); k != nil; k, record = c.Next() {
		r := keyReader{decoder{b: k}}
		id := r.thread()
		if r.err != nil || len(r.b) == 0 {
			continue
		}
		thread := k[:len(k)-len(r.b)]
		if f == nil || !bytes.Equal(f.thread, thread) {
			if n > enough {
				return list, bytes.Clone(thread)
			}
			f = &found{thread: bytes.Clone(thread), key: id}
			list = append(list, f)
		}
		n++
		payload := record[recordHeader:]
		switch part, rest := r.b[0], r.b[1:]; part {
		case partConversation:
			if stored, err := decodeConversation(payload); err == nil {
				f.conversation = stored
			}
		case partTurn:
			d := keyReader{decoder{b: rest}}
			if turn, err := decodeTurn(id, d.string(), payload); err == nil && d.end() == nil {
				f.turns = append(f.turns, turn)
			}
		case partMessage:
			if len(rest) == 8 {
				f.messages = append(f.messages, binary.BigEndian.Uint64(rest))
			}
		}
	}
	return list, nil
}

func (s *salvage) mend(f *found) error {
	var errs []error
	put := func(b bucket, key []byte, e *encoder) {
		if err := s.out.put(b, key, e.seal(b, key)); err != nil {
			errs = append(errs, err)
		}
	}
	f.open = nil
	for i := range f.turns {
		turn := &f.turns[i]
		key := turnKey(f.thread, turn.ID)
		if s.open[string(key)] {
			turn.State, turn.Failure = storage.StateInterrupted, "recovered from a damaged store; it may have been answered"
			put(bucketThread, key, encodeTurn(turn))
		}
		if !turn.State.Terminal() {
			f.open = append(f.open, turn.ID)
		}
		for _, at := range [...]time.Time{turn.ReceivedAt, turn.UpdatedAt} {
			if at.After(f.active) {
				f.active = at
			}
		}
		owner := newEncoder(len(f.thread))
		owner.b = append(owner.b, f.thread...)
		put(bucketTurnID, turnIDKey(turn.ID), owner)
		for _, e := range entries(f.thread, turn) {
			s.entries.put(e.bucket, e.key, newEncoder(0))
		}
	}
	if f.active.IsZero() {
		f.active = time.Now() // nothing says when; it shall not expire at once
	}
	if n := len(f.messages); n > 0 {
		f.last = max(f.last, f.messages[n-1])
	}
	for seq := uint64(1); seq <= f.last; seq++ {
		if _, there := slices.BinarySearch(f.messages, seq); !there {
			// A message that was taken back reads as one that never was.
			s.report.Lost++
			put(bucketThread, messageKey(f.thread, seq), newEncoder(0))
		}
	}
	put(bucketThread, conversationKey(f.thread), encodeConversation(&f.conversation))
	if len(f.open) > 0 {
		put(bucketOpen, f.thread, newEncoder(0))
	} else {
		put(bucketIdle, idleKey(hourOf(f.active), f.thread), newEncoder(0))
	}
	if len(errs) > 0 {
		return errs[0]
	}
	return nil
}
