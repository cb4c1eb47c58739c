package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// imageFile writes a copy of a file's content.
func imageFile(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bobbin.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// names lists the files beside path.
func namesBeside(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A backup taken while 16 callers write is a consistent store, and has
// everything that was stored before it began.
func TestBackupUnderLoad(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, filepath.Join(dir, "bobbin.db"))
	ctx, stop := context.WithCancel(t.Context())
	var n, done atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for ctx.Err() == nil {
				turn, keys := slackTurn(n.Add(1))
				if _, err := s.Accept(t.Context(), turn, keys); err != nil {
					t.Error(err)
					return
				}
				l, err := s.Acquire(t.Context(), turn.Key, "w", benchStart, time.Hour)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Finish(t.Context(), l, storage.Result{
					TurnID: turn.ID, From: storage.StateReceived, Answer: "yes", Messages: messages(turn), At: turn.ReceivedAt,
					Usage: []storage.UsageRow{{UserID: turn.UserID, At: turn.ReceivedAt, InputTokens: 1}},
				}); err != nil {
					t.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	for i := range 5 {
		for before := done.Load(); done.Load() < before+100; {
			time.Sleep(time.Millisecond) // until there is load
		}
		before := done.Load()
		path := filepath.Join(dir, fmt.Sprint("backup-", i))
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		size, err := s.Backup(t.Context(), f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		r, err := Verify(t.Context(), path, nil)
		if err != nil {
			t.Errorf("backup %d: %v\n%q", i, err, r.Problems)
		}
		if r.Bytes != size || r.Turns < before || r.UsageRows < before || r.Messages < 3*before {
			t.Errorf("backup %d has %+v, %d turns were finished before it", i, r, before)
		}
		if i > 0 {
			continue
		}
		copied := openTest(t, path)
		verify(t, copied)
		closeTest(t, copied)
	}
	stop()
	wg.Wait()
	t.Logf("5 backups during %d turns", done.Load())
}

// failingWriter takes n bytes.
type failingWriter struct{ n int }

var errDisk = errors.New("the disk of the backup is full")

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.n -= len(p); w.n < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

func TestBackupFails(t *testing.T) {
	path := imageFile(t, fill(t))
	s := openTest(t, path)
	for _, n := range []int{0, pageSize, 3 * pageSize} {
		if _, err := s.Backup(t.Context(), &failingWriter{n}); err == nil || !strings.Contains(err.Error(), errDisk.Error()) {
			t.Errorf("a writer that takes %d bytes: %v, want its error", n, err)
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := s.Backup(stopped, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if fresh, err := accept(s, 1); !fresh || err != nil {
		t.Errorf("the store after failed backups: %v, %v", fresh, err)
	}
	if _, err := BackupFile(t.Context(), path, io.Discard); !errors.Is(err, storage.ErrInUse) {
		t.Errorf("BackupFile of a store in use: %v, want ErrInUse", err)
	}
	closeTest(t, s)
	if _, err := s.Backup(t.Context(), io.Discard); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	var copied bytes.Buffer
	if _, err := BackupFile(t.Context(), path, &copied); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(t.Context(), imageFile(t, copied.Bytes()), nil); err != nil {
		t.Error(err)
	}
}

func TestVerifyCounts(t *testing.T) {
	path := imageFile(t, fill(t))
	var steps []int64
	r, err := Verify(t.Context(), path, func(done, total int64) { steps = append(steps, 100*done/total) })
	if err != nil {
		t.Fatal(err, r.Problems)
	}
	if r.Turns != damagedTurns || r.Conversations != damagedThreads || r.Messages != 90 || r.Claims != damagedTurns || r.UsageRows != 45 || r.Open == 0 || r.FreeBytes == 0 {
		t.Errorf("report %+v", r)
	}
	if n := len(steps); n < 3 || steps[n-1] != 100 {
		t.Errorf("progress %v, want some steps and 100 %% at the end", steps)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, work := range map[string]func() error{
		"Verify":     func() error { _, err := Verify(stopped, path, nil); return err },
		"Salvage":    func() error { _, err := Salvage(stopped, path, path+".new", nil); return err },
		"Compact":    func() error { _, err := Compact(stopped, path, path+".new", nil); return err },
		"BackupFile": func() error { _, err := BackupFile(stopped, path, io.Discard); return err },
	} {
		if err := work(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s that is stopped: %v", name, err)
		}
	}
	if names := namesBeside(t, path); len(names) != 1 {
		t.Errorf("files left by what was stopped: %v", names)
	}
}

// Verify must see what the indexes and the records do not agree about.
func TestVerifyFinds(t *testing.T) {
	image := fill(t)
	thread := threadKey(damagedKey(0))
	for _, c := range []struct {
		name string
		harm func(*change)
		want string
	}{
		{"index of turns lacks one", func(c *change) { c.delete(bucketTurnID, turnIDKey("turn-003")) }, "turn_id has no entry"},
		{"index of turns has one too many", func(c *change) { c.putEmpty(bucketTurnID, turnIDKey("nobody")) }, "61 entries, want 60"},
		{"open lacks a conversation", func(c *change) { c.delete(bucketOpen, thread) }, "open has no entry"},
		{"idle has one too many", func(c *change) { c.putEmpty(bucketIdle, idleKey(1, thread)) }, "index idle has"},
		{"a turn is gone", func(c *change) { c.delete(bucketThread, turnKey(thread, "turn-000")) }, "lists"},
		{"a message is gone", func(c *change) { c.delete(bucketThread, messageKey(threadKey(damagedKey(1)), 1)) }, "a message before it is missing"},
		{"the conversation is gone", func(c *change) { c.delete(bucketThread, conversationKey(thread)) }, "no record of its own"},
		{"rows without total", func(c *change) {
			cur := c.cursor(bucketUsage)
			k, _ := cur.First()
			c.delete(bucketUsage, bytes.Clone(k))
		}, "rows and no total"},
		{"a sum of the cubes is wrong", func(c *change) {
			cur := c.cursor(bucketCube)
			k, _ := cur.Seek([]byte{cubeUserDays.number})
			c.put(bucketCube, bytes.Clone(k), encodeUsageTotal(&storage.UsageTotal{Calls: 77}))
		}, "is not that of its totals"},
		{"a sum of the cubes has no numbers", func(c *change) {
			cur := c.cursor(bucketCube)
			k, _ := cur.Seek([]byte{cubeMembers.number})
			c.putEmpty(bucketCube, bytes.Clone(k))
		}, "is not that of its totals"},
		{"a sum of the cubes is gone", func(c *change) {
			cur := c.cursor(bucketCube)
			k, _ := cur.Last()
			c.delete(bucketCube, bytes.Clone(k))
		}, "cube has no sum"},
		{"the cubes have one too many", func(c *change) {
			t := storage.UsageTotal{Day: storage.DayOf(benchStart), UserID: "nobody", Calls: 1}
			c.put(bucketCube, cubeUserDays.key(&t), encodeUsageTotal(&t))
		}, "index cube has"},
		{"a total has changed", func(c *change) {
			cur := c.cursor(bucketUsage)
			k, _ := cur.First()
			c.put(bucketUsage, bytes.Clone(k), encodeUsageTotal(&storage.UsageTotal{Calls: 1 << 40, InputTokens: 1 << 40}))
		}, "is not that of its totals"},
		{"a verdict is not listed", func(c *change) {
			cur := c.cursor(bucketVerdict)
			k, _ := cur.First()
			c.delete(bucketVerdict, bytes.Clone(k))
		}, "index verdict has no entry"},
		{"a conversation is not listed", func(c *change) { c.delete(bucketMine, mineKey("U1", threadKey(damagedKey(1)))) }, "index mine has no entry"},
		{"a list has something in it", func(c *change) {
			e := newEncoder(0)
			e.string("x")
			c.put(bucketMine, mineKey("U1", threadKey(damagedKey(1))), e)
		}, "of another conversation"},
		{"a reservation that is not one", func(c *change) { c.putEmpty(bucketBudget, reservationKey("turn-000")) }, "in budget: its payload"},
		{"a lift that is not one", func(c *change) { c.putEmpty(bucketBudget, liftKey(1, storage.ScopeUser, "U1")) }, "in budget: its payload"},
		{"a budget record of no kind", func(c *change) { c.putEmpty(bucketBudget, []byte{9}) }, "in budget: its payload"},
		{"a record that is not one", func(c *change) { c.putEmpty(bucketThread, turnKey(thread, "turn-000")) }, "not a turn"},
		{"a key that is not one", func(c *change) { c.putEmpty(bucketThread, []byte{200, 1}) }, "not of a conversation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := imageFile(t, image)
			s := openTest(t, path)
			if err := s.writer.submit(t.Context(), func(ch *change) error { c.harm(ch); return nil }); err != nil {
				t.Fatal(err)
			}
			closeTest(t, s)
			r, err := Verify(t.Context(), path, nil)
			if !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(strings.Join(r.Problems, "\n"), c.want) {
				t.Errorf("got %v, %q, want %q", err, r.Problems, c.want)
			}
		})
	}
}

func TestCompact(t *testing.T) {
	image := fill(t)
	path := imageFile(t, image)
	s := openTest(t, path)
	want := answers(t, s)
	closeTest(t, s)
	to := filepath.Join(t.TempDir(), "small.db")
	c, err := Compact(t.Context(), path, to, nil)
	if err != nil || !c.Smaller() {
		t.Fatalf("%+v, %v, want a smaller file", c, err)
	}
	if info, err := os.Stat(to); err != nil || info.Size() != c.After {
		t.Errorf("the new file: %v, %v, want %d bytes", info, err, c.After)
	}
	if r, err := Verify(t.Context(), to, nil); err != nil || r.FreeBytes > 4*pageSize {
		t.Errorf("%+v, %v, want it in order and nearly without free pages", r, err)
	}
	again := to + ".again"
	if c, err := Compact(t.Context(), to, again, nil); err != nil || c.Smaller() {
		t.Errorf("once more: %+v, %v, want nothing to gain", c, err)
	}
	if names := namesBeside(t, to); len(names) != 1 {
		t.Errorf("files: %v, want no second one", names)
	}
	if _, err := Compact(t.Context(), path, to, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("onto a file that exists: %v, want ErrExist", err)
	}
	small := openTest(t, to)
	if got := answers(t, small); !maps.Equal(got, want) {
		t.Error("the compacted store does not say what the first one said")
	}
	writes(t, small)
	closeTest(t, small)
	if r, err := Verify(t.Context(), to, nil); err != nil {
		t.Errorf("after writes to it: %v\n%q", err, r.Problems)
	}
}
