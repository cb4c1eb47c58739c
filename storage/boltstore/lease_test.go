package boltstore

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// A write whose lease was checked may be in a commit that is under way while
// another worker takes the conversation over. The new worker must not
// begin before that write is to be seen, or it would post a second answer.
func TestTakeOverWaitsForTheLastWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTest(t, filepath.Join(t.TempDir(), "bobbin.db"))
		turn, _ := slackTurn(1)
		if _, err := s.Accept(t.Context(), turn, nil); err != nil {
			t.Fatal(err)
		}
		old, err := s.Acquire(t.Context(), turn.Key, "old", benchStart, time.Second)
		if err != nil {
			t.Fatal(err)
		}

		release := hold(t, s)
		advanced := make(chan error, 1)
		go func() {
			_, err := s.Advance(t.Context(), old, storage.Change{TurnID: turn.ID, From: storage.StateReceived, To: storage.StatePosting})
			advanced <- err
		}()
		synctest.Wait()
		// Second in the group, it keeps the commit from happening.
		commit := make(chan struct{})
		if _, err := s.writer.enqueue(func(*change) error { <-commit; return nil }); err != nil {
			t.Fatal(err)
		}
		release()
		synctest.Wait()

		taken := make(chan error, 1)
		go func() {
			_, err := s.Acquire(t.Context(), turn.Key, "new", benchStart.Add(time.Minute), time.Hour)
			taken <- err
		}()
		synctest.Wait()
		select {
		case err := <-taken:
			t.Errorf("Acquire returned %v while the old holder's write was being committed", err)
		default:
		}
		close(commit)
		synctest.Wait()
		if err := <-advanced; err != nil {
			t.Errorf("the write that was checked in time: %v", err)
		}
		if got, err := s.Turn(t.Context(), turn.ID); err != nil || got.State != storage.StatePosting {
			t.Errorf("the new holder reads %s, %v, want posting", got.State, err)
		}
		closeTest(t, s)
	})
}
