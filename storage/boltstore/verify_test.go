package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/bobbin-bot/bobbin/storage"
)

// verify reads a whole store and checks what must be true after every write:
// each index says exactly what the records say. A closed store is skipped.
func verify(t *testing.T, s *Store) {
	t.Helper()
	err := s.read(context.Background(), func(v view) error {
		records := make([]map[string][]byte, bucketCount)
		for b := range bucketCount {
			records[b] = make(map[string][]byte)
			c := v.cursor(b)
			for k, record := c.First(); k != nil; k, record = c.Next() {
				payload, err := unseal(b, k, record)
				if err != nil {
					return err
				}
				records[b][string(k)] = bytes.Clone(payload)
			}
		}
		verifyThreads(t, v, records)
		verifyUsage(t, records)
		fromLog := loadClaims(v)
		if err := s.writer.submit(context.Background(), func(*change) error {
			if !maps.Equal(fromLog, s.claims) {
				t.Errorf("%d claims in memory, %d in the log: after a restart other keys would be fresh", len(s.claims), len(fromLog))
			}
			return nil
		}); err != nil {
			return err
		}
		return nil
	})
	if err != nil && !errors.Is(err, storage.ErrClosed) {
		t.Errorf("verify: %v", err)
	}
}

func verifyThreads(t *testing.T, v view, records []map[string][]byte) {
	t.Helper()
	open, idle, ids := make(map[string][]byte), make(map[string][]byte), make(map[string][]byte)
	for k, payload := range records[bucketThread] {
		r := keyReader{decoder{b: []byte(k)}}
		key := r.thread()
		thread := threadKey(key)
		c, ok, err := v.conversation(thread)
		if !ok || err != nil {
			t.Errorf("record %q has no conversation: %v", k, err)
			continue
		}
		switch part, rest := r.b[0], r.b[1:]; part {
		case partConversation:
			if len(c.open) > 0 {
				open[string(thread)] = []byte{}
			} else {
				idle[string(idleKey(hourOf(c.active), thread))] = []byte{}
			}
			if _, err := v.history(thread, 0); err != nil {
				t.Errorf("history of %s: %v", key, err)
			}
		case partTurn:
			d := decoder{b: rest}
			turn, err := decodeTurn(key, d.string(), payload)
			if err != nil {
				t.Errorf("turn %q: %v", k, err)
			}
			ids[string(turnIDKey(turn.ID))] = thread
			listed := false
			for _, id := range c.open {
				listed = listed || id == turn.ID
			}
			if listed == turn.State.Terminal() {
				t.Errorf("turn %s is %s, listed as open: %v", turn.ID, turn.State, listed)
			}
			if turn.UpdatedAt.After(c.active) {
				t.Errorf("turn %s changed at %s, after the last activity %s of its conversation", turn.ID, turn.UpdatedAt, c.active)
			}
		}
	}
	for _, x := range []struct {
		bucket bucket
		want   map[string][]byte
	}{{bucketOpen, open}, {bucketIdle, idle}, {bucketTurnID, ids}} {
		if got := records[x.bucket]; !maps.EqualFunc(got, x.want, bytes.Equal) {
			t.Errorf("index %s: got %q, want %q", x.bucket, got, x.want)
		}
	}
}

func verifyUsage(t *testing.T, records []map[string][]byte) {
	t.Helper()
	want := make(map[string]storage.UsageTotal)
	for k, payload := range records[bucketLedger] {
		d := decoder{b: payload}
		r := d.usageRow()
		if err := d.end(); err != nil {
			t.Errorf("usage row %q: %v", k, err)
		}
		if sec := (&keyReader{decoder{b: []byte(k)}}).sortedInt(); sec != r.At.Unix() {
			t.Errorf("row of %s is stored under second %d", r.At, sec)
		}
		key := storage.UsageTotal{Day: storage.DayOf(r.At), UserID: r.UserID, ChannelID: r.ChannelID, Provider: r.Provider, Model: r.Model}
		total, ok := want[string(usageKey(&key))]
		if !ok {
			total = key
		}
		total.Add(r)
		want[string(usageKey(&key))] = total
	}
	got := make(map[string]storage.UsageTotal)
	for k, payload := range records[bucketUsage] {
		total, err := decodeUsageTotal([]byte(k), payload)
		if err != nil {
			t.Errorf("total %q: %v", k, err)
		}
		got[k] = total
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
		closeTest(t, s)
	}
	for _, kind := range []string{"accepted", "duplicate", "moved", "refused", "finished", "reopened", "unsaid", "amended", "purged"} {
		if r.seen[kind] == 0 {
			t.Errorf("nothing was %s: the test does not do what it should", kind)
		}
	}
	t.Log(fmt.Sprint(r.seen))
}
