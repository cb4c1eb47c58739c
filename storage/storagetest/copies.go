package storagetest

import (
	"fmt"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

var copyCases = []testCase{
	{"copies/in", "what the caller does to its slices and maps after a call does not reach the store", func(t *T) {
		given := question("1")
		given.Parts = []storage.Part{{TS: "1.1"}}
		given.Feedback = map[string]int{"U1": 1}
		given.Calls = []storage.UsageRow{call("U1", "C1", "m", start)}
		keys := []storage.DedupeKey{event("a")}
		_, err := t.store.Accept(t.ctx(), given, keys)
		t.ok(err, "accept")
		given.Parts[0].TS, given.Feedback["U2"], keys[0].Value = "changed", -1, "changed"
		given.Calls[0].Model, *given.Calls[0].Price = "changed", storage.Price{}
		want := question("1")
		want.Parts, want.Feedback = []storage.Part{{TS: "1.1"}}, map[string]int{"U1": 1}
		want.Calls = []storage.UsageRow{call("U1", "C1", "m", start)}
		t.sameTurn(t.turn("1"), want, "turn after its source was changed")
		t.wantFresh("key as it was claimed", false, question("2"), event("a"))

		l := t.acquire(thread, "w")
		parts := []storage.Part{{TS: "2.2"}}
		_, err = t.store.Advance(t.ctx(), l, storage.Change{TurnID: "1", From: storage.StateReceived, To: storage.StatePosting, At: start, Parts: parts})
		t.ok(err, "advance")
		parts[0].TS = "changed"
		if got := t.turn("1").Parts; len(got) != 1 || got[0].TS != "2.2" {
			t.Errorf("parts after their source was changed: %+v", got)
		}

		r := storage.Result{
			TurnID: "1", From: storage.StatePosting, At: start,
			Messages: dialogue("1", "why"), Usage: []storage.UsageRow{call("U1", "C1", "m", start)},
		}
		_, err = t.store.Finish(t.ctx(), l, r)
		t.ok(err, "finish")
		check := t.unchanged("1")
		r.Messages[0].Text, r.Usage[0].InputTokens, *r.Usage[0].Price = "changed", 9999, storage.Price{}
		t.wantMessages(thread, 0, dialogue("1", "why"))
		check("its sources were changed")
	}},
	{"copies/out", "what the caller does to results does not reach the store", func(t *T) {
		given := question("1")
		given.Parts, given.Feedback = []storage.Part{{TS: "1.1"}}, map[string]int{"U1": 1}
		given.Calls = []storage.UsageRow{call("U1", "C1", "m", start)}
		t.accept(given)
		l := t.acquire(thread, "w")
		want, err := t.store.Advance(t.ctx(), l, storage.Change{TurnID: "1", From: storage.StateReceived, To: storage.StatePosting, At: start})
		t.ok(err, "advance")
		spoil := func(turn storage.Turn) {
			turn.Parts[0].TS, turn.Feedback["U9"] = "changed", -1
			turn.Calls[0].Model, *turn.Calls[0].Price = "changed", storage.Price{}
		}
		stored := t.turn("1")
		spoil(want)
		t.sameTurn(t.turn("1"), stored, "turn after Advance's result was changed")
		spoil(t.turn("1"))
		t.sameTurn(t.turn("1"), stored, "turn after Turn's result was changed")
		open, err := t.store.Open(t.ctx(), thread)
		t.ok(err, "open")
		spoil(open[0])
		open[0] = storage.Turn{}
		t.sameTurn(t.turn("1"), stored, "turn after Open's result was changed")
		t.wantIDs(t.openIDs(thread), []string{"1"}, "open turns after Open's result was changed")

		final, err := t.store.Finish(t.ctx(), l, storage.Result{
			TurnID: "1", From: storage.StatePosting, At: start, Messages: dialogue("1", "why"), Usage: given.Calls,
		})
		t.ok(err, "finish")
		stored = t.turn("1")
		spoil(final)
		t.sameTurn(t.turn("1"), stored, "turn after Finish's result was changed")
		t.history(thread, 0).Messages[0].Text = "changed"
		t.wantMessages(thread, 0, dialogue("1", "why"))
	}},
}

var feedbackCases = []testCase{
	{"feedback", "a user's feedback replaces their earlier one, and 0 takes it back", func(t *T) {
		t.finished(question("1"), start)
		for i, c := range []struct {
			user  string
			value int
			want  map[string]int
		}{
			{"U1", +1, map[string]int{"U1": 1}},
			{"U2", -1, map[string]int{"U1": 1, "U2": -1}},
			{"U1", -1, map[string]int{"U1": -1, "U2": -1}},
			{"U1", 0, map[string]int{"U2": -1}},
			{"U1", 0, map[string]int{"U2": -1}},
			{"U2", 0, nil},
		} {
			t.ok(t.store.SetFeedback(t.ctx(), "1", c.user, c.value, after(time.Duration(i)*time.Second)), "set feedback")
			got := t.turn("1")
			if got.State != storage.StateDone {
				t.Errorf("feedback moved the turn to %s", got.State)
			}
			if fmt.Sprint(got.Feedback) != fmt.Sprint(c.want) {
				t.Errorf("after step %d: got %v, want %v", i, got.Feedback, c.want)
			}
		}
		t.wantMessages(thread, 0, dialogue("1", question("1").Text))
	}},
	{"feedback/unknown turn", "feedback on a turn that does not exist is ErrNotFound", func(t *T) {
		t.accept(question("12"))
		t.is(t.store.SetFeedback(t.ctx(), "1", "U1", 1, start), storage.ErrNotFound, "set feedback")
	}},
	{"feedback/value", "only -1, 0 and 1 are feedback", func(t *T) {
		t.accept(question("1"))
		check := t.unchanged("1")
		for _, v := range []int{-2, 2} {
			if err := t.store.SetFeedback(t.ctx(), "1", "U1", v, start); err == nil {
				t.Errorf("value %d was stored", v)
			}
			check("refused feedback")
		}
	}},
	{"feedback/race", "feedback needs no lease, and nobody's is lost, nor the worker's change", func(t *T) {
		t.accept(question("1"))
		l := t.acquire(thread, "w")
		race(20, func(i int) {
			if i == 0 {
				if _, err := t.store.Advance(t.ctx(), l, storage.Change{TurnID: "1", From: storage.StateReceived, To: storage.StatePosting, At: start, ReplyID: "r"}); err != nil {
					t.Errorf("advance: %v", err)
				}
				return
			}
			if err := t.store.SetFeedback(t.ctx(), "1", fmt.Sprint("U", i), 1, start); err != nil {
				t.Errorf("set feedback: %v", err)
			}
		})
		got := t.turn("1")
		if len(got.Feedback) != 19 || got.State != storage.StatePosting || got.ReplyID != "r" {
			t.Errorf("%d of 19 votes, state %s, reply id %q", len(got.Feedback), got.State, got.ReplyID)
		}
	}},
}
