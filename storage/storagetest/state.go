package storagetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// paths says how a turn comes into each state.
var paths = map[storage.State][]storage.State{
	storage.StateReceived:    {storage.StateReceived},
	storage.StatePosting:     {storage.StateReceived, storage.StatePosting},
	storage.StateStreaming:   {storage.StateReceived, storage.StatePosting, storage.StateStreaming},
	storage.StateFinal:       {storage.StateReceived, storage.StateFinal},
	storage.StateDone:        {storage.StateReceived, storage.StateDone},
	storage.StateRejected:    {storage.StateReceived, storage.StateRejected},
	storage.StateInterrupted: {storage.StateReceived, storage.StateInterrupted},
	storage.StateFailed:      {storage.StateReceived, storage.StateFailed},
	storage.StateCancelled:   {storage.StateReceived, storage.StateCancelled},
}

var stateCases = []testCase{
	{"advance/table", "a turn moves where storage.CanFollow says and nowhere else", func(t *T) {
		l := t.acquire(thread, "w")
		for from, path := range paths {
			for to := range paths {
				id := fmt.Sprintf("%s-%s", from, to)
				t.accept(question(id))
				t.advance(l, id, path...)
				got, err := t.store.Advance(t.ctx(), l, storage.Change{TurnID: id, From: from, To: to, At: after(time.Second)})
				want := from
				if storage.CanFollow(from, to) {
					want = to
					if err != nil || got.State != to || !got.UpdatedAt.Equal(after(time.Second)) {
						t.Errorf("advance from %s to %s: got %s at %s, error %v", from, to, got.State, got.UpdatedAt, err)
					}
				} else {
					t.is(err, storage.ErrConflict, fmt.Sprintf("advance from %s to %s", from, to))
				}
				if got := t.turn(id).State; got != want {
					t.Errorf("after advance from %s to %s the turn is %s", from, to, got)
				}
			}
		}
	}},
	{"advance/compare and set", "a turn that is not in the state the caller expects stays as it is", func(t *T) {
		t.accept(question("1"))
		l := t.acquire(thread, "w")
		t.advance(l, "1", storage.StateReceived, storage.StatePosting)
		check := t.unchanged("1")
		for _, from := range []storage.State{storage.StateReceived, storage.StateStreaming, "unknown", ""} {
			_, err := t.store.Advance(t.ctx(), l, storage.Change{
				TurnID: "1", From: from, To: storage.StateInterrupted, At: after(time.Second), Answer: "x", Failure: "x",
			})
			t.is(err, storage.ErrConflict, fmt.Sprintf("advance a posting turn from %q", from))
			check(fmt.Sprintf("advance from %q", from))
		}
		_, err := t.store.Advance(t.ctx(), l, storage.Change{TurnID: "1", From: storage.StatePosting, To: "unknown", At: start})
		t.is(err, storage.ErrConflict, "advance to a state that does not exist")
		check("advance to an unknown state")
	}},
	{"advance/not found", "a turn that does not exist is ErrNotFound", func(t *T) {
		l := t.acquire(thread, "w")
		_, err := t.store.Advance(t.ctx(), l, storage.Change{TurnID: "1", From: storage.StateReceived, To: storage.StatePosting, At: start})
		t.is(err, storage.ErrNotFound, "advance")
		_, err = t.store.Finish(t.ctx(), l, storage.Result{TurnID: "1", From: storage.StateReceived, At: start})
		t.is(err, storage.ErrNotFound, "finish")
		t.is(second(t.store.Turn(t.ctx(), "1")), storage.ErrNotFound, "turn")
		t.accept(question("12"))
		t.is(second(t.store.Turn(t.ctx(), "1")), storage.ErrNotFound, "turn, while one exists whose id begins alike")
	}},
	{"advance/fields", "a change sets the fields it has; empty ones keep what is stored", func(t *T) {
		want := question("1")
		t.accept(want)
		l := t.acquire(thread, "w")
		steps := []storage.Change{
			{To: storage.StatePosting, ReplyID: "r1", Attempt: 1},
			{To: storage.StateStreaming, Parts: []storage.Part{{TS: "1.1", Stream: true}}},
			{To: storage.StateStreaming, Answer: "Hal"},
			{To: storage.StateStreaming, Answer: "Hallo", Parts: []storage.Part{{TS: "1.1", Stream: true}, {TS: "1.2"}}},
			{To: storage.StateFailed, Failure: "gone"},
		}
		want.ReplyID, want.Attempt = "r1", 1
		want.Answer, want.Parts, want.Failure = "Hallo", steps[3].Parts, "gone"
		from := storage.StateReceived
		var got storage.Turn
		for i, c := range steps {
			c.TurnID, c.From, c.At = "1", from, after(time.Duration(i+1)*time.Second)
			var err error
			got, err = t.store.Advance(t.ctx(), l, c)
			t.ok(err, fmt.Sprintf("step %d", i))
			from = c.To
		}
		want.State, want.UpdatedAt = storage.StateFailed, after(5*time.Second)
		t.sameTurn(got, want, "what Advance returned")
		t.sameTurn(t.turn("1"), want, "what is stored")
	}},
	{"advance/race", "of many equal changes exactly one succeeds, the others are ErrConflict", func(t *T) {
		t.accept(question("1"))
		l := t.acquire(thread, "w")
		var won atomic.Int64
		race(30, func(int) {
			_, err := t.store.Advance(t.ctx(), l, storage.Change{TurnID: "1", From: storage.StateReceived, To: storage.StatePosting, At: start})
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, storage.ErrConflict):
				t.Errorf("advance: %v", err)
			}
		})
		if got := won.Load(); got != 1 {
			t.Errorf("%d calls succeeded", got)
		}
	}},
}
