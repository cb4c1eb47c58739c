package boltstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/bobbin-bot/bobbin/storage"
)

// verify checks an open store as [Verify] checks a file, and what only an open
// one can be asked: that totals are exactly the sums of their rows, and that the
// claims in memory are those of the log. A closed store is skipped.
func verify(t *testing.T, s *Store) {
	t.Helper()
	err := s.read(context.Background(), func(v view) error {
		var r Report
		check := verification{view: v, ctx: context.Background(), report: &r, progress: newMeter(nil, 1), buckets: bucketCount}
		for _, f := range []func() error{check.metaRecords, check.threads, check.claims, check.ledger, check.totals, check.budgets, check.lists} {
			if err := f(); err != nil {
				return err
			}
		}
		for _, problem := range r.Problems {
			t.Error(problem)
		}
		verifyUsage(t, v)
		fromLog := loadClaims(v)
		return s.writer.submit(context.Background(), func(*change) error {
			if !maps.Equal(fromLog, s.claims) {
				t.Errorf("%d claims in memory, %d in the log: after a restart other keys would be fresh", len(s.claims), len(fromLog))
			}
			return nil
		})
	})
	if err != nil && !errors.Is(err, storage.ErrClosed) {
		t.Errorf("verify: %v", err)
	}
}

// verifyLists checks that the lists have the entries of all turns, and no others:
// what was forgotten must not be in them. The user of an entry in bucketMine has
// a turn there.
func verifyLists(t *testing.T, s *Store) {
	t.Helper()
	want, users := make(map[string]bool), make(map[string]bool)
	if err := s.read(context.Background(), func(v view) error {
		c := v.cursor(bucketThread)
		for k, record := c.First(); k != nil; k, record = c.Next() {
			thread, part, _ := splitThread(k)
			if part != partTurn {
				continue
			}
			r := keyReader{decoder{b: k[len(thread)+1:]}}
			turn, err := decodeTurn(storage.ConversationKey{}, r.string(), record[recordHeader:])
			if err != nil {
				return err
			}
			users[string(mineKey(turn.UserID, thread))] = true
			for _, e := range entries(thread, &turn) {
				want[e.bucket.String()+string(e.key)] = true
			}
		}
		for _, b := range []bucket{bucketMine, bucketVerdict} {
			c := v.cursor(b)
			for k, _ := c.First(); k != nil; k, _ = c.Next() {
				entry := b.String() + string(k)
				if !want[entry] && (b == bucketVerdict || !users[string(k)]) {
					t.Errorf("%s has an entry %q of nobody", b, k)
				}
				delete(want, entry)
			}
		}
		return nil
	}); err != nil && !errors.Is(err, storage.ErrClosed) {
		t.Error(err)
	}
	for entry := range want {
		t.Errorf("no entry %q", entry)
	}
}

func verifyUsage(t *testing.T, v view) {
	t.Helper()
	want, got := make(map[string]storage.UsageTotal), make(map[string]storage.UsageTotal)
	c := v.cursor(bucketLedger)
	for k, record := c.First(); k != nil; k, record = c.Next() {
		r, err := decodeLedgerRow(record[recordHeader:])
		if err != nil {
			t.Error(err)
		}
		total := *totalOf(&r)
		key := string(cubeTotals.key(&total))
		if sum, ok := want[key]; ok {
			total = sum
		}
		total.Add(r)
		want[key] = total
	}
	c = v.cursor(bucketUsage)
	for k, record := c.First(); k != nil; k, record = c.Next() {
		total, err := decodeUsageTotal(k, record[recordHeader:])
		if err != nil {
			t.Errorf("total %q: %v", k, err)
		}
		got[string(k)] = total
	}
	if !maps.Equal(got, want) {
		t.Errorf("totals are not the sums of the ledger:\n\tgot  %+v\n\twant %+v", got, want)
	}
}

// TestRandomOperations does a few thousand things in no good order and verifies
// the store after each restart.
func TestRandomOperations(t *testing.T) {
	path := t.TempDir() + "/bobbin.db"
	const restarts, ops = 8, 150
	r := newOperations(1)
	for range restarts {
		s := openTest(t, path)
		for range ops {
			if err := r.next(t.Context(), s); err != nil {
				t.Fatalf("operation %d: %v", r.n, err)
			}
		}
		verify(t, s)
		verifyLists(t, s)
		closeTest(t, s)
		if r, err := Verify(t.Context(), path, nil); err != nil {
			t.Errorf("Verify of what ordinary use has left: %v\n%q", err, r.Problems)
		}
	}
	for _, kind := range []string{"accepted", "duplicate", "moved", "refused", "finished", "reopened", "unsaid", "amended", "purged", "forgotten", "judged", "reserved", "over budget"} {
		if r.seen[kind] == 0 {
			t.Errorf("nothing was %s: the test does not do what it should", kind)
		}
	}
	t.Log(fmt.Sprint(r.seen))
}
