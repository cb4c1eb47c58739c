package storagetest

import (
	"github.com/bobbin-bot/bobbin/storage"
)

var replaceCases = []testCase{
	{"finish/again", "the second Finish of a turn replaces its messages where they are and appends what is new", func(t *T) {
		l := t.acquire(thread, "w")
		heard := storage.Message{TurnID: "1", Role: storage.RoleUser, UserID: "U2", TS: "1700000000.000050", Text: "heard before"}
		t.accept(question("1"), question("2"))
		first := append([]storage.Message{heard}, dialogue("1", "why")...)
		row := call("U1", "C1", "m", start)
		t.finish(l, storage.Result{
			TurnID: "1", From: storage.StateReceived, At: start, Messages: first,
			Usage: []storage.UsageRow{row, row}, Prompt: storage.PromptNote{Used: 1},
		})
		t.finish(l, storage.Result{TurnID: "2", From: storage.StateReceived, At: start, Messages: dialogue("2", "how")})
		t.advance(l, "1", storage.StateFinal, storage.StateDone)
		before := t.history(thread, 0).Messages
		late := storage.Message{TurnID: "1", Role: storage.RoleUser, UserID: "U3", TS: "1700000000.000060", Text: "not heard before"}
		t.again("1", "why not")
		r := storage.Result{
			TurnID: "1", From: storage.StateReceived, At: start, Answer: "42", Messages: append([]storage.Message{late}, dialogue("1", "why not")...),
			Usage: []storage.UsageRow{row}, Prompt: storage.PromptNote{Used: 2}, HistoryFrom: 2,
		}
		r.Messages[1].Seq = 99 // ignored
		turn := t.finish(l, r)
		if turn.State != storage.StateFinal || turn.Answer != "42" || len(turn.Calls) != 1 || turn.Prompt != r.Prompt {
			t.Errorf("turn after its second Finish: got %+v", turn)
		}
		want := []storage.Message{heard}
		want = append(want, dialogue("1", "why not")...)
		want = append(want, dialogue("2", "how")...)
		t.wantMessages(thread, 0, append(want, late))
		h := t.history(thread, 0)
		for i, m := range before {
			if h.Messages[i].Seq != m.Seq {
				t.Errorf("Seq of message %d: got %d, want %d as before", i, h.Messages[i].Seq, m.Seq)
			}
		}
		if h.From != 2 {
			t.Errorf("History.From: got %d, want 2", h.From)
		}
		if u := t.usage(storage.UsageQuery{}); len(u) != 1 || u[0].Calls != 3 {
			t.Errorf("usage: got %+v, want the calls of both answers", u)
		}
	}},
	{"finish/again and again", "however often a turn is answered, its question and answer stand in the history once", func(t *T) {
		l := t.acquire(thread, "w")
		t.accept(question("1"))
		for range 3 {
			t.finish(l, storage.Result{TurnID: "1", From: storage.StateReceived, At: start, Messages: dialogue("1", "why")})
			t.advance(l, "1", storage.StateFinal, storage.StateDone)
			t.again("1", "")
		}
		t.wantMessages(thread, 0, dialogue("1", "why"))
	}},
	{"finish/first after a retry", "a turn that was given up before it was finished is appended", func(t *T) {
		l := t.acquire(thread, "w")
		t.accept(question("1"), question("2"))
		t.advance(l, "1", storage.StateReceived, storage.StateInterrupted)
		t.finish(l, storage.Result{TurnID: "2", From: storage.StateReceived, At: start, Messages: dialogue("2", "how")})
		t.again("1", "")
		t.finish(l, storage.Result{TurnID: "1", From: storage.StateReceived, At: start, Messages: dialogue("1", "why")})
		t.wantMessages(thread, 0, append(dialogue("2", "how"), dialogue("1", "why")...))
	}},
	{"finish/not the same message", "a message is replaced by one with its turn, role and ts, and by no other", func(t *T) {
		l := t.acquire(thread, "w")
		t.accept(question("1"), question("2"), question("11"))
		var want []storage.Message
		for _, id := range []string{"1", "2", "11"} {
			messages := dialogue(id, "of "+id)
			want = append(want, messages...)
			t.finish(l, storage.Result{TurnID: id, From: storage.StateReceived, At: start, Messages: messages})
		}
		t.advance(l, "1", storage.StateFinal, storage.StateDone)
		t.again("1", "")
		m := dialogue("1", "x")
		m[0].TS = m[1].TS                    // another ts
		m[1].Role = "tool"                   // another role
		m = append(m, dialogue("3", "x")...) // another turn
		t.finish(l, storage.Result{TurnID: "1", From: storage.StateReceived, At: start, Messages: m})
		t.wantMessages(thread, 0, append(want, m...))
	}},
	{"finish/equal messages", "each message of the history is replaced once: of equal ones the last replaces the newest", func(t *T) {
		l := t.acquire(thread, "w")
		t.accept(question("1"))
		texts := func(texts ...string) (m []storage.Message) {
			for _, text := range texts {
				m = append(m, storage.Message{TurnID: "1", Role: storage.RoleAssistant, Text: text})
			}
			return m
		}
		for _, c := range []struct{ messages, want []storage.Message }{
			{texts("a", "b"), texts("a", "b")}, // a first Finish replaces nothing
			{texts("c", "d"), texts("c", "d")},
			{texts("e"), texts("c", "e")},
			{texts("f", "g", "h"), texts("g", "h", "f")},
		} {
			t.finish(l, storage.Result{TurnID: "1", From: storage.StateReceived, At: start, Messages: c.messages})
			t.wantMessages(thread, 0, c.want)
			t.advance(l, "1", storage.StateFinal, storage.StateDone)
			t.again("1", "")
		}
	}},
}

// finish must succeed.
func (t *T) finish(l storage.Lease, r storage.Result) storage.Turn {
	t.Helper()
	turn, err := t.store.Finish(t.ctx(), l, r)
	t.ok(err, "finish turn "+r.TurnID)
	return turn
}
