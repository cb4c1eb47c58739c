package storagetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

var amendCases = []testCase{
	{"amend/states", "a turn that waits or is being answered gets the new text, one that is answered keeps what was answered; all that ask the message are returned in order", func(t *T) {
		l := t.acquire(thread, "w")
		var want []storage.Turn
		states := []storage.State{
			storage.StateReceived, storage.StateDone, storage.StateFailed, storage.StateFinal, storage.StateInterrupted,
			storage.StatePosting, storage.StateCancelled, storage.StateRejected, storage.StateStreaming, storage.StateReceived,
		}
		for i, state := range states {
			turn := said(firstTS, answered(fmt.Sprint(9-i))) // ids in another order
			turn.ReceivedAt = after(time.Duration(i) * time.Second)
			t.accept(turn)
			t.advance(l, turn.ID, paths[state]...)
			turn = t.turn(turn.ID)
			if !state.Terminal() && state != storage.StateFinal {
				turn.Text, turn.UpdatedAt, turn.Attempt = "edited", after(time.Minute), 0
			}
			want = append(want, turn)
		}
		t.accept(said(secondTS, question("other")))
		other, open := t.turn("other"), t.openIDs(thread)
		got, err := t.store.Amend(t.ctx(), thread, firstTS, storage.Amendment{Text: "edited"}, after(time.Minute))
		t.ok(err, "amend")
		t.sameTurns(got, want, "what Amend returned")
		got[0].Feedback["U9"], *got[0].Calls[0].Price = 1, storage.Price{} // must not reach the store
		for _, turn := range want {
			t.sameTurn(t.turn(turn.ID), turn, "what is stored")
		}
		t.sameTurn(t.turn("other"), other, "turn that asks another message")
		t.wantIDs(t.openIDs(thread), open, "open turns")
		t.advance(l, "9", storage.StateReceived, storage.StatePosting)
	}},
	{"amend/history", "the history keeps the question that was answered, and follows what was heard in the thread", func(t *T) {
		all := t.discussed()
		before := t.history(thread, 0)
		t.amend(thread, firstTS, "edited", t.turn("first"))
		t.wantMessages(thread, 0, all)
		t.amend(thread, heardTS, "heard better")
		all[0].Text = "heard better"
		t.wantMessages(thread, 0, all)
		t.amend(thread, heardTS, "heard better")
		t.wantMessages(thread, 0, all)
		if h := t.history(thread, 0); h.From != before.From || h.Messages[0].Seq != before.Messages[0].Seq {
			t.Errorf("history: got %+v, want From and Seq as they were: %+v", h, before)
		}
	}},
	{"amend/heard by another turn", "a message that one turn asked and another has heard is amended where it was heard", func(t *T) {
		all := t.discussed()
		t.accept(said("1700000004.000100", question("third")))
		heard := storage.Message{TurnID: "third", Role: storage.RoleUser, UserID: "U1", TS: firstTS, Text: "heard again"}
		t.finish(t.acquire(thread, "w"), storage.Result{TurnID: "third", From: storage.StateReceived, At: start, Messages: []storage.Message{heard}})
		t.amend(thread, firstTS, "edited", t.turn("first"))
		heard.Text = "edited"
		t.wantMessages(thread, 0, append(all, heard))
	}},
	{"amend/answer", "what the model said is not amended", func(t *T) {
		t.finished(question("1"), start)
		messages := dialogue("1", question("1").Text)
		t.amend(thread, messages[1].TS, "edited")
		t.wantMessages(thread, 0, messages)
	}},
	{"amend/joined", "the words of a message that was joined change in the question it was joined into, and nothing else does", func(t *T) {
		one, two := question("1"), question("2")
		one.Text, two.Text = "first words", "second words"
		t.accept(said(firstTS, one), said(secondTS, two))
		_, err := t.store.Join(t.ctx(), t.acquire(thread, "w"), "2", []string{"1"}, start)
		t.ok(err, "join")
		for _, c := range []struct {
			ts   string
			a    storage.Amendment
			want string
		}{
			{firstTS, storage.Amendment{Text: "better words"}, "better words\nsecond words"},
			{secondTS, storage.Amendment{Text: "last words"}, "better words\nlast words"},
			{firstTS, storage.Amendment{Text: "last words"}, "last words\nlast words"},
			{secondTS, storage.Amendment{Text: "other"}, "last words\nother"},
		} {
			got, err := t.store.Amend(t.ctx(), thread, c.ts, c.a, start)
			t.ok(err, "amend")
			t.sameTurns(got, []storage.Turn{t.turn("2")}, "what Amend returned")
			if text := t.turn("2").Text; text != c.want {
				t.Errorf("after %+v the question is %q, want %q", c.a, text, c.want)
			}
		}
	}},
	{"amend/reopened", "a reopened turn that waits is amended, and its next Finish brings the text into the history", func(t *T) {
		all := t.discussed()
		want := t.again("first", "")
		want.Text = "edited"
		t.amend(thread, firstTS, "edited", want)
		t.wantMessages(thread, 0, all)
		r := storage.Result{TurnID: "first", From: storage.StateReceived, At: start, Messages: exchange(t.turn("first"))}
		t.finish(t.acquire(thread, "w"), r)
		t.wantMessages(thread, 0, slices.Concat(all[:1], r.Messages, all[3:]))
	}},
	{"amend/nothing", "what nobody said here changes nothing, and an empty ts is nobody's", func(t *T) {
		all := t.discussed()
		nameless := storage.Message{TurnID: "third", Role: storage.RoleUser, Text: "without a ts"}
		t.accept(said("", question("third")))
		t.finish(t.acquire(thread, "w"), storage.Result{TurnID: "third", From: storage.StateReceived, At: start, Messages: []storage.Message{nameless}})
		for _, key := range prefixKeys {
			t.amend(key, heardTS, "edited")
		}
		for _, ts := range []string{"", "1", heardTS[:len(heardTS)-1], heardTS + "0"} {
			t.amend(thread, ts, "edited")
		}
		t.wantMessages(thread, 0, append(all, nameless))
		t.wantIDs(t.openIDs(thread), []string{"third"}, "open turns")
	}},
	{"amend/taken back", "a message that was taken back does not come again by an edit", func(t *T) {
		all := t.discussed()
		t.unsay(thread, heardTS)
		t.amend(thread, heardTS, "edited")
		t.wantMessages(thread, 0, all[1:])
	}},
	{"amend/order", "an edit that is older than another changes nothing, and the same edit again changes nothing more", func(t *T) {
		t.accept(question("1"))
		ts := question("1").TS
		for _, c := range []struct {
			edited, text, want string
			returned           int
		}{{"9.000000", "second", "second", 1}, {"8.000000", "first", "second", 0}, {"9.000000", "second", "second", 1}, {"10.000000", "third", "third", 1}, {"", "last", "last", 1}} {
			got, err := t.store.Amend(t.ctx(), thread, ts, storage.Amendment{Text: c.text, EditedTS: c.edited}, start)
			t.ok(err, "amend")
			if text := t.turn("1").Text; text != c.want || len(got) != c.returned {
				t.Errorf("after the edit of %q: the question is %q, want %q; %d turns returned, want %d", c.edited, text, c.want, len(got), c.returned)
			}
		}
	}},
	{"amend/joined twice", "the words of a message that was joined, and with others joined again, change where they are answered", func(t *T) {
		texts := []string{"one", "two", "three"}
		for i, ts := range []string{firstTS, secondTS, "1700000009.000100"} {
			turn := said(ts, question(fmt.Sprint(i+1)))
			turn.Text = texts[i]
			t.accept(turn)
		}
		l := t.acquire(thread, "w")
		for _, join := range [][2]string{{"2", "1"}, {"3", "2"}} {
			_, err := t.store.Join(t.ctx(), l, join[0], []string{join[1]}, start)
			t.ok(err, "join")
		}
		got, err := t.store.Amend(t.ctx(), thread, firstTS, storage.Amendment{Text: "better"}, start)
		t.ok(err, "amend")
		t.sameTurns(got, []storage.Turn{t.turn("3")}, "what Amend returned")
		if text := t.turn("3").Text; text != "better\ntwo\nthree" {
			t.Errorf("the question is %q", text)
		}
		_, err = t.store.Advance(t.ctx(), l, storage.Change{TurnID: "3", From: storage.StateReceived, To: storage.StateFailed, At: start})
		t.ok(err, "fail")
		turn, fresh, err := t.store.Reopen(t.ctx(), storage.Reopening{TurnID: "3", TS: firstTS, Text: "best", At: start})
		if err != nil || !fresh || turn.Text != "best\ntwo\nthree" {
			t.Errorf("reopened: %q, %v, %v", turn.Text, fresh, err)
		}
	}},
	{"amend/finish", "the answer to a question that was edited since is refused, and the answer to its new words is not", func(t *T) {
		t.accept(question("1"))
		l := t.acquire(thread, "w")
		t.amend(thread, question("1").TS, "edited", func() storage.Turn {
			_, err := t.store.Amend(t.ctx(), thread, question("1").TS, storage.Amendment{Text: "edited"}, start)
			t.ok(err, "amend")
			return t.turn("1")
		}())
		r := storage.Result{TurnID: "1", From: storage.StateReceived, At: start, Answer: "old", Question: question("1").Text}
		_, err := t.store.Finish(t.ctx(), l, r)
		t.is(err, storage.ErrConflict, "answer to the old words")
		r.Question = "edited"
		t.finish(l, r)
	}},
	{"amend/restart", "an edit is there after a restart", func(t *T) {
		all := t.discussed()
		waiting := said("1700000004.000100", question("waiting"))
		t.accept(waiting)
		waiting.Text = "edited"
		t.amend(thread, waiting.TS, "edited", waiting)
		t.amend(thread, heardTS, "heard better")
		all[0].Text = "heard better"
		t.reopen()
		t.sameTurn(t.turn("waiting"), waiting, "turn after a restart")
		t.wantMessages(thread, 0, all)
		t.wantConversations("after a restart", thread)
	}},
}

// amend edits a message and must return these turns.
func (t *T) amend(key storage.ConversationKey, ts, text string, want ...storage.Turn) {
	t.Helper()
	got, err := t.store.Amend(t.ctx(), key, ts, storage.Amendment{Text: text}, start)
	t.ok(err, "amend message "+ts)
	t.sameTurns(got, want, "what Amend of message "+ts+" returned")
}
