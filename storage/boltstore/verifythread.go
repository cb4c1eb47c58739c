package boltstore

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/bobbin-bot/bobbin/storage"
)

// threadCheck is a conversation of which the records are being read.
type threadCheck struct {
	thread   []byte
	key      storage.ConversationKey
	has      bool // its own record was seen
	damaged  bool // a record of it is: what is missing is no news then
	stored   conversation
	open     map[string]bool // turns seen in a non-terminal state
	messages uint64
}

// threads checks all conversations with their turns and messages, and the three
// indexes of them.
func (v *verification) threads() error {
	var t *threadCheck
	var open int64
	if err := v.records(bucketThread, func(key, payload []byte) error {
		r := keyReader{decoder{b: key}}
		id := r.thread()
		if r.err != nil || len(r.b) == 0 {
			if payload != nil {
				v.report.problem("record %q in %s: not of a conversation", key, bucketThread)
			}
			return nil
		}
		thread := key[:len(key)-len(r.b)]
		if t == nil || !bytes.Equal(t.thread, thread) {
			open += v.endThread(t)
			t = &threadCheck{thread: bytes.Clone(thread), key: id, open: make(map[string]bool)}
		}
		if payload == nil {
			t.damaged = true
			return nil
		}
		if why := v.threadRecord(t, r.b[0], r.b[1:], payload); why != "" {
			v.report.problem("record %q in %s: %s", key, bucketThread, why)
		}
		return nil
	}); err != nil {
		return err
	}
	open += v.endThread(t)
	v.report.Open = open
	damaged := len(v.report.Problems) > 0
	for _, index := range []struct {
		bucket bucket
		want   int64
	}{{bucketOpen, open}, {bucketIdle, v.report.Conversations - open}, {bucketTurnID, v.report.Turns}} {
		if damaged {
			index.want = -1 // what is missing cannot be counted
		}
		if err := v.count(index.bucket, index.want); err != nil {
			return err
		}
	}
	return nil
}

// threadRecord takes in one record and says what is wrong with it.
func (v *verification) threadRecord(t *threadCheck, part byte, rest, payload []byte) (why string) {
	switch part {
	case partConversation:
		c, err := decodeConversation(payload)
		if err != nil || len(rest) > 0 {
			return "not a conversation"
		}
		t.stored, t.has = c, true
		v.report.Conversations++
	case partTurn:
		r := keyReader{decoder{b: rest}}
		id := r.string()
		turn, err := decodeTurn(t.key, id, payload)
		if err != nil || r.end() != nil {
			return "not a turn"
		}
		v.report.Turns++
		if !turn.State.Terminal() {
			t.open[id] = true
		}
		if t.has && turn.UpdatedAt.After(t.stored.active) {
			return "changed after the last activity of its conversation"
		}
		v.entry(bucketTurnID, turnIDKey(id), t.thread)
		for _, e := range entries(t.thread, &turn) {
			v.entry(e.bucket, e.key, nil)
		}
	case partMessage:
		t.messages++
		if len(rest) != 8 || binary.BigEndian.Uint64(rest) != t.messages && !t.damaged {
			t.damaged = true
			return "a message before it is missing"
		}
		if len(payload) == 0 {
			return "" // taken back
		}
		v.report.Messages++
		if _, err := decodeMessage(t.messages, payload); err != nil {
			return "not a message"
		}
	default:
		return "of an unknown kind"
	}
	return ""
}

// endThread checks what can be told when all of a conversation is read. It
// returns 1 if it has an open turn.
func (v *verification) endThread(t *threadCheck) (open int64) {
	if t == nil || t.damaged {
		return 0
	}
	if !t.has {
		v.report.problem("conversation %s has no record of its own", t.key)
		return 0
	}
	if t.messages != t.stored.last {
		v.report.problem("conversation %s has %d messages, want %d", t.key, t.messages, t.stored.last)
	}
	if listed, seen := slices.Sorted(slices.Values(t.stored.open)), slices.Sorted(maps.Keys(t.open)); !slices.Equal(listed, seen) {
		v.report.problem("conversation %s lists %q as open, its turns say %q", t.key, listed, seen)
	}
	if len(t.stored.open) > 0 {
		v.entry(bucketOpen, t.thread, nil)
		return 1
	}
	v.entry(bucketIdle, idleKey(hourOf(t.stored.active), t.thread), nil)
	return 0
}
