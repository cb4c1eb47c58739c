package boltstore

import (
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

var benchTurns = flag.Int64("turns", 0, "how many turns the file of BenchmarkCommit has, beside an empty one")

// BenchmarkCommit accepts turns, alone and with 64 callers, into an empty file
// and into one that has -turns answered ones already:
//
//	go test -run xxx -bench Commit ./storage/boltstore -args -turns 1000000
func BenchmarkCommit(b *testing.B) {
	sizes := []int64{0}
	if *benchTurns > 0 {
		sizes = append(sizes, *benchTurns)
	}
	for _, stored := range sizes {
		var s *Store
		b.Run(fmt.Sprintf("stored=%d", stored), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "bobbin.db")
			fillLarge(b, path, stored)
			begun := time.Now()
			var err error
			if s, err = Open(path, Options{}); err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			b.Logf("opened in %v", time.Since(begun).Round(time.Millisecond))
			next := atomic.Int64{}
			next.Store(stored)
			for _, callers := range []int{1, 64} {
				b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { acceptMany(b, s, &next, callers) })
			}
			if st, err := s.Stats(); err == nil {
				b.Logf("%d MB, %d MB of them free; commits p50 %v, p99 %v", st.FileBytes>>20, st.FreeBytes>>20, st.CommitP50, st.CommitP99)
			}
		})
	}
}

func acceptMany(b *testing.B, s *Store, next *atomic.Int64, callers int) {
	b.ReportAllocs()
	var wg sync.WaitGroup
	var n atomic.Int64
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for n.Add(1) <= int64(b.N) {
				t, keys := slackTurn(next.Add(1))
				if fresh, err := s.Accept(b.Context(), t, keys); !fresh || err != nil {
					b.Errorf("Accept: %v, %v", fresh, err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "turns/s")
	if callers == 64 {
		b.ReportMetric(15_000, "budget-turns/s")
	}
}

// fillLarge makes a file as months of use leave it: answered turns, each in its
// thread with a question and an answer, their usage, and the dedupe keys of the
// last ten thousand.
func fillLarge(b *testing.B, path string, turns int64) {
	b.Helper()
	if turns == 0 {
		return
	}
	const answer = "Add the new key beside the old one, wait until every deploy has picked it up, then remove the old one."
	out, err := newBuilder(path)
	if err != nil {
		b.Fatal(err)
	}
	defer out.discard()
	put := func(in bucket, key []byte, e *encoder) {
		if err := out.put(in, key, e.seal(in, key)); err != nil {
			b.Fatal(err)
		}
	}
	// One bucket after the other, in the order of its keys: appending is quickest.
	each := func(from int64, f func(t *storage.Turn, thread []byte, keys []storage.DedupeKey, n int64)) {
		for n := from; n < turns; n++ {
			t, keys := slackTurn(n)
			t.State, t.UpdatedAt, t.Answer, t.Attempt, t.ReplyID = storage.StateDone, t.ReceivedAt, answer, 1, "0123456789abcdef"
			t.Parts = []storage.Part{{TS: t.TS}}
			f(&t, threadKey(t.Key), keys, n)
		}
	}
	each(0, func(t *storage.Turn, thread []byte, _ []storage.DedupeKey, _ int64) {
		put(bucketThread, conversationKey(thread), encodeConversation(&conversation{active: t.UpdatedAt, last: 2}))
		put(bucketThread, turnKey(thread, t.ID), encodeTurn(t))
		put(bucketThread, messageKey(thread, 1), encodeMessage(&storage.Message{TurnID: t.ID, Role: storage.RoleUser, UserID: t.UserID, TS: t.TS, Text: t.Text}))
		put(bucketThread, messageKey(thread, 2), encodeMessage(&storage.Message{TurnID: t.ID, Role: storage.RoleAssistant, Text: answer}))
	})
	each(0, func(t *storage.Turn, thread []byte, _ []storage.DedupeKey, _ int64) {
		owner := newEncoder(len(thread))
		owner.b = append(owner.b, thread...)
		put(bucketTurnID, turnIDKey(t.ID), owner)
	})
	each(0, func(t *storage.Turn, thread []byte, _ []storage.DedupeKey, _ int64) {
		put(bucketIdle, idleKey(hourOf(t.UpdatedAt), thread), newEncoder(0))
	})
	totals := make(map[string]*storage.UsageTotal)
	each(0, func(t *storage.Turn, _ []byte, _ []storage.DedupeKey, n int64) {
		row := storage.UsageRow{TurnID: t.ID, UserID: t.UserID, ChannelID: t.Key.ChannelID, Provider: "p", Model: "m", At: t.ReceivedAt, InputTokens: 900, OutputTokens: 40, Outcome: storage.OutcomeOK}
		put(bucketLedger, ledgerKey(row.At.Unix(), uint64(n)), encodeLedgerRow(&row))
		total := totalOf(&row)
		key := string(cubeTotals.key(total))
		if totals[key] == nil {
			totals[key] = total
		}
		totals[key].Add(row)
	})
	var made batch
	roll := newRolling(made.cube)
	for _, key := range slices.Sorted(maps.Keys(totals)) {
		made.put(bucketUsage, []byte(key), encodeUsageTotal(totals[key]))
		roll.add(totals[key])
	}
	roll.end()
	each(0, func(t *storage.Turn, thread []byte, _ []storage.DedupeKey, _ int64) {
		for _, e := range entries(thread, t) {
			made.put(e.bucket, e.key, newEncoder(0))
		}
	})
	if err := made.flush(out.put); err != nil {
		b.Fatal(err)
	}
	each(max(0, turns-10_000), func(t *storage.Turn, _ []byte, keys []storage.DedupeKey, n int64) {
		e := newEncoder(64)
		for _, k := range newClaim(keys, t.ReceivedAt).keys {
			e.b = append(e.b, k[:]...)
		}
		put(bucketClaim, claimKey(t.ReceivedAt, uint64(n)), e)
	})
	if _, err := out.finish(nil); err != nil {
		b.Fatal(err)
	}
}
