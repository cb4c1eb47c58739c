package boltstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/bobbin-bot/bobbin/storage"
)

// commits returns the number of write transactions the file has seen.
func commits(t *testing.T, s *Store) int {
	t.Helper()
	var id int
	if err := s.db.View(func(tx *bolt.Tx) error { id = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return id
}

// hold keeps the writer busy until release is called. Within a synctest bubble
// all calls that are made meanwhile are then waiting.
func hold(t *testing.T, s *Store) (release func()) {
	t.Helper()
	busy, free := make(chan struct{}), make(chan struct{})
	if _, err := s.writer.enqueue(func(*change) error {
		close(busy)
		<-free
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	<-busy
	return func() { close(free) }
}

func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTest(t, filepath.Join(t.TempDir(), "bobbin.db"))
		before := commits(t, s)
		release := hold(t, s)
		const n = 64
		results := make(chan error, n)
		for i := range n {
			go func() {
				turn, keys := slackTurn(int64(i))
				fresh, err := s.Accept(t.Context(), turn, keys)
				if err == nil && !fresh {
					err = errClaimed
				}
				results <- err
			}()
		}
		synctest.Wait()
		release()
		for range n {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if got := commits(t, s) - before; got != 1 {
			t.Errorf("%d waiting calls took %d commits, want 1: each costs two fsyncs", n, got)
		}
		closeTest(t, s)
	})
}

func TestNothingWrittenNothingCommitted(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "bobbin.db"))
	turn, keys := slackTurn(1)
	if _, err := s.Accept(t.Context(), turn, keys); err != nil {
		t.Fatal(err)
	}
	before := commits(t, s)
	if fresh, err := s.Accept(t.Context(), turn, keys); fresh || err != nil {
		t.Errorf("Accept again: %v, %v", fresh, err)
	}
	l, err := s.Acquire(t.Context(), turn.Key, "w", benchStart, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Renew(t.Context(), l, benchStart, time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Purge(t.Context(), storage.Before{Usage: benchStart}, 10); err != nil {
		t.Fatal(err)
	}
	if err := s.Release(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if got := commits(t, s); got != before {
		t.Errorf("a duplicate, a lease and an idle purge took %d commits, want none: leases are renewed all the time", got-before)
	}
}

// An intent that is refused, panics or asks for the impossible leaves nothing,
// and its neighbours in the group do not notice.
func TestBadIntentInAGroup(t *testing.T) {
	errRefused := errors.New("refused")
	put := func(c *change, name string) {
		c.put(bucketMeta, []byte(name), newEncoder(0))
	}
	has := func(t *testing.T, s *Store, name string) (ok bool) {
		t.Helper()
		if err := s.read(t.Context(), func(v view) (err error) {
			_, ok, err = v.get(bucketMeta, []byte(name))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return ok
	}
	for _, c := range []struct {
		name string
		bad  func(*change) error
		want error
	}{
		{"refused after a write", func(c *change) error { put(c, "bad"); return errRefused }, errRefused},
		{"panic after a write", func(c *change) error { put(c, "bad"); panic("page 7") }, storage.ErrCorrupt},
		{"key too long", func(c *change) error {
			put(c, "bad")
			put(c, string(make([]byte, bolt.MaxKeySize+1)))
			put(c, "bad too")
			return nil
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openTest(t, filepath.Join(t.TempDir(), "bobbin.db"))
				release := hold(t, s)
				var results [5]error
				done := make(chan struct{})
				for i := range results {
					go func() {
						results[i] = s.writer.submit(context.Background(), func(ch *change) error {
							if i == 2 {
								return c.bad(ch)
							}
							put(ch, fmt.Sprint("good ", i))
							return nil
						})
						done <- struct{}{}
					}()
					synctest.Wait() // queued in this order
				}
				release()
				for range results {
					<-done
				}
				for i, err := range results {
					if i != 2 && err != nil {
						t.Errorf("neighbour %d: %v", i, err)
					}
					if i != 2 && !has(t, s, fmt.Sprint("good ", i)) {
						t.Errorf("neighbour %d was told it is stored, and it is not", i)
					}
				}
				if err := results[2]; err == nil || c.want != nil && !errors.Is(err, c.want) {
					t.Errorf("bad intent: got %v, want %v", err, c.want)
				}
				if has(t, s, "bad") || has(t, s, "bad too") {
					t.Error("the bad intent left a write behind")
				}
				closeTest(t, s)
			})
		})
	}
}

// A conversation's name that is too long for a key is refused and not fatal.
func TestKeyTooLong(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "bobbin.db"))
	turn, keys := slackTurn(1)
	long := turn
	long.ID = string(make([]byte, bolt.MaxKeySize))
	if fresh, err := s.Accept(t.Context(), long, keys); err == nil {
		t.Errorf("Accept of an id of %d bytes: %v, want an error", len(long.ID), fresh)
	}
	if fresh, err := s.Accept(t.Context(), turn, keys); !fresh || err != nil {
		t.Errorf("Accept with the same keys after one that was refused: %v, %v, its keys must be free", fresh, err)
	}
	l, err := s.Acquire(t.Context(), turn.Key, "w", benchStart, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Advance(t.Context(), l, storage.Change{TurnID: long.ID, From: storage.StateReceived, To: storage.StateFailed}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("advance: %v, want ErrNotFound", err)
	}
}

// failing returns a store and a function after which all its writes fail.
func failing(t *testing.T) (s *Store, fail func()) {
	t.Helper()
	var file *os.File
	s, err := open(filepath.Join(t.TempDir(), "bobbin.db"), Options{}, func(name string, flag int, perm os.FileMode) (f *os.File, err error) {
		file, err = os.OpenFile(name, flag, perm)
		return file, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, func() { file.Close() }
}

func TestCommitFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fail := failing(t)
		first, keys := slackTurn(0)
		if _, err := s.Accept(t.Context(), first, keys); err != nil {
			t.Fatal(err)
		}
		l, err := s.Acquire(t.Context(), first.Key, "w", benchStart, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		fail()
		release := hold(t, s)
		const n = 8
		results := make(chan error, n)
		for i := range n {
			go func() {
				if i == 0 { // refused by itself, but in the light of what others wrote
					results <- s.SetFeedback(t.Context(), "none", "U1", 1, benchStart)
					return
				}
				turn, keys := slackTurn(int64(i))
				_, err := s.Accept(t.Context(), turn, keys)
				results <- err
			}()
		}
		synctest.Wait()
		release()
		for range n {
			if err := <-results; !errors.Is(err, storage.ErrFailed) || !errors.Is(err, os.ErrClosed) {
				t.Errorf("call in the group whose commit failed: %v, want ErrFailed and its cause", err)
			}
		}
		turn, keys := slackTurn(n + 1)
		_, err = s.Accept(t.Context(), turn, keys)
		if !errors.Is(err, storage.ErrFailed) {
			t.Errorf("Accept after a failed commit: %v, want ErrFailed: a second fsync may lie", err)
		}
		_, err = s.Advance(t.Context(), l, storage.Change{TurnID: first.ID, From: storage.StateReceived, To: storage.StatePosting})
		if !errors.Is(err, storage.ErrFailed) {
			t.Errorf("Advance after a failed commit: %v, want ErrFailed", err)
		}
		if _, err := s.Turn(t.Context(), first.ID); err != nil {
			t.Errorf("reading what was stored before the failure: %v", err)
		}
		s.Close() // must not hang; its error is about the file that the test closed
		if _, err := s.Turn(t.Context(), first.ID); !errors.Is(err, storage.ErrClosed) {
			t.Errorf("Turn after Close: %v, want ErrClosed", err)
		}
	})
}

// What came while a commit failed must not be committed after it, even if the
// disk has recovered: it may build on what was lost.
func TestNothingAfterAFailure(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "bobbin.db"))
	var late *intent
	first, err := s.writer.enqueue(func(c *change) (err error) {
		late, err = s.writer.enqueue(func(c *change) error {
			c.put(bucketMeta, []byte("late"), newEncoder(0))
			return nil
		})
		c.ops = append(c.ops, op{bucket: bucketMeta, record: []byte("without a key")}) // bbolt refuses it
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, in := range []func() *intent{func() *intent { return first }, func() *intent { return late }} {
		if err := <-in().result; !errors.Is(err, storage.ErrFailed) {
			t.Errorf("write %d: %v, want ErrFailed", i, err)
		}
	}
}

// A call whose context ends while it waits returns at once, and what it wanted
// does not happen later if it has not begun.
func TestCanceledWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTest(t, filepath.Join(t.TempDir(), "bobbin.db"))
		release := hold(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		turn, keys := slackTurn(1)
		begin := time.Now()
		if _, err := s.Accept(ctx, turn, keys); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Accept: %v, want the context's error", err)
		}
		if took := time.Since(begin); took != time.Second {
			t.Errorf("Accept returned after %s: a disk that hangs must not hang its callers", took)
		}
		release()
		if fresh, err := s.Accept(t.Context(), turn, keys); !fresh || err != nil {
			t.Errorf("Accept again: %v, %v, want fresh", fresh, err)
		}
		closeTest(t, s)
	})
}

func TestCloseCommitsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "bobbin.db")
		s := openTest(t, path)
		release := hold(t, s)
		turn, keys := slackTurn(1)
		accepted, closed := make(chan error), make(chan error)
		go func() {
			_, err := s.Accept(t.Context(), turn, keys)
			accepted <- err
		}()
		synctest.Wait()
		go func() { closed <- s.Close() }()
		synctest.Wait()
		release()
		if err := errors.Join(<-accepted, <-closed); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		again := openTest(t, path)
		if _, err := again.Turn(t.Context(), turn.ID); err != nil {
			t.Errorf("what was accepted while the store closed: %v", err)
		}
		closeTest(t, again)
	})
}
