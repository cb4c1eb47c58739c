package boltstore

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

var codecTurns = []storage.Turn{
	{},
	{
		ID: "1", Key: storage.ConversationKey{TeamID: "T"}, State: storage.StateStreaming, Attempt: -1, UserID: "U1", TS: "1.1",
		Text: "a \xf0\x9f cut character and \x00", Direct: true,
		ReceivedAt: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), UpdatedAt: time.Date(1969, 1, 2, 3, 4, 5, 999999999, time.UTC),
		ReplyID: "r", Parts: []storage.Part{{TS: "1.2", Stream: true}, {}}, Answer: "\xff", Failure: "f",
		JoinedInto: "2", Feedback: map[string]int{"U1": 1, "U2": -1, "": 0},
	},
}

func TestTurnRoundTrip(t *testing.T) {
	for _, want := range codecTurns {
		got, err := decodeTurn(want.Key, want.ID, encodeTurn(&want).b[recordHeader:])
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v: a checkpoint may end inside a character and must come back byte for byte", got, err, want)
		}
	}
}

// A payload that passes its checksum but is not understood, because a defect
// or a later version wrote it, is an error and never half a turn.
func TestTurnCutOff(t *testing.T) {
	whole := encodeTurn(&codecTurns[1]).b[recordHeader:]
	for n := range whole {
		if turn, err := decodeTurn(storage.ConversationKey{}, "1", whole[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were read as %+v", n, len(whole), turn)
		}
	}
	if _, err := decodeTurn(storage.ConversationKey{}, "1", append(slices.Clone(whole), 0)); err == nil {
		t.Error("a byte too many was ignored")
	}
}

func FuzzTurn(f *testing.F) {
	for _, turn := range codecTurns {
		f.Add(encodeTurn(&turn).b[recordHeader:])
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		turn, err := decodeTurn(storage.ConversationKey{}, "1", payload)
		if err != nil {
			return
		}
		again, err := decodeTurn(storage.ConversationKey{}, "1", encodeTurn(&turn).b[recordHeader:])
		if err != nil || !reflect.DeepEqual(again, turn) {
			t.Errorf("%+v became %+v, %v", turn, again, err)
		}
	})
}

func TestUnsealRefuses(t *testing.T) {
	key := []byte("key")
	record := func() []byte {
		e := newEncoder(0)
		e.string("payload")
		return e.seal(bucketThread, key)
	}
	if payload, err := unseal(bucketThread, key, record()); err != nil || !bytes.HasSuffix(payload, []byte("payload")) {
		t.Fatal(payload, err)
	}
	for bit := range len(record()) * 8 {
		r := record()
		r[bit/8] ^= 1 << (bit % 8)
		if _, err := unseal(bucketThread, key, r); err == nil {
			t.Errorf("bit %d flipped and not noticed", bit)
		}
	}
	for n := range record() {
		if _, err := unseal(bucketThread, key, record()[:n]); err == nil {
			t.Errorf("cut off after %d bytes and not noticed", n)
		}
	}
	if _, err := unseal(bucketThread, []byte("kez"), record()); err == nil {
		t.Error("a record under another key was not noticed")
	}
	if _, err := unseal(bucketUsage, key, record()); err == nil {
		t.Error("a record in another bucket was not noticed")
	}
}

func TestKeysSort(t *testing.T) {
	var hours, seconds, days [][]byte
	for _, v := range []int64{-1 << 40, -3601, -1, 0, 1, 3600, 1 << 31, 1 << 40} {
		hours = append(hours, idleKey(v, []byte("z")))
		seconds = append(seconds, ledgerKey(v, 1<<63), ledgerKey(v, 1<<63+1))
		days = append(days, dayKey(v))
	}
	claims := [][]byte{
		claimKey(time.Time{}, 9), claimKey(time.Unix(-1, 5), 9), claimKey(time.Unix(0, 0), 8), claimKey(time.Unix(0, 0), 9),
		claimKey(time.Unix(0, 999999999), 1), claimKey(time.Unix(1, 0), 0),
	}
	for _, keys := range [][][]byte{hours, seconds, days, claims} {
		if !slices.IsSortedFunc(keys, bytes.Compare) {
			t.Errorf("keys %x do not sort as the times they stand for: expiry would stop too early", keys)
		}
	}
	if a, b := hourOf(time.Unix(-1, 0)), hourOf(time.Unix(0, 0)); a >= b {
		t.Errorf("hours around 1970: %d, %d", a, b)
	}
}

func TestCompareTS(t *testing.T) {
	sorted := []string{"", "1", "1.000001", "1.000010", "2.000001", "10.000000", "999999999.999999", "1000000000.000000", "1700000000.000100"}
	for i, a := range sorted {
		for j, b := range sorted {
			if got := compareTS(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("compareTS(%q, %q) = %d", a, b, got)
			}
		}
	}
}
