package storagetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

var durableCases = []testCase{
	{"durable/everything", "what was answered with nil is there after a restart", func(t *T) {
		t.finished(question("done"), start)
		t.ok(t.store.SetFeedback(t.ctx(), "done", "U1", 1, start), "set feedback")
		l := t.acquire(thread, "w")
		for state, path := range paths {
			t.wantFresh(string(state), true, said(fmt.Sprintf("17000001%02d.000001", len(state)), question("in "+string(state))), event("of "+string(state)))
			t.advance(l, "in "+string(state), path...)
		}
		_, err := t.store.Finish(t.ctx(), l, storage.Result{
			TurnID: "in streaming", From: storage.StateStreaming, At: start, Answer: "42", HistoryFrom: 2,
			Messages: dialogue("in streaming", "why"), Usage: []storage.UsageRow{call("U1", "C1", "m", start)},
			Prompt: storage.PromptNote{Used: 1, Window: 4000, Oldest: "1.1"},
		})
		t.ok(err, "finish")
		t.accept(question("5"), question("6"))
		_, err = t.store.Join(t.ctx(), l, "6", []string{"5"}, start)
		t.ok(err, "join")
		t.wantOnce("claim", true, storage.DedupeKey{Kind: "action", Value: "x"})
		t.ok(t.store.RecordUsage(t.ctx(), []storage.UsageRow{call("U2", "C2", "m", start)}), "record usage")
		t.finished(in(old(1), question("expired")), start.AddDate(0, 0, -1))
		t.purge(storage.Before{Conversations: start.Add(-time.Hour)}, 10)

		checks := []func(string){t.unchanged("done"), t.unchanged("5"), t.unchanged("6")}
		for state := range paths {
			checks = append(checks, t.unchanged("in "+string(state)))
		}
		for _, what := range []string{"a restart", "another restart"} {
			t.reopen()
			for _, check := range checks {
				check(what)
			}
			t.wantConversations(what, thread)
			for state := range paths {
				t.wantFresh("key from before "+what, false, question("new"), event("of "+string(state)))
			}
			t.wantOnce("key from before "+what, false, storage.DedupeKey{Kind: "action", Value: "x"})
			t.wantConversation(old(1), "expired", false)
		}
		_, err = t.store.Accept(t.ctx(), question("done"), nil)
		t.is(err, storage.ErrConflict, "accept an id from before the restarts")
	}},
	{"durable/sequence", "a history goes on after a restart where it was", func(t *T) {
		t.finished(question("1"), start)
		t.reopen()
		t.finished(question("2"), start)
		t.wantMessages(thread, 0, append(dialogue("1", question("1").Text), dialogue("2", question("2").Text)...))
	}},
	{"durable/expiry", "what has expired is found after a restart, too", func(t *T) {
		t.finished(in(old(1), question("1")), start)
		t.wantOnce("claim", true, event("a"), event("b"))
		t.reopen()
		t.purge(storage.Before{Conversations: after(time.Hour), Dedupe: after(time.Hour)}, 10)
		t.wantConversation(old(1), "1", false)
		t.wantOnce("expired", true, event("a"))
		t.reopen()
		t.wantOnce("claimed again", false, event("a"))
		t.wantOnce("expired", true, event("b"))
	}},
	{"durable/large values", "a megabyte of text is stored whole", func(t *T) {
		mega := strings.Repeat("0123456789abcdeé", 1<<16)
		want := question("1")
		want.Text = mega
		t.accept(want)
		l := t.acquire(thread, "w")
		_, err := t.store.Advance(t.ctx(), l, storage.Change{TurnID: "1", From: storage.StateReceived, To: storage.StatePosting, At: start, Answer: mega})
		t.ok(err, "advance")
		messages := dialogue("1", mega)
		_, err = t.store.Finish(t.ctx(), l, storage.Result{TurnID: "1", From: storage.StatePosting, At: start, Answer: mega + "!", Messages: messages})
		t.ok(err, "finish")
		check := func() {
			t.Helper()
			if got := t.turn("1"); got.Text != mega || got.Answer != mega+"!" {
				t.Errorf("text of %d and answer of %d bytes, want %d and one more", len(got.Text), len(got.Answer), len(mega))
			}
			if h := t.history(thread, 0).Messages; len(h) != 2 || h[0].Text != messages[0].Text || h[1].Text != messages[1].Text {
				t.Errorf("history is not what was stored")
			}
		}
		check()
		t.reopen()
		check()
	}},
}
