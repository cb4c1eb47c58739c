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
		Calls: []storage.UsageRow{
			{
				TurnID: "1", UserID: "U1", ChannelID: "C", Provider: "p", Model: "m", At: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
				InputTokens: 1, CachedInputTokens: 2, OutputTokens: 3, ReasoningTokens: 4, Estimated: true,
				CostNanoUSD: 5, Price: &storage.Price{Input: 6, CachedInput: 7, Output: -8},
				ThreadTS: "1.1", Fallback: true, Outcome: "ok", FirstToken: 9, Duration: 10,
			},
			{At: time.Date(1969, 1, 2, 3, 4, 5, 999999999, time.UTC), Outcome: "timeout"},
		},
		Prompt: storage.PromptNote{Used: 1, Thread: 2, Dropped: -3, Window: 1 << 20, Oldest: "0.1"}, Again: true, EditedTS: "12.5", Stopped: true, StoppedBy: "U9",
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
	added := newEncoder(0)
	added.answering(&codecTurns[1])
	before := len(whole) - len(added.b[recordHeader:])
	more := newEncoder(0)
	for i := range codecTurns[1].Calls {
		more.usageMore(&codecTurns[1].Calls[i])
	}
	second := len(whole) - len(more.b[recordHeader:])
	for n := range whole {
		if n == before || n == second {
			continue // TestTurnFromBefore, TestOpenOlderSchema
		}
		if turn, err := decodeTurn(storage.ConversationKey{}, "1", whole[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were read as %+v", n, len(whole), turn)
		}
	}
	if _, err := decodeTurn(storage.ConversationKey{}, "1", append(slices.Clone(whole), 0)); err == nil {
		t.Error("a byte too many was ignored")
	}
}

// A record from before turns noted how they were answered, byte by byte.
const turnFromBefore = "\x04done" + "\x04" + "\x02U1" + "\x031.1" + "\x03why" + "\x01" + // state, attempt, user, ts, text, direct
	"\x14\x06" + "\x15\x00" + // received 10 s after and updated 11 s before 1970
	"\x01r" + "\x02" + "\x031.2\x01" + "\x031.3\x00" + // reply id, two parts
	"\x0242" + "\x00" + "\x00" + // answer, failure, joined into
	"\x02" + "\x02U1\x02" + "\x02U2\x01" // feedback +1 and -1

func TestTurnFromBefore(t *testing.T) {
	want := storage.Turn{
		ID: "1", Key: storage.ConversationKey{TeamID: "T"}, State: storage.StateDone, Attempt: 2, UserID: "U1", TS: "1.1", Text: "why", Direct: true,
		ReceivedAt: time.Unix(10, 6).UTC(), UpdatedAt: time.Unix(-11, 0).UTC(),
		ReplyID: "r", Parts: []storage.Part{{TS: "1.2", Stream: true}, {TS: "1.3"}}, Answer: "42",
		Feedback: map[string]int{"U1": 1, "U2": -1},
	}
	got, err := decodeTurn(want.Key, want.ID, []byte(turnFromBefore))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v, want %+v", got, err, want)
	}
	now := encodeTurn(&want).b[recordHeader:]
	if !bytes.HasPrefix(now, []byte(turnFromBefore)) {
		t.Errorf("it is written as %q now: fields may only be added at the end", now)
	}
	if again, err := decodeTurn(want.Key, want.ID, now); err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("written again it became %+v, %v", again, err)
	}
}

func FuzzTurn(f *testing.F) {
	for _, turn := range codecTurns {
		f.Add(encodeTurn(&turn).b[recordHeader:])
	}
	f.Add([]byte(turnFromBefore))
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
		days = append(days, appendInt(nil, v))
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
