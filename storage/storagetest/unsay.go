package storagetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// The ts of what is said in discussed.
const (
	heardTS  = "1700000001.000100"
	firstTS  = "1700000002.000100"
	secondTS = "1700000003.000100"
)

// discussed is a conversation of two answered turns, the first of which heard a
// message of the thread. It returns what its history is.
func (t *T) discussed() []storage.Message {
	t.Helper()
	l := t.acquire(thread, "discussed")
	var all []storage.Message
	for _, turn := range []storage.Turn{said(firstTS, question("first")), said(secondTS, question("second"))} {
		t.accept(turn)
		messages := exchange(turn)
		if turn.ID == "first" {
			heard := storage.Message{TurnID: "first", Role: storage.RoleUser, UserID: "U2", TS: heardTS, Text: "heard"}
			messages = append([]storage.Message{heard}, messages...)
		}
		t.finish(l, storage.Result{TurnID: turn.ID, From: storage.StateReceived, At: start, Messages: messages, HistoryFrom: 2})
		t.advance(l, turn.ID, storage.StateFinal, storage.StateDone)
		all = append(all, messages...)
	}
	t.ok(t.store.Release(t.ctx(), l), "release")
	return all
}

// exchange is a question and its answer, whose ts is not known when it is
// stored.
func exchange(turn storage.Turn) []storage.Message {
	return []storage.Message{
		{TurnID: turn.ID, Role: storage.RoleUser, UserID: turn.UserID, TS: turn.TS, Text: turn.Text},
		{TurnID: turn.ID, Role: storage.RoleAssistant, Text: "re: " + turn.Text},
	}
}

var unsayCases = []testCase{
	{"unsay/question", "a question that was deleted leaves the history together with its answer, and nothing else does", func(t *T) {
		all := t.discussed()
		before := t.history(thread, 0)
		t.unsay(thread, firstTS, t.turn("first"))
		want := append(all[:1:1], all[3:]...)
		t.wantMessages(thread, 0, want)
		h := t.history(thread, 0)
		if h.From != 2 || h.Messages[0].Seq != before.Messages[0].Seq || h.Messages[1].Seq != before.Messages[3].Seq {
			t.Errorf("history: got %+v, want From and Seq as they were: %+v", h, before)
		}
		for limit := 1; limit <= len(want)+1; limit++ {
			t.wantMessages(thread, limit, want[max(0, len(want)-limit):])
		}
		check := t.unchanged("first")
		t.unsay(thread, firstTS, t.turn("first"))
		check("the same Unsay again")
		t.unsay(thread, secondTS, t.turn("second"))
		t.wantMessages(thread, 0, all[:1])
		t.unsay(thread, heardTS)
		for limit := range 3 {
			t.wantMessages(thread, limit, nil)
		}
	}},
	{"unsay/heard in the thread", "a message that was heard in the thread is no question: the answer stays", func(t *T) {
		all := t.discussed()
		t.unsay(thread, heardTS)
		t.wantMessages(thread, 0, all[1:])
	}},
	{"unsay/heard by another turn", "a message that one turn asks and another has heard goes with its own answer alone", func(t *T) {
		all := t.discussed()
		t.accept(said("1700000004.000100", question("third")))
		heard := storage.Message{TurnID: "third", Role: storage.RoleUser, UserID: "U1", TS: firstTS, Text: "heard again"}
		third := append([]storage.Message{heard}, exchange(t.turn("third"))...)
		t.finish(t.acquire(thread, "w"), storage.Result{TurnID: "third", From: storage.StateReceived, At: start, Messages: third})
		t.unsay(thread, firstTS, t.turn("first"))
		t.wantMessages(thread, 0, slices.Concat(all[:1], all[3:], third[1:]))
	}},
	{"unsay/answer", "an answer that was deleted goes alone", func(t *T) {
		t.finished(question("1"), start)
		messages := dialogue("1", question("1").Text)
		t.unsay(thread, messages[1].TS)
		t.wantMessages(thread, 0, messages[:1])
	}},
	{"unsay/answer without its question", "an answer goes with its question, and stays if the history never had that", func(t *T) {
		t.accept(said(firstTS, question("1")))
		answers := []storage.Message{
			{TurnID: "1", Role: storage.RoleAssistant, TS: firstTS, Text: "named like the question"},
			{TurnID: "1", Role: storage.RoleAssistant, Text: "nameless"},
		}
		t.finish(t.acquire(thread, "w"), storage.Result{TurnID: "1", From: storage.StateReceived, At: start, Messages: answers})
		t.unsay(thread, firstTS, t.turn("1"))
		t.wantMessages(thread, 0, answers[1:])
	}},
	{"unsay/states", "a turn that waits is cancelled, others stay; all that ask the message are returned in order", func(t *T) {
		l := t.acquire(thread, "w")
		var want []storage.Turn
		for i, state := range []storage.State{
			storage.StateCancelled, storage.StateDone, storage.StateFailed, storage.StateFinal, storage.StateInterrupted,
			storage.StatePosting, storage.StateReceived, storage.StateRejected, storage.StateStreaming, storage.StateReceived,
		} {
			turn := said(firstTS, answered(fmt.Sprint(9-i))) // ids in another order
			turn.ReceivedAt = after(time.Duration(i) * time.Second)
			t.accept(turn)
			t.advance(l, turn.ID, paths[state]...)
			turn = t.turn(turn.ID)
			if state == storage.StateReceived {
				turn.State, turn.Failure, turn.UpdatedAt = storage.StateCancelled, "the question was deleted", after(time.Minute)
			}
			want = append(want, turn)
		}
		t.accept(said(secondTS, question("other")))
		other := t.turn("other")
		got, err := t.store.Unsay(t.ctx(), thread, firstTS, after(time.Minute))
		t.ok(err, "unsay")
		t.sameTurns(got, want, "what Unsay returned")
		got[0].Feedback["U9"], *got[0].Calls[0].Price = 1, storage.Price{} // must not reach the store
		for _, turn := range want {
			t.sameTurn(t.turn(turn.ID), turn, "what is stored")
		}
		open := t.openIDs(thread)
		t.wantIDs(open, []string{"6", "4", "1", "other"}, "open turns")
		t.wantMessages(thread, 0, nil)
		t.is(second(t.store.Advance(t.ctx(), l, storage.Change{TurnID: "3", From: storage.StateReceived, To: storage.StatePosting, At: start})),
			storage.ErrConflict, "begin with a turn that was cancelled")
		t.unsay(thread, firstTS, want...)
		t.sameTurn(t.turn("other"), other, "turn that asks another message")
	}},
	{"unsay/last open turn", "a conversation whose last open turn was unsaid is open no more, and expires", func(t *T) {
		t.accept(in(old(0), question("1")))
		turns, err := t.store.Unsay(t.ctx(), old(0), question("1").TS, after(2*time.Hour))
		t.ok(err, "unsay")
		if len(turns) != 1 || turns[0].State != storage.StateCancelled {
			t.Errorf("got %+v, want the turn, cancelled", turns)
		}
		t.wantConversations("after the last question was deleted")
		t.purge(storage.Before{Conversations: after(time.Hour)}, 10)
		t.turn("1") // its end is activity
		t.purge(storage.Before{Conversations: after(3 * time.Hour)}, 10)
		t.is(second(t.store.Turn(t.ctx(), "1")), storage.ErrNotFound, "turn of an expired conversation")
	}},
	{"unsay/joined", "the words of a message that was joined go from the question it was joined into", func(t *T) {
		t.accept(said(firstTS, question("1")), said(secondTS, question("2")))
		_, err := t.store.Join(t.ctx(), t.acquire(thread, "w"), "2", []string{"1"}, start)
		t.ok(err, "join")
		got, err := t.store.Unsay(t.ctx(), thread, firstTS, start)
		t.ok(err, "unsay")
		want := t.turn("1")
		if want.Text != "" || want.State != storage.StateDone {
			t.Errorf("the joined turn is %+v, want it without words", want)
		}
		t.sameTurns(got, []storage.Turn{want}, "what Unsay returned")
		if text := t.turn("2").Text; text != question("2").Text {
			t.Errorf("the question is %q, want %q", text, question("2").Text)
		}
	}},
	{"unsay/nothing", "what nobody said here changes nothing, and an empty ts is nobody's", func(t *T) {
		all := t.discussed()
		for _, key := range prefixKeys {
			t.unsay(key, firstTS)
		}
		for _, ts := range []string{"", "1", firstTS[:len(firstTS)-1], firstTS + "0"} {
			t.unsay(thread, ts)
		}
		t.wantMessages(thread, 0, all)
	}},
	{"unsay/isolation", "a message is taken from its own conversation, even if another has one with the same ts", func(t *T) {
		for i, key := range prefixKeys {
			t.finished(in(key, question(fmt.Sprint(i))), start)
		}
		t.unsay(prefixKeys[0], question("0").TS, t.turn("0"))
		t.wantMessages(prefixKeys[0], 0, nil)
		for i, key := range prefixKeys[1:] {
			t.wantMessages(key, 0, dialogue(fmt.Sprint(i+1), question(fmt.Sprint(i+1)).Text))
		}
	}},
	{"unsay/restart", "what was taken back stays away, and the history goes on behind it", func(t *T) {
		all := t.discussed()
		t.accept(said("1700000004.000100", question("waiting")))
		t.unsay(thread, secondTS, t.turn("second"))
		_, err := t.store.Unsay(t.ctx(), thread, "1700000004.000100", start)
		t.ok(err, "unsay")
		check := t.unchanged("waiting")
		t.reopen()
		check("a restart")
		t.wantMessages(thread, 0, all[:3])
		t.finished(question("next"), start)
		want := append(all[:3:3], dialogue("next", question("next").Text)...)
		t.wantMessages(thread, 0, want)
		t.again("second", "")
		r := storage.Result{TurnID: "second", From: storage.StateReceived, At: start, Messages: exchange(t.turn("second"))}
		t.finish(t.acquire(thread, "w"), r)
		t.wantMessages(thread, 0, append(want, r.Messages...)) // not where they were
		t.reopen()
		t.wantMessages(thread, 0, append(want, r.Messages...))
	}},
	{"unsay/race", "either the worker begins with a question or its deletion cancels it, never both", func(t *T) {
		for i := range 20 {
			key := thread
			key.ChannelID = fmt.Sprint("C", i)
			id := fmt.Sprint(i)
			t.accept(in(key, question(id)))
			l := t.acquire(key, "w")
			var began bool
			var turns []storage.Turn
			race(2, func(i int) {
				var err error
				if i == 0 {
					_, err = t.store.Advance(t.ctx(), l, storage.Change{TurnID: id, From: storage.StateReceived, To: storage.StatePosting, At: start})
					began = err == nil
				} else if turns, err = t.store.Unsay(t.ctx(), key, question(id).TS, start); err != nil {
					t.Errorf("unsay: %v", err)
				}
			})
			want := storage.StateCancelled
			if began {
				want = storage.StatePosting
			}
			if len(turns) != 1 || turns[0].State != want || t.turn(id).State != want {
				t.Errorf("the worker began: %v, Unsay returned %+v, stored is %s", began, turns, t.turn(id).State)
			}
		}
	}},
}

// unsay takes a message back and must return these turns.
func (t *T) unsay(key storage.ConversationKey, ts string, want ...storage.Turn) {
	t.Helper()
	got, err := t.store.Unsay(t.ctx(), key, ts, start)
	t.ok(err, "unsay message "+ts)
	t.sameTurns(got, want, "what Unsay of message "+ts+" returned")
}

func (t *T) sameTurns(got, want []storage.Turn, what string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %d turns, want %d", what, len(got), len(want))
	}
	for i := range got {
		t.sameTurn(got[i], want[i], what)
	}
}
