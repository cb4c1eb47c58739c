package storagetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

var finishCases = []testCase{
	{"finish", "Finish stores answer, history and usage together, and with the turn what the answer was made from", func(t *T) {
		t.accept(question("1"))
		l := t.acquire(thread, "w")
		want := t.advance(l, "1", storage.StateReceived, storage.StatePosting, storage.StateStreaming)
		row := call("U1", "C1", "m", start)
		r := storage.Result{
			TurnID: "1", From: storage.StateStreaming, At: after(time.Second), Answer: "42",
			Messages: dialogue("1", "why"), Usage: []storage.UsageRow{row, row}, HistoryFrom: 1,
			Prompt: storage.PromptNote{Used: 1, Thread: 2, Dropped: 3, Window: 4000, Oldest: "1.1"},
		}
		r.Messages[0].Seq = 99 // ignored
		got, err := t.store.Finish(t.ctx(), l, r)
		t.ok(err, "finish")
		want.State, want.Answer, want.UpdatedAt = storage.StateFinal, "42", after(time.Second)
		want.Calls, want.Prompt = r.Usage, r.Prompt
		t.sameTurn(got, want, "what Finish returned")
		t.sameTurn(t.turn("1"), want, "what is stored")
		t.wantMessages(thread, 0, dialogue("1", "why"))
		if from := t.history(thread, 0).From; from != 1 {
			t.Errorf("History.From: got %d, want 1", from)
		}
		if u := t.usage(storage.UsageQuery{}); len(u) != 1 || u[0].Calls != 2 {
			t.Errorf("usage: got %+v, want one total of two calls", u)
		}
		t.wantIDs(t.openIDs(thread), []string{"1"}, "open turns: a final turn is open until Slack has confirmed")
	}},
	{"finish/refused", "a refused Finish leaves neither answer nor history nor usage", func(t *T) {
		t.accept(question("1"))
		l := t.acquire(thread, "w")
		t.advance(l, "1", storage.StateReceived, storage.StatePosting)
		check := t.unchanged("1")
		for _, from := range []storage.State{storage.StateReceived, storage.StateStreaming, storage.StateFinal} {
			_, err := t.store.Finish(t.ctx(), l, storage.Result{
				TurnID: "1", From: from, At: after(time.Second), Answer: "x", Messages: dialogue("1", "x"),
				Usage: []storage.UsageRow{call("U1", "C1", "m", start)}, HistoryFrom: 7, Prompt: storage.PromptNote{Used: 9},
			})
			t.is(err, storage.ErrConflict, "finish a posting turn from "+string(from))
			check("finish from " + string(from))
		}
	}},
	{"finish/once", "a turn is finished once: a repeated Finish would bill twice", func(t *T) {
		t.accept(question("1"))
		l := t.acquire(thread, "w")
		r := storage.Result{
			TurnID: "1", From: storage.StateReceived, At: start, Answer: "42",
			Messages: dialogue("1", "why"), Usage: []storage.UsageRow{call("U1", "C1", "m", start)},
		}
		_, err := t.store.Finish(t.ctx(), l, r)
		t.ok(err, "finish")
		check := t.unchanged("1")
		for _, from := range []storage.State{storage.StateReceived, storage.StateFinal} {
			r.From = from
			_, err = t.store.Finish(t.ctx(), l, r)
			t.is(err, storage.ErrConflict, "finish again from "+string(from))
			check("a second Finish from " + string(from))
		}
	}},
	{"finish/recorded", "calls that the ledger has already are in the turn, before the others, and are not recorded again", func(t *T) {
		t.accept(question("1"))
		before, now := call("U1", "C1", "before", start), call("U1", "C1", "now", after(time.Second))
		before.ThreadTS, before.Outcome = "1700000000.000100", "timeout"
		now.ThreadTS, now.Fallback = "1700000000.000100", true
		t.ok(t.store.Settle(t.ctx(), "1", []storage.UsageRow{before}), "settle")
		r := storage.Result{TurnID: "1", From: storage.StateReceived, At: start, Recorded: []storage.UsageRow{before}, Usage: []storage.UsageRow{now}}
		got := t.finish(t.acquire(thread, "w"), r)
		r.Recorded[0].Model, *r.Recorded[0].Price = "changed", storage.Price{} // must not reach the store
		for range 2 {
			want := []storage.UsageRow{call("U1", "C1", "before", start), now}
			want[0].ThreadTS, want[0].Outcome = before.ThreadTS, before.Outcome
			t.sameRows(t.turn("1").Calls, want, "calls of the turn")
			t.wantCalls(storage.UsageQuery{}, 10, want)
			t.wantUsage("of both", storage.UsageQuery{}, addedUp(storage.UsageQuery{}, want)...)
			t.reopen()
		}
		if len(got.Calls) != 2 {
			t.Errorf("Finish returned %+v", got.Calls)
		}
	}},
	{"finish/race", "of many equal Finish calls exactly one is stored", func(t *T) {
		t.accept(question("1"))
		l := t.acquire(thread, "w")
		race(20, func(int) {
			t.store.Finish(t.ctx(), l, storage.Result{
				TurnID: "1", From: storage.StateReceived, At: start, Answer: "42",
				Messages: dialogue("1", "why"), Usage: []storage.UsageRow{call("U1", "C1", "m", start)},
			})
		})
		t.wantMessages(thread, 0, dialogue("1", "why"))
		if u := t.usage(storage.UsageQuery{}); len(u) != 1 || u[0].Calls != 1 {
			t.Errorf("usage: got %+v, want one call", u)
		}
	}},
	{"finish/empty answer", "an answer may be empty; it replaces the checkpoint", func(t *T) {
		t.accept(question("1"))
		l := t.acquire(thread, "w")
		_, err := t.store.Advance(t.ctx(), l, storage.Change{TurnID: "1", From: storage.StateReceived, To: storage.StatePosting, At: start, Answer: "so far"})
		t.ok(err, "advance")
		got, err := t.store.Finish(t.ctx(), l, storage.Result{TurnID: "1", From: storage.StatePosting, At: start})
		t.ok(err, "finish")
		if got.Answer != "" {
			t.Errorf("answer: got %q, want none", got.Answer)
		}
		t.wantMessages(thread, 0, nil)
	}},
}

var historyCases = []testCase{
	{"history/order and limit", "History returns the newest messages in order; 0 means all", func(t *T) {
		l := t.acquire(thread, "w")
		var all []storage.Message
		for i := range 6 {
			id := fmt.Sprint(i)
			t.accept(question(id))
			m := dialogue(id, "question "+id)[:1+i%2] // some without an answer
			_, err := t.store.Finish(t.ctx(), l, storage.Result{TurnID: id, From: storage.StateReceived, At: start, Messages: m})
			t.ok(err, "finish "+id)
			all = append(all, m...)
		}
		t.wantMessages(thread, 0, all)
		for limit := 1; limit <= len(all)+1; limit++ {
			t.wantMessages(thread, limit, all[max(0, len(all)-limit):])
		}
	}},
	{"history/unknown conversation", "an unknown conversation has an empty history", func(t *T) {
		t.accept(question("1"))
		t.wantMessages(thread, 0, nil)
		t.wantMessages(storage.ConversationKey{TeamID: "none"}, 0, nil)
	}},
	{"history/from", "From is the last HistoryFrom that was not 0, whatever the limit", func(t *T) {
		l := t.acquire(thread, "w")
		for i, c := range []struct{ set, want uint64 }{{0, 0}, {2, 2}, {0, 2}, {5, 5}, {3, 3}} {
			id := fmt.Sprint(i)
			t.accept(question(id))
			_, err := t.store.Finish(t.ctx(), l, storage.Result{
				TurnID: id, From: storage.StateReceived, At: start, Messages: dialogue(id, "x"), HistoryFrom: c.set,
			})
			t.ok(err, "finish "+id)
			for _, limit := range []int{0, 1} {
				if got := t.history(thread, limit).From; got != c.want {
					t.Errorf("From with limit %d after HistoryFrom %d: got %d, want %d", limit, c.set, got, c.want)
				}
			}
		}
	}},
	{"history/isolation", "a conversation's history is its own, even if names begin alike", func(t *T) {
		for i, key := range prefixKeys {
			t.finished(in(key, question(fmt.Sprint(i))), start)
		}
		for i, key := range prefixKeys {
			t.wantMessages(key, 0, dialogue(fmt.Sprint(i), question(fmt.Sprint(i)).Text))
		}
	}},
}

// wantMessages compares a history, and checks that Seq grows.
func (t *T) wantMessages(key storage.ConversationKey, limit int, want []storage.Message) {
	t.Helper()
	got := t.history(key, limit).Messages
	for i := range got {
		if got[i].Seq == 0 || i > 0 && got[i].Seq <= got[i-1].Seq {
			t.Errorf("Seq of message %d: %d, must not be 0 and must grow", i, got[i].Seq)
			break
		}
	}
	got = slices.Clone(got)
	for i := range got {
		got[i].Seq = 0
	}
	if !slices.Equal(got, want) {
		t.Errorf("history of %s, limit %d:\n\tgot  %+v\n\twant %+v", key, limit, got, want)
	}
}
