package boltstore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// TestDamagedRecord flips bits of single records, in a file whose structure is
// intact, and asks for what they held.
func TestDamagedRecord(t *testing.T) {
	ctx := t.Context()
	first, keys := slackTurn(1)
	other, _ := slackTurn(2)
	thread := threadKey(first.Key)
	path := filepath.Join(t.TempDir(), "bobbin.db")
	s := openTest(t, path)
	for i, turn := range []storage.Turn{first, other} {
		if fresh, err := s.Accept(ctx, turn, keys[i:i+1]); err != nil || !fresh {
			t.Fatal(fresh, err)
		}
		l, err := s.Acquire(ctx, turn.Key, "w", benchStart, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Finish(ctx, l, storage.Result{
			TurnID: turn.ID, From: storage.StateReceived, Messages: []storage.Message{{Text: "of " + turn.ID}},
			Usage: []storage.UsageRow{{UserID: turn.UserID, At: benchStart}},
		}); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.SetFeedback(ctx, turn.ID, "U1", 1, benchStart), s.Reserve(ctx, storage.Reservation{TurnID: turn.ID, At: benchStart}, nil),
			s.Lift(ctx, storage.Lift{Scope: storage.ScopeUser, ID: turn.UserID, Day: storage.DayOf(benchStart)})); err != nil {
			t.Fatal(err)
		}
	}
	closeTest(t, s)
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	next, _ := slackTurn(3)
	purge := func(s *Store) error {
		n, err := s.Purge(ctx, storage.Before{Usage: benchStart.AddDate(0, 0, 2), Dedupe: benchStart.AddDate(0, 0, 2)}, 100)
		if n == 0 {
			t.Errorf("purge deleted nothing: one damaged record must not stop it")
		}
		return err
	}
	turnOf := func(id string) func(*Store) error {
		return func(s *Store) error { _, err := s.Turn(ctx, id); return err }
	}
	unsay := func(s *Store) error { _, err := s.Unsay(ctx, first.Key, first.TS, benchStart); return err }
	history := func(s *Store) error { _, err := s.History(ctx, first.Key, 0); return err }
	cases := []struct {
		name    string
		bucket  bucket
		key     []byte // first record of the bucket if nil
		reading func(*Store) error
	}{
		{"turn", bucketThread, turnKey(thread, first.ID), turnOf(first.ID)},
		{"turn, for Open", bucketThread, turnKey(thread, first.ID), func(s *Store) error { _, err := s.Open(ctx, first.Key); return err }},
		{"index of turns", bucketTurnID, turnIDKey(first.ID), turnOf(first.ID)},
		{"conversation", bucketThread, conversationKey(thread), history},
		{"message", bucketThread, messageKey(thread, 1), history},
		{"message, for Unsay", bucketThread, messageKey(thread, 1), unsay},
		{"turn, for Unsay", bucketThread, turnKey(thread, first.ID), unsay},
		{"conversation, for Unsay", bucketThread, conversationKey(thread), unsay},
		{"open", bucketOpen, thread, func(s *Store) error { _, err := s.OpenConversations(ctx); return err }},
		{"total", bucketUsage, nil, func(s *Store) error { _, err := s.Usage(ctx, storage.UsageQuery{}); return err }},
		{"total, for purge", bucketUsage, nil, purge},
		{"ledger", bucketLedger, nil, purge},
		{"claim", bucketClaim, nil, purge},
		{"ledger, for Calls", bucketLedger, nil, func(s *Store) error { _, _, err := s.Calls(ctx, storage.UsageQuery{}, "", 0); return err }},
		{"cube", bucketCube, cubeUserDays.prefix(first.UserID), func(s *Store) error { _, err := s.Usage(ctx, storage.UsageQuery{UserID: first.UserID}); return err }},
		{"cube, for RecordUsage", bucketCube, cubeUserDays.prefix(first.UserID), func(s *Store) error {
			return s.RecordUsage(ctx, []storage.UsageRow{{UserID: first.UserID, At: benchStart}})
		}},
		{"reservation", bucketBudget, reservationKey(first.ID), func(s *Store) error { _, err := s.Reservations(ctx, benchStart); return err }},
		{"reservation, for Reserve", bucketBudget, reservationKey(first.ID), func(s *Store) error {
			return s.Reserve(ctx, storage.Reservation{TurnID: "new", At: benchStart}, []storage.Limit{{Scope: storage.ScopeWorkspace, Tokens: 1}})
		}},
		{"lift", bucketBudget, liftKey(storage.DayOf(benchStart), storage.ScopeUser, first.UserID), func(s *Store) error {
			_, err := s.Spent(ctx, []storage.Limit{{Scope: storage.ScopeUser, ID: first.UserID}}, benchStart)
			return err
		}},
		{"lift, for purge", bucketBudget, liftKey(storage.DayOf(benchStart), storage.ScopeUser, first.UserID), purge},
		{"list", bucketMine, mineKey(first.UserID, thread), func(s *Store) error { _, err := s.Conversations(ctx, first.UserID, 9); return err }},
		{"turn, for the list", bucketThread, turnKey(thread, first.ID), func(s *Store) error { _, err := s.Conversations(ctx, first.UserID, 9); return err }},
		{"verdict", bucketVerdict, nil, func(s *Store) error { _, err := s.Verdicts(ctx, 1, benchStart, 9); return err }},
		{"turn, for verdicts", bucketThread, turnKey(thread, first.ID), func(s *Store) error { _, err := s.Verdicts(ctx, 1, benchStart, 9); return err }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			record, key := findRecord(t, path, c.bucket, c.key)
			step := max(1, len(record)*8/16)
			for bit := 0; bit < len(record)*8; bit += step {
				damaged := flipEverywhere(image, record, bit)
				d := openImage(t, damaged)
				if err := c.reading(d); !errors.Is(err, storage.ErrCorrupt) {
					t.Errorf("bit %d of record %q: got %v, want ErrCorrupt", bit, key, err)
				}
				if fresh, err := d.Accept(ctx, next, nil); !fresh || err != nil {
					t.Errorf("bit %d of record %q: a new message elsewhere: %v, %v, want it stored", bit, key, fresh, err)
				}
				if c.bucket == bucketThread || c.bucket == bucketTurnID {
					if err := turnOf(other.ID)(d); err != nil {
						t.Errorf("bit %d of record %q: another conversation: %v", bit, key, err)
					}
				}
				closeTest(t, d)
			}
		})
	}
}

// A damaged key hides its record; the reader must not take that for absence.
func TestDamagedKey(t *testing.T) {
	turn, _ := slackTurn(1)
	again, _ := slackTurn(2)
	again.Key = turn.Key
	path := filepath.Join(t.TempDir(), "bobbin.db")
	s := openTest(t, path)
	if _, err := s.Accept(t.Context(), turn, nil); err != nil {
		t.Fatal(err)
	}
	l, err := s.Acquire(t.Context(), turn.Key, "w", benchStart, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Finish(t.Context(), l, storage.Result{TurnID: turn.ID, From: storage.StateReceived, Messages: make([]storage.Message, 5)}); err != nil {
		t.Fatal(err)
	}
	// Far enough apart for a damaged day to lie between.
	days := [...]storage.Day{4096, 4099, 4104}
	var total [len(days)][]byte
	for i, day := range days {
		at := day.Time()
		if err := s.RecordUsage(t.Context(), []storage.UsageRow{{UserID: "U1", At: at}}); err != nil {
			t.Fatal(err)
		}
		total[i] = cubeTotals.key(&storage.UsageTotal{Day: day, UserID: "U1"})
	}
	closeTest(t, s)
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	noticed := 0
	thread := threadKey(turn.Key)
	conversation, asked, message := conversationKey(thread), turnKey(thread, turn.ID), messageKey(thread, 3)
	for _, key := range [][]byte{turnIDKey(turn.ID), conversation, asked, thread, message, total[0], total[1], total[2]} {
		for bit := range len(key) * 8 {
			d, err := tryImage(t, flipEverywhere(image, key, bit))
			if err != nil {
				if !errors.Is(err, storage.ErrCorrupt) {
					t.Errorf("Open: %v", err)
				}
				noticed++
				continue
			}
			_, errTurn := d.Turn(t.Context(), turn.ID)
			_, errOpen := d.Open(t.Context(), turn.Key)
			_, errList := d.OpenConversations(t.Context())
			_, errHistory := d.History(t.Context(), turn.Key, 4)
			_, errFrom := d.Usage(t.Context(), storage.UsageQuery{From: days[1]})
			_, errDay := d.Usage(t.Context(), storage.UsageQuery{From: days[1], To: days[1]})
			_, errTo := d.Usage(t.Context(), storage.UsageQuery{To: days[1]})
			if bytes.Equal(key, total[1]) && (errFrom == nil || errDay == nil || errTo == nil) {
				t.Errorf("bit %d of a total's key: from its day on %v, that day %v, up to it %v, want ErrCorrupt", bit, errFrom, errDay, errTo)
			}
			if fresh, err := d.Accept(t.Context(), again, nil); fresh && bytes.Equal(key, conversation) {
				t.Errorf("bit %d of a conversation's key: it began anew, %v", bit, err)
			}
			_, errUnsay := d.Unsay(t.Context(), turn.Key, turn.TS, benchStart)
			if errUnsay == nil && (bytes.Equal(key, conversation) || bytes.Equal(key, asked) || bytes.Equal(key, message)) {
				t.Errorf("bit %d of key %q: Unsay passed over the record", bit, key)
			}
			if errHistory == nil && bytes.Equal(key, message) {
				t.Errorf("bit %d of a message's key: the history was given without it", bit)
			}
			errs := []error{errTurn, errOpen, errList, errHistory, errUnsay, errFrom, errDay, errTo}
			for _, err := range errs {
				if err != nil && !errors.Is(err, storage.ErrCorrupt) {
					t.Errorf("bit %d of key %q: %v, want an answer or ErrCorrupt", bit, key, err)
				}
			}
			if errors.Join(errs...) == nil {
				t.Errorf("bit %d of key %q: not noticed", bit, key)
			}
			closeTest(t, d)
		}
	}
	if noticed == 0 {
		t.Error("no flip broke the order of keys, which Open should see")
	}
}

// findRecord returns a stored record and its key.
func findRecord(t *testing.T, path string, b bucket, key []byte) (record, found []byte) {
	t.Helper()
	s := openTest(t, path)
	defer closeTest(t, s)
	if err := s.read(t.Context(), func(v view) error {
		k, r := v.cursor(b).Seek(key)
		found, record = bytes.Clone(k), bytes.Clone(r)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(found, key) {
		t.Fatalf("no record %q", key)
	}
	return record, found
}

// flipEverywhere flips a bit of each copy of a part of a file: bbolt leaves old
// copies behind.
func flipEverywhere(image, part []byte, bit int) []byte {
	image = slices.Clone(image)
	for at := 0; ; {
		i := bytes.Index(image[at:], part)
		if i < 0 {
			return image
		}
		image[at+i+bit/8] ^= 1 << (bit % 8)
		at += i + len(part)
	}
}

func openImage(t *testing.T, image []byte) *Store {
	t.Helper()
	s, err := tryImage(t, image)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tryImage(t *testing.T, image []byte) (*Store, error) {
	t.Helper()
	f, err := os.CreateTemp(memoryDir(t), "*.db")
	if err != nil {
		t.Fatal(err)
	}
	// The rest of the file is unused; a hole is quicker to write.
	if _, err := f.Write(bytes.TrimRight(image, "\x00")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(int64(len(image))), f.Close()); err != nil {
		t.Fatal(err)
	}
	return Open(f.Name(), Options{})
}
