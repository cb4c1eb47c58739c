package boltstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// disk is what a test says about the disk's room.
type disk struct {
	free, total uint64
	err         error
	asked       int
}

func (d *disk) report(string) (free, total uint64, err error) {
	d.asked++
	return d.free, d.total, d.err
}

func openWith(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "bobbin.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func accept(s *Store, n int64) (fresh bool, err error) {
	turn, keys := slackTurn(n)
	return s.Accept(context.Background(), turn, keys)
}

func TestDiskGuardThreshold(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for _, c := range []struct {
		name string
		d    disk
		full bool
	}{
		{"plenty", disk{free: 100 * gib, total: 1000 * gib}, false},
		{"2 % of a big disk are plenty too", disk{free: 20 * gib, total: 1000 * gib}, false},
		{"a big disk", disk{free: 511 * mib, total: 1000 * gib}, true},
		{"exactly enough", disk{free: 512 * mib, total: 1000 * gib}, false},
		{"a small volume, 100 MiB free", disk{free: 100 * mib, total: gib}, false},
		{"a small volume", disk{free: 50 * mib, total: gib}, true},
		{"nothing free", disk{total: gib}, true},
		{"a disk without size", disk{}, false},
		{"unknown", disk{err: errors.ErrUnsupported}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openWith(t, Options{Free: c.d.report})
			if _, err := accept(s, 1); errors.Is(err, storage.ErrFull) != c.full || err != nil && !c.full {
				t.Errorf("%d of %d MiB free: Accept: %v, want ErrFull: %v", c.d.free/mib, c.d.total/mib, err, c.full)
			}
		})
	}
}

// On a full disk nothing new begins, and everything that has begun goes on.
func TestDiskFullKeepsWorking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		d := &disk{free: 1 << 40, total: 1 << 41}
		s := openWith(t, Options{Free: d.report})
		for n := range int64(3) {
			if fresh, err := accept(s, n); !fresh || err != nil {
				t.Fatal(fresh, err)
			}
		}
		d.free = 0
		if fresh, err := accept(s, 3); !fresh || err != nil {
			t.Errorf("within ten seconds of the last look at the disk: %v, %v", fresh, err)
		}
		if d.asked != 1 {
			t.Errorf("the disk was asked %d times by 4 calls at one time, want once", d.asked)
		}
		time.Sleep(freeEvery)
		turn, keys := slackTurn(4)
		_, err := s.Accept(ctx, turn, keys)
		if !errors.Is(err, storage.ErrFull) || !strings.Contains(err.Error(), "0 MiB are free") {
			t.Fatalf("Accept on a full disk: %v, want ErrFull and how much is free", err)
		}
		if fresh, err := accept(s, 0); fresh || err != nil {
			t.Errorf("Slack delivers again what is being answered: %v, %v, want no news and no error", fresh, err)
		}
		first, _ := slackTurn(0)
		second, _ := slackTurn(1)
		l, err := s.Acquire(ctx, first.Key, "w", benchStart, time.Hour)
		check := func(what string, err error) {
			t.Helper()
			if err != nil {
				t.Errorf("%s on a full disk: %v", what, err)
			}
		}
		check("Acquire", err)
		_, err = s.Advance(ctx, l, storage.Change{TurnID: first.ID, From: storage.StateReceived, To: storage.StatePosting})
		check("Advance", err)
		_, err = s.Finish(ctx, l, storage.Result{TurnID: first.ID, From: storage.StatePosting, Answer: "yes", Messages: make([]storage.Message, 2)})
		check("Finish", err)
		_, err = s.Advance(ctx, l, storage.Change{TurnID: first.ID, From: storage.StateFinal, To: storage.StateDone})
		check("Advance to done", err)
		_, _, err = s.Reopen(ctx, storage.Reopening{TurnID: first.ID, At: benchStart})
		check("Reopen", err)
		_, err = s.Once(ctx, []storage.DedupeKey{{Kind: "action", Value: "1"}}, benchStart)
		check("Once", err)
		_, err = s.Unsay(ctx, second.Key, second.TS, benchStart)
		check("Unsay", err)
		check("RecordUsage", s.RecordUsage(ctx, []storage.UsageRow{{At: benchStart}}))
		later := benchStart.AddDate(1, 0, 0)
		n, err := s.Purge(ctx, storage.Before{Conversations: later, Usage: later, Dedupe: later}, 100)
		check("Purge", err)
		if n == 0 {
			t.Error("nothing was purged")
		}

		d.free = 1 << 40
		time.Sleep(freeEvery)
		if fresh, err := s.Accept(ctx, turn, keys); !fresh || err != nil {
			t.Errorf("the same message when the disk has room again: %v, %v, want it stored", fresh, err)
		}
		verify(t, s)
		closeTest(t, s)
	})
}

// With MaxSize new turns are refused while there is room for the others to end,
// and deleting makes room again.
func TestMaxSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		const limit = 8 << 20
		s := openWith(t, Options{MaxSize: limit})
		text := strings.Repeat("x", 20_000)
		accepted := int64(0)
		for ; accepted < 1000; accepted++ {
			turn, keys := slackTurn(accepted)
			turn.Text = text
			if _, err := s.Accept(ctx, turn, keys); errors.Is(err, storage.ErrFull) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if accepted < 200 || accepted > 400 {
			t.Fatalf("%d turns of 20 kB in a file of 8 MiB", accepted)
		}
		for n := range accepted {
			turn, _ := slackTurn(n)
			l, err := s.Acquire(ctx, turn.Key, "w", benchStart, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Finish(ctx, l, storage.Result{TurnID: turn.ID, From: storage.StateReceived, Answer: "short", At: benchStart}); err != nil {
				t.Fatalf("turn %d of %d that were accepted: %v", n, accepted, err)
			}
			if _, err := s.Advance(ctx, l, storage.Change{TurnID: turn.ID, From: storage.StateFinal, To: storage.StateDone, At: benchStart}); err != nil {
				t.Fatal(err)
			}
		}
		for n := 100; n == 100; {
			var err error
			if n, err = s.Purge(ctx, storage.Before{Conversations: benchStart.AddDate(1, 0, 0)}, 100); err != nil {
				t.Fatal(err)
			}
		}
		if fresh, err := accept(s, accepted+1); !fresh || err != nil {
			t.Errorf("after a purge: %v, %v, want the turn stored", fresh, err)
		}
		verify(t, s)
		if info, err := os.Stat(s.db.Path()); err != nil || info.Size() > limit {
			t.Errorf("the file has %d bytes, the limit is %d (%v)", info.Size(), limit, err)
		}
		closeTest(t, s)
	})
}

// A commit that found no room did not happen: not on the disk, not in the set of
// claimed keys, and the store goes on.
func TestCommitWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := openWith(t, Options{MaxSize: 4 << 20})
		old := []storage.DedupeKey{{Kind: "event", Value: "old"}}
		if _, err := s.Once(ctx, old, benchStart); err != nil {
			t.Fatal(err)
		}
		big, keys := slackTurn(1)
		small, smallKeys := slackTurn(2)
		big.Text = strings.Repeat("x", 5<<20)
		release := hold(t, s)
		errs := make([]error, 3)
		var wg sync.WaitGroup
		for i, f := range []func() error{
			func() error { _, err := s.Accept(ctx, big, keys); return err },
			func() error { _, err := s.Accept(ctx, small, smallKeys); return err },
			func() error {
				_, err := s.Purge(ctx, storage.Before{Dedupe: benchStart.AddDate(0, 0, 1)}, 10)
				return err
			},
		} {
			wg.Go(func() { errs[i] = f() })
			synctest.Wait()
		}
		release()
		wg.Wait()
		for i, err := range errs {
			if !errors.Is(err, storage.ErrFull) || errors.Is(err, storage.ErrFailed) {
				t.Errorf("call %d of the group that found no room: %v, want ErrFull", i, err)
			}
		}
		if _, err := s.Turn(ctx, small.ID); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("a turn of that group: %v, want it not stored", err)
		}
		if fresh, err := s.Once(ctx, old, benchStart); fresh || err != nil {
			t.Errorf("a key that was to be purged: %v, %v, want it claimed still", fresh, err)
		}
		if _, err := s.Accept(ctx, small, smallKeys); !errors.Is(err, storage.ErrFull) {
			t.Errorf("another turn right after: %v, want ErrFull: each try walks through the file", err)
		}
		time.Sleep(freeEvery)
		if fresh, err := s.Accept(ctx, small, smallKeys); !fresh || err != nil {
			t.Errorf("the small turn later: %v, %v, want it stored: its keys were not claimed", fresh, err)
		}
		verify(t, s)
		closeTest(t, s)
	})
}

func TestLacksRoom(t *testing.T) {
	for _, err := range []error{os.ErrClosed, errors.New("file sync error: no space left on device"), fmt.Errorf("commit: %w", os.ErrDeadlineExceeded)} {
		if lacksRoom(err) {
			t.Errorf("%v: its outcome is unknown", err)
		}
	}
}

func TestStats(t *testing.T) {
	s := openWith(t, Options{MaxSize: 1 << 30})
	before, err := s.Stats()
	if err != nil || before.Commits != 1 || before.FileBytes == 0 || before.MaxSize != 1<<30 {
		t.Errorf("after opening: %+v, %v", before, err)
	}
	for n := range int64(10) {
		if _, err := accept(s, n); err != nil {
			t.Fatal(err)
		}
	}
	after, err := s.Stats()
	if err != nil || after.Commits != 11 || after.CommitP50 <= 0 || after.CommitP99 < after.CommitP50 || after.FreeBytes == 0 {
		t.Errorf("after ten commits: %+v, %v", after, err)
	}
	closeTest(t, s)
	if _, err := s.Stats(); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestLatency(t *testing.T) {
	var l latency
	if q := l.quantile(50); q != 0 {
		t.Errorf("of nothing: %v", q)
	}
	for ms := range 1000 {
		l.add(time.Duration(ms+1) * time.Millisecond)
	}
	for percent, want := range map[int64]time.Duration{1: 10 * time.Millisecond, 50: 500 * time.Millisecond, 99: 990 * time.Millisecond, 100: time.Second} {
		if got := l.quantile(percent); got < want || got > want*5/4 {
			t.Errorf("%d %%: %v, want %v or up to a quarter more", percent, got, want)
		}
	}
	l.add(-1)
	l.add(1 << 62)
}
