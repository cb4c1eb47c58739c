package storagetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// by sets who asks.
func by(userID string, turn storage.Turn) storage.Turn {
	turn.UserID = userID
	return turn
}

// asked accepts a turn of a conversation and answers it.
func (t *T) asked(turn storage.Turn, heard ...storage.Message) []storage.Message {
	t.Helper()
	t.accept(turn)
	return t.answer(turn.ID, heard...)
}

// answer brings a received turn to StateDone and returns what it left in the
// history.
func (t *T) answer(id string, heard ...storage.Message) []storage.Message {
	t.Helper()
	turn := t.turn(id)
	l := t.acquire(turn.Key, "answer")
	messages := append(slices.Clone(heard), exchange(turn)...)
	for i := range heard {
		messages[i].TurnID = turn.ID
	}
	t.finish(l, storage.Result{TurnID: turn.ID, From: storage.StateReceived, At: start, Answer: "re: " + turn.Text, Messages: messages})
	t.advance(l, turn.ID, storage.StateFinal, storage.StateDone)
	t.ok(t.store.Release(t.ctx(), l), "release")
	return messages
}

func heard(userID, ts, text string) storage.Message {
	return storage.Message{Role: storage.RoleUser, UserID: userID, TS: ts, Text: text}
}

// join joins received turns of one conversation.
func (t *T) join(into string, from ...string) {
	t.Helper()
	key := t.turn(into).Key
	l := t.acquire(key, "join")
	_, err := t.store.Join(t.ctx(), l, into, from, start)
	t.ok(err, "join into "+into)
	t.ok(t.store.Release(t.ctx(), l), "release")
}

var forgetPersonCases = []testCase{
	{"forget person/turns", "a person's turns go from all conversations with question, answer and history; those of others stay", func(t *T) {
		t.asked(said(firstTS, by("U1", question("1"))))
		kept := t.asked(said(secondTS, by("U2", question("2"))))
		t.asked(in(old(1), by("U1", question("3"))))
		t.asked(in(old(2), by("U2", question("4"))))
		check, other := t.unchanged("4"), t.turn("2")
		seq := t.history(thread, 0).Messages[2].Seq
		t.forget(storage.Forgetting{UserID: "U1", At: start}, storage.Forgotten{Conversations: 2, Turns: 2, Messages: 4})
		for _, id := range []string{"1", "3"} {
			t.is(second(t.store.Turn(t.ctx(), id)), storage.ErrNotFound, "turn "+id)
		}
		check("another was forgotten")
		t.sameTurn(t.turn("2"), other, "turn of another in the same conversation")
		t.wantMessages(thread, 0, kept)
		if got := t.history(thread, 0).Messages[0].Seq; got != seq {
			t.Errorf("seq of a message that stays: got %d, want %d", got, seq)
		}
		t.wantMessages(old(1), 0, nil)
		next := t.asked(said("1700000009.000100", by("U1", question("next"))))
		t.wantMessages(thread, 0, append(kept, next...))
		t.reopen()
		t.wantMessages(thread, 0, append(kept, next...))
		t.wantForgotten(thread, map[string]time.Time{"U1": start})
		t.wantForgotten(old(1), map[string]time.Time{"U1": start})
		t.wantForgotten(old(2), nil)
	}},
	{"forget person/heard", "what was heard of a person goes, and the answer that somebody else got stays", func(t *T) {
		messages := t.asked(by("U2", question("1")), heard("U1", heardTS, "mine"), heard("U3", heardTS, "not mine"))
		t.forget(storage.Forgetting{UserID: "U1", At: start}, storage.Forgotten{Conversations: 1, Messages: 1})
		t.wantMessages(thread, 0, messages[1:])
		t.forget(storage.Forgetting{UserID: "U1", At: start}, storage.Forgotten{})
	}},
	{"forget person/heard by their turn", "what their turn has heard of others stays", func(t *T) {
		messages := t.asked(by("U1", question("1")), heard("U2", heardTS, "of another"), heard("U1", secondTS, "mine"))
		t.forget(storage.Forgetting{UserID: "U1", At: start}, storage.Forgotten{Conversations: 1, Turns: 1, Messages: 3})
		t.wantMessages(thread, 0, messages[:1])
	}},
	{"forget person/joined", "a turn into which a question of theirs was joined goes with it, through any number of joins", func(t *T) {
		t.accept(said(heardTS, by("U1", question("1"))), said(firstTS, by("U2", question("2"))), said(secondTS, by("U3", question("3"))))
		t.join("2", "1")
		t.join("3", "2")
		t.answer("3", heard("U3", "1700000000.5", "heard"), heard("U2", "1700000000.6", "heard"))
		stays := t.asked(said("1700000009.000100", by("U2", question("4"))))
		t.forget(storage.Forgetting{UserID: "U1", At: start}, storage.Forgotten{Conversations: 1, Turns: 3, Messages: 2})
		for _, id := range []string{"1", "2", "3"} {
			t.is(second(t.store.Turn(t.ctx(), id)), storage.ErrNotFound, "turn "+id)
		}
		got := t.history(thread, 0).Messages
		if len(got) != 4 || got[0].Text != "heard" || got[1].Text != "heard" || got[3].Text != stays[1].Text {
			t.Errorf("history: %+v", got)
		}
	}},
	{"forget person/joined into theirs", "a question of another that was joined into theirs stays as a question", func(t *T) {
		t.accept(said(firstTS, by("U2", question("1"))), said(secondTS, by("U1", question("2"))))
		t.join("2", "1")
		t.answer("2")
		other := t.turn("1")
		t.forget(storage.Forgetting{UserID: "U1", At: start}, storage.Forgotten{Conversations: 1, Turns: 1, Messages: 2})
		t.sameTurn(t.turn("1"), other, "turn of another")
		_, _, err := t.store.Reopen(t.ctx(), storage.Reopening{TurnID: "1", At: start})
		t.is(err, storage.ErrConflict, "reopen a turn that was joined into one that is gone")
		t.forget(storage.Forgetting{UserID: "U2", At: start}, storage.Forgotten{Conversations: 1, Turns: 1})
	}},
	{"forget person/feedback", "their feedback on the turns of others goes, and that of others stays", func(t *T) {
		t.asked(by("U2", question("1")))
		t.ok(t.store.SetFeedback(t.ctx(), "1", "U1", 1, start), "feedback")
		t.ok(t.store.SetFeedback(t.ctx(), "1", "U3", -1, start), "feedback")
		want := t.turn("1")
		delete(want.Feedback, "U1")
		messages := t.history(thread, 0).Messages
		t.forget(storage.Forgetting{UserID: "U1", At: start}, storage.Forgotten{Conversations: 1})
		t.sameTurn(t.turn("1"), want, "turn that was judged")
		if got := t.history(thread, 0).Messages; !slices.Equal(got, messages) {
			t.Errorf("history: got %+v, want %+v", got, messages)
		}
	}},
	{"forget person/open turns", "their open turns, and what was joined into an open one, stay and are counted", func(t *T) {
		l := t.acquire(thread, "w")
		open := 0
		for state, path := range paths {
			id := string(state)
			t.accept(by("U1", question(id)))
			t.advance(l, id, path...)
			if !state.Terminal() {
				open++
			}
		}
		t.forget(storage.Forgetting{UserID: "U1", At: start}, storage.Forgotten{Conversations: 1, Turns: len(paths) - open, Open: open})
		for state := range paths {
			_, err := t.store.Turn(t.ctx(), string(state))
			if (err == nil) == state.Terminal() {
				t.Errorf("turn that was %s: %v", state, err)
			}
		}
		got := t.openIDs(thread)
		if len(got) != open {
			t.Errorf("open turns: %v", got)
		}
		t.accept(in(old(1), said(firstTS, by("U1", question("joined")))), in(old(1), said(secondTS, by("U2", question("into")))))
		t.join("into", "joined")
		check := t.unchanged("into")
		t.forget(storage.Forgetting{UserID: "U1", At: start}, storage.Forgotten{Open: open + 1})
		check("it was open")
		t.turn("joined")
		t.answer("into")
		t.forget(storage.Forgetting{UserID: "U1", At: start}, storage.Forgotten{Conversations: 1, Turns: 2, Messages: 2, Open: open})
	}},
	{"forget person/answered again", "a turn that is being answered again keeps its history until it has ended", func(t *T) {
		messages := t.asked(by("U1", question("1")))
		t.again("1", "")
		t.forget(storage.Forgetting{UserID: "U1", At: start}, storage.Forgotten{Open: 1})
		t.wantMessages(thread, 0, messages)
		t.advance(t.acquire(thread, "w"), "1", storage.StateReceived, storage.StateCancelled)
		t.forget(storage.Forgetting{UserID: "U1", At: start}, storage.Forgotten{Conversations: 1, Turns: 1, Messages: 2})
		t.wantMessages(thread, 0, nil)
	}},
	{"forget person/steps", "one call changes at most so many conversations; Next leads to the others", func(t *T) {
		for i := range 7 {
			t.asked(in(old(i), by("U1", question(fmt.Sprint(i)))))
			t.asked(in(old(i+10), by("U2", question(fmt.Sprint("other ", i)))))
		}
		calls := 0
		got, err := storage.ForgetAll(t.ctx(), t.store, storage.Forgetting{UserID: "U1", At: start, Limit: 2}, func(sum storage.Forgotten) {
			calls++
			if sum.Conversations > 2*calls {
				t.Errorf("%d conversations after %d calls, want at most 2 each", sum.Conversations, calls)
			}
		})
		t.ok(err, "forget")
		if want := (storage.Forgotten{Conversations: 7, Turns: 7, Messages: 14}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if calls < 4 {
			t.Errorf("%d calls, want at least 4", calls)
		}
		if _, err := t.store.Forget(t.ctx(), storage.Forgetting{UserID: "U1", After: "no cursor"}); err == nil {
			t.Errorf("a cursor that nobody gave out is taken")
		}
	}},
	{"forget person/nobody", "a person who has said nothing is forgotten already, and names that begin alike are others", func(t *T) {
		t.asked(by("U11", question("1")), heard("U", heardTS, "U1 said"))
		check := t.unchanged("1")
		t.forget(storage.Forgetting{UserID: "U1", At: start}, storage.Forgotten{})
		check("somebody else was forgotten")
	}},
}
