package boltstore

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// What of a thread a record in bucketThread holds; the byte after the
// conversation's key.
const (
	partConversation = 0
	partTurn         = 1
	partMessage      = 2
)

func appendString(k []byte, s string) []byte {
	k = binary.AppendUvarint(k, uint64(len(s)))
	return append(k, s...)
}

// appendInt appends v so that keys sort as numbers, negative ones first.
func appendInt(k []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(k, uint64(v)^1<<63)
}

// behindAll is the first key behind all that begin with prefix; nil if there is
// none.
func behindAll(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			end := bytes.Clone(prefix[:i+1])
			end[i]++
			return end
		}
	}
	return nil
}

// appendTime appends t so that keys sort as moments.
func appendTime(k []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint32(appendInt(k, t.Unix()), uint32(t.Nanosecond()))
}

// timeSize is the length of what appendTime appends.
const timeSize = 12

// threadKey is what the keys of a conversation begin with. The ts comes first
// because it is the time: threads that are active together lie together.
func threadKey(key storage.ConversationKey) []byte {
	k := make([]byte, 0, len(key.TeamID)+len(key.ChannelID)+len(key.ThreadTS)+32)
	k = appendString(k, key.ThreadTS)
	k = appendString(k, key.ChannelID)
	return appendString(k, key.TeamID)
}

func conversationKey(thread []byte) []byte {
	return extend(thread, partConversation, 0)
}

func turnKey(thread []byte, id string) []byte {
	return appendString(extend(thread, partTurn, len(id)+2), id)
}

func messageKey(thread []byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(extend(thread, partMessage, 8), seq)
}

// extend copies thread, adds part and leaves room.
func extend(thread []byte, part byte, room int) []byte {
	k := make([]byte, 0, len(thread)+1+room)
	k = append(k, thread...)
	return append(k, part)
}

func turnIDKey(id string) []byte { return appendString(nil, id) }

const hourSize = 8

func idleKey(hour int64, thread []byte) []byte {
	k := make([]byte, 0, hourSize+len(thread))
	k = appendInt(k, hour)
	return append(k, thread...)
}

func hourOf(t time.Time) int64 {
	h := t.Unix() / 3600
	if t.Unix()%3600 < 0 {
		h--
	}
	return h
}

func claimKey(at time.Time, unique uint64) []byte {
	return binary.BigEndian.AppendUint64(appendTime(make([]byte, 0, timeSize+8), at), unique)
}

func ledgerKey(second int64, unique uint64) []byte {
	k := make([]byte, 0, 16)
	k = appendInt(k, second)
	return binary.BigEndian.AppendUint64(k, unique)
}

// keyReader takes keys apart. Keys are read only after their record's checksum,
// which covers them, so a failure is a defect or a record of a later version.
type keyReader struct{ decoder }

func (r *keyReader) sortedInt() int64 {
	if len(r.b) < 8 {
		r.fail()
		return 0
	}
	v := binary.BigEndian.Uint64(r.b)
	r.b = r.b[8:]
	return int64(v ^ 1<<63)
}

func (r *keyReader) thread() storage.ConversationKey {
	return storage.ConversationKey{ThreadTS: r.string(), ChannelID: r.string(), TeamID: r.string()}
}
