package storagetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// answered is a turn with everything that its answering leaves behind.
func answered(id string, parts ...storage.Part) storage.Turn {
	turn := question(id)
	turn.Direct, turn.Attempt, turn.ReplyID, turn.Parts = true, 2, "r"+id, parts
	turn.Answer, turn.Failure, turn.Feedback = "half an ans", "why", map[string]int{"U1": -1}
	turn.Calls, turn.Prompt = []storage.UsageRow{call("U1", "C1", "m", start)}, storage.PromptNote{Used: 3, Oldest: "1.1"}
	return turn
}

var reopenCases = []testCase{
	{"stop/note", "a stop is noted on an open turn, survives a restart and goes with a reopening; a turn that has its answer cannot be stopped", func(t *T) {
		t.accept(question("1"))
		t.ok(t.store.Stop(t.ctx(), "1", "U2", after(time.Second)), "stop")
		t.reopen()
		want := question("1")
		want.Stopped, want.StoppedBy, want.UpdatedAt = true, "U2", after(time.Second)
		t.sameTurn(t.turn("1"), want, "turn that was stopped")
		t.wantIDs(t.openIDs(thread), []string{"1"}, "open turns")
		l := t.acquire(thread, "w")
		_, err := t.store.Advance(t.ctx(), l, storage.Change{TurnID: "1", From: storage.StateReceived, To: storage.StateCancelled, At: start})
		t.ok(err, "cancel")
		t.is(t.store.Stop(t.ctx(), "1", "U2", start), storage.ErrConflict, "stop of a turn that has ended")
		if turn, _, err := t.store.Reopen(t.ctx(), storage.Reopening{TurnID: "1", At: start}); err != nil || turn.Stopped || turn.StoppedBy != "" {
			t.Errorf("reopened: %+v, %v", turn, err)
		}
		t.is(t.store.Stop(t.ctx(), "none", "U2", start), storage.ErrNotFound, "stop of an unknown turn")
	}},
	{"reopen", "Reopen opens a turn that has ended, with its reply's messages and without the old answer", func(t *T) {
		l := t.acquire(thread, "w")
		for i, c := range []struct {
			from        storage.State
			text        string
			parts, keep []storage.Part
		}{
			{storage.StateDone, "", []storage.Part{{TS: "1.1"}, {TS: "1.2", Stream: true}}, []storage.Part{{TS: "1.1"}, {TS: "1.2", Stream: true}}},
			{storage.StateInterrupted, "", []storage.Part{{TS: "1.1"}, {}, {TS: "1.2"}}, []storage.Part{{TS: "1.1"}, {TS: "1.2"}}},
			{storage.StateInterrupted, "", []storage.Part{{Stream: true}}, nil},
			{storage.StateFailed, "", nil, nil},
			{storage.StateCancelled, "What else?", []storage.Part{{TS: "1.1"}}, []storage.Part{{TS: "1.1"}}},
			{storage.StateCancelled, "What else?", nil, nil},
		} {
			id := fmt.Sprint(i)
			t.accept(answered(id, c.parts...))
			t.advance(l, id, paths[c.from]...)
			at := after(time.Duration(i+1) * time.Second)
			got, fresh, err := t.store.Reopen(t.ctx(), storage.Reopening{TurnID: id, Text: c.text, At: at})
			t.ok(err, "reopen turn "+id)
			want := question(id)
			want.State, want.ReplyID, want.Parts = storage.StateStreaming, "r"+id, c.keep
			if len(c.keep) == 0 {
				want.State, want.ReplyID = storage.StateReceived, ""
			}
			if c.text != "" {
				want.Text = c.text
			}
			want.Direct, want.Again, want.ReceivedAt, want.UpdatedAt = true, true, at, at
			t.sameTurn(got, want, "what Reopen returned for turn "+id)
			t.sameTurn(t.turn(id), want, "what is stored of turn "+id)
			if !fresh {
				t.Errorf("reopen turn %s without dedupe keys: not fresh", id)
			}
		}
		t.wantIDs(t.openIDs(thread), []string{"0", "1", "2", "3", "4", "5"}, "open turns")
	}},
	{"reopen/refused", "only a turn that was accepted, ended and is answered by nothing else can be reopened; a refusal claims no key", func(t *T) {
		l := t.acquire(thread, "w")
		conflict := []string{"joined", "into"}
		for state, path := range paths {
			id := string(state)
			t.accept(question(id))
			t.advance(l, id, path...)
			if !state.Terminal() || state == storage.StateRejected {
				conflict = append(conflict, id)
			}
		}
		t.accept(question("joined"), question("into"))
		_, err := t.store.Join(t.ctx(), l, "into", []string{"joined"}, start)
		t.ok(err, "join")
		for _, id := range conflict {
			check := t.unchanged(id)
			t.is(t.reopening(id, "key"), storage.ErrConflict, "reopen turn "+id)
			check("a refused Reopen")
		}
		t.is(t.reopening("none", "key"), storage.ErrNotFound, "reopen a turn that does not exist")
		t.wantOnce("key of refused calls", true, event("key"))
	}},
	{"reopen/claimed key", "if one key is claimed, Reopen returns false and changes nothing; keys are looked at before the turn", func(t *T) {
		t.finished(question("1"), start)
		t.accept(question("open"))
		t.wantOnce("claim", true, event("a"))
		for _, id := range []string{"1", "open", "none"} {
			check := t.unchanged("1")
			got, fresh, err := t.store.Reopen(t.ctx(), storage.Reopening{TurnID: id, Text: "x", Keys: []storage.DedupeKey{event("b"), event("a")}, At: start})
			t.ok(err, "reopen turn "+id+" with a claimed key")
			if fresh {
				t.Errorf("reopen turn %s with a claimed key: fresh", id)
			}
			t.sameTurn(got, storage.Turn{}, "what Reopen returned")
			check("a redelivered Reopen")
		}
		t.ok(t.reopening("1", "b", "c"), "reopen with the new key of the refused calls")
		t.wantOnce("claimed by Reopen", false, event("c"))
		t.wantFresh("Accept after Reopen", false, question("2"), event("b"))
	}},
	{"reopen/answered again", "a reopened turn is worked on like a new one, in the order of its Slack ts", func(t *T) {
		for i, id := range []string{"1", "2"} {
			turn := said(fmt.Sprintf("170000000%d.000100", i), question(id))
			turn.Parts = []storage.Part{{TS: "1.1"}}
			t.finished(turn, start)
		}
		t.wantConversations("all is answered")
		l := t.acquire(thread, "w")
		t.accept(said("1700000009.000100", question("new")))
		t.again("2", "")
		t.again("1", "")
		t.wantIDs(t.openIDs(thread), []string{"1", "2", "new"}, "open turns")
		t.wantConversations("reopened", thread)
		t.advance(l, "1", storage.StateStreaming, storage.StateFailed)
		t.advance(l, "new", storage.StateReceived, storage.StateFailed)
		t.wantIDs(t.openIDs(thread), []string{"2"}, "open turns")
		t.advance(l, "2", storage.StateStreaming, storage.StateInterrupted)
		t.wantConversations("all has ended")
		t.again("2", "")
		t.wantConversations("reopened a second time", thread)
	}},
	{"reopen/activity", "a reopened turn keeps its conversation, and counts as activity once it has ended", func(t *T) {
		t.finished(in(old(0), question("1")), start)
		t.finished(in(old(1), question("2")), start)
		_, _, err := t.store.Reopen(t.ctx(), storage.Reopening{TurnID: "1", At: after(2 * time.Hour)})
		t.ok(err, "reopen")
		t.purge(storage.Before{Conversations: after(1000 * time.Hour)}, 10)
		t.is(second(t.store.Turn(t.ctx(), "2")), storage.ErrNotFound, "turn of a conversation without activity")
		t.advance(t.acquire(old(0), "w"), "1", storage.StateReceived, storage.StateFailed) // at the start
		t.purge(storage.Before{Conversations: after(time.Hour)}, 10)
		t.turn("1")
		t.purge(storage.Before{Conversations: after(3 * time.Hour)}, 10)
		t.is(second(t.store.Turn(t.ctx(), "1")), storage.ErrNotFound, "turn after its time")
	}},
	{"reopen/race", "of many clicks on a turn exactly one reopens it", func(t *T) {
		for _, c := range []struct {
			what, id string
			key      func(i int) string
			other    error // of those that are too late
		}{
			{"equal", "1", func(int) string { return "shared" }, nil},
			{"different", "2", func(i int) string { return fmt.Sprint("own", i) }, storage.ErrConflict},
		} {
			t.finished(question(c.id), start)
			var reopened atomic.Int64
			race(20, func(i int) {
				_, fresh, err := t.store.Reopen(t.ctx(), storage.Reopening{TurnID: c.id, Keys: []storage.DedupeKey{event(c.key(i))}, At: start})
				if fresh {
					reopened.Add(1)
				} else if !errors.Is(err, c.other) {
					t.Errorf("reopen with %s keys: error %v, want %v", c.what, err, c.other)
				}
			})
			if got := reopened.Load(); got != 1 {
				t.Errorf("%d of 20 clicks with %s keys reopened the turn", got, c.what)
			}
		}
	}},
	{"reopen/copies", "what the caller does to keys and results of Reopen does not reach the store", func(t *T) {
		t.accept(answered("1", storage.Part{TS: "1.1"}))
		t.advance(t.acquire(thread, "w"), "1", storage.StateReceived, storage.StateDone)
		keys := []storage.DedupeKey{event("a")}
		got, _, err := t.store.Reopen(t.ctx(), storage.Reopening{TurnID: "1", Keys: keys, At: start})
		t.ok(err, "reopen")
		check := t.unchanged("1")
		got.Parts[0].TS, keys[0].Value = "changed", "changed"
		check("the result of Reopen was changed")
		t.wantOnce("as it was claimed", false, event("a"))
	}},
	{"reopen/restart", "a reopened turn and the claim of its click are there after a restart", func(t *T) {
		turn := question("1")
		turn.Parts = []storage.Part{{TS: "1.1"}}
		t.finished(turn, start)
		t.ok(t.reopening("1", "click"), "reopen")
		check := t.unchanged("1")
		t.reopen()
		check("a restart")
		t.wantConversations("after a restart", thread)
		t.wantOnce("claimed before the restart", false, event("click"))
		t.finish(t.acquire(thread, "w"), storage.Result{TurnID: "1", From: storage.StateStreaming, At: start, Messages: dialogue("1", "why")})
		t.wantMessages(thread, 0, dialogue("1", "why"))
		t.reopen()
		t.wantMessages(thread, 0, dialogue("1", "why"))
	}},
}

// again reopens a turn, which must be fresh.
func (t *T) again(id, text string) storage.Turn {
	t.Helper()
	turn, fresh, err := t.store.Reopen(t.ctx(), storage.Reopening{TurnID: id, Text: text, At: start})
	t.ok(err, "reopen turn "+id)
	if !fresh {
		t.Fatalf("reopen turn %s without dedupe keys: not fresh", id)
	}
	return turn
}

// reopening is a Reopen whose error alone is of interest.
func (t *T) reopening(id string, keys ...string) error {
	r := storage.Reopening{TurnID: id, At: start}
	for _, k := range keys {
		r.Keys = append(r.Keys, event(k))
	}
	_, _, err := t.store.Reopen(t.ctx(), r)
	return err
}
