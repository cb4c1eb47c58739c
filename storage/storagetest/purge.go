package storagetest

import (
	"fmt"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// old returns the n-th of a series of conversations.
func old(n int) storage.ConversationKey {
	return storage.ConversationKey{TeamID: "T1", ChannelID: "C1", ThreadTS: fmt.Sprintf("160000%04d.000100", n)}
}

var purgeCases = []testCase{
	{"purge/conversations", "a conversation expires by its last activity and takes its turns and history with it", func(t *T) {
		for i := range 5 {
			t.finished(in(old(i), question(fmt.Sprint(i))), after(time.Duration(i)*time.Minute))
		}
		t.finished(in(old(0), question("0 again")), after(10*time.Minute)) // keeps the oldest alive
		t.purge(storage.Before{Conversations: after(3 * time.Minute)}, 100)
		for i, want := range []bool{true, false, false, true, true} {
			t.wantConversation(old(i), fmt.Sprint(i), want)
		}
		if got := t.turn("0 again").Answer; got == "" {
			t.Errorf("the turn that kept the conversation alive has lost its answer")
		}
		t.accept(in(old(1), question("1"))) // the id is free again, too
		t.wantMessages(old(1), 0, nil)
	}},
	{"purge/activity", "every change of a turn is activity of its conversation, and a late one does not take it back", func(t *T) {
		t.accept(in(old(0), question("advanced")), in(old(1), question("joined")), in(old(1), question("joined too")))
		t.finished(in(old(2), question("voted")), start)
		t.finished(in(old(3), question("silent")), start)
		late := in(old(4), question("late"))
		late.ReceivedAt = after(2 * time.Hour)
		t.accept(late)

		l := t.acquire(old(0), "w")
		_, err := t.store.Advance(t.ctx(), l, storage.Change{TurnID: "advanced", From: storage.StateReceived, To: storage.StateFailed, At: after(2 * time.Hour)})
		t.ok(err, "advance")
		l = t.acquire(old(1), "w")
		_, err = t.store.Join(t.ctx(), l, "joined", []string{"joined too"}, after(2*time.Hour))
		t.ok(err, "join")
		t.advance(l, "joined", storage.StateReceived, storage.StateRejected) // at the start
		t.ok(t.store.SetFeedback(t.ctx(), "voted", "U1", 1, after(2*time.Hour)), "set feedback")
		l = t.acquire(old(4), "w")
		t.advance(l, "late", storage.StateReceived, storage.StateRejected) // at the start

		t.purge(storage.Before{Conversations: after(time.Hour)}, 100)
		for _, id := range []string{"advanced", "joined", "joined too", "voted", "late"} {
			t.turn(id)
		}
		t.is(second(t.store.Turn(t.ctx(), "silent")), storage.ErrNotFound, "turn of a conversation without activity")
		t.purge(storage.Before{Conversations: after(3 * time.Hour)}, 100)
		for _, id := range []string{"advanced", "joined", "joined too", "voted", "late"} {
			t.is(second(t.store.Turn(t.ctx(), id)), storage.ErrNotFound, "turn "+id+" after two more hours")
		}
	}},
	{"purge/open turns", "a conversation with an open turn stays, however old", func(t *T) {
		for state, path := range paths {
			key := thread
			key.ChannelID = string(state)
			t.accept(in(key, question(string(state))))
			t.advance(t.acquire(key, "w"), string(state), path...)
		}
		t.purge(storage.Before{Conversations: after(1000 * time.Hour)}, 100)
		for state := range paths {
			_, err := t.store.Turn(t.ctx(), string(state))
			if state.Terminal() {
				t.is(err, storage.ErrNotFound, "turn in state "+string(state))
			} else {
				t.ok(err, "turn in state "+string(state))
			}
		}
	}},
	{"purge/limit", "Purge deletes at most limit things; less than limit means nothing is left", func(t *T) {
		for i := range 7 {
			t.finished(in(old(i), question(fmt.Sprint(i))), start)
			t.wantOnce("claim", true, event(fmt.Sprint(i)))
			t.ok(t.store.RecordUsage(t.ctx(), []storage.UsageRow{call("U1", fmt.Sprint("C", i), "m", start)}), "record usage")
		}
		b := storage.Before{Conversations: after(time.Hour), Dedupe: after(time.Hour), Usage: start.AddDate(0, 0, 1)}
		if n, err := t.store.Purge(t.ctx(), b, 2); n != 2 || err != nil {
			t.Errorf("purge of 2 while more has expired: got %d, %v", n, err)
		}
		t.purge(b, 2)
		for i := range 7 {
			t.wantConversation(old(i), fmt.Sprint(i), false)
			t.wantOnce("claim after expiry", true, event(fmt.Sprint(i)))
		}
		t.wantUsage("after expiry", storage.UsageQuery{})
		if n, err := t.store.Purge(t.ctx(), storage.Before{Conversations: after(time.Hour), Usage: start.AddDate(0, 0, 1)}, 2); n != 0 || err != nil {
			t.Errorf("purge when nothing is left: got %d, %v", n, err)
		}
	}},
	{"purge/dedupe", "a key is claimed until it has expired, then it is fresh again", func(t *T) {
		first := question("1")
		t.wantFresh("first", true, first, event("a"), event("b"))
		next := question("2")
		next.ReceivedAt = after(time.Minute)
		t.wantFresh("a minute later", true, next, event("c"))
		t.purge(storage.Before{Dedupe: start}, 100)
		t.wantOnce("claimed at the very time", false, event("a"))
		t.purge(storage.Before{Dedupe: after(time.Second)}, 100)
		t.wantOnce("claimed later", false, event("c"))
		t.wantOnce("expired", true, event("a"))
		t.wantOnce("claimed with it", true, event("b"))
		t.wantOnce("claimed again", false, event("a"))
		t.turn("1")
	}},
	{"purge/usage", "usage expires by whole days, rows and totals", func(t *T) {
		var want []storage.UsageTotal
		for day := range 4 {
			r := call("U1", "C1", "m", start.AddDate(0, 0, day))
			t.ok(t.store.RecordUsage(t.ctx(), []storage.UsageRow{r}), "record usage")
			total := storage.UsageTotal{Day: storage.DayOf(r.At), UserID: "U1", ChannelID: "C1", Provider: "p", Model: "m"}
			total.Add(r)
			want = append(want, total)
		}
		t.purge(storage.Before{Usage: start.AddDate(0, 0, 2).Add(time.Hour)}, 100)
		t.wantUsage("of the day that is not over and after", storage.UsageQuery{}, want[2:]...)
	}},
	{"purge/zero", "a zero time expires nothing", func(t *T) {
		t.finished(question("1"), start)
		t.wantOnce("claim", true, event("a"))
		t.ok(t.store.RecordUsage(t.ctx(), []storage.UsageRow{call("U1", "C1", "m", start)}), "record usage")
		check := t.unchanged("1")
		t.purge(storage.Before{}, 100)
		check("a purge of nothing")
		t.wantOnce("claimed", false, event("a"))
	}},
}

// purge calls Purge until it says that nothing is left.
func (t *T) purge(b storage.Before, limit int) {
	t.Helper()
	for range 1000 {
		n, err := t.store.Purge(t.ctx(), b, limit)
		t.ok(err, "purge")
		if n > limit {
			t.Errorf("purge deleted %d things, the limit is %d", n, limit)
		}
		if n < limit {
			return
		}
	}
	t.Fatalf("purge finds something to delete for ever")
}

// wantConversation checks that a finished conversation is there or gone as a
// whole.
func (t *T) wantConversation(key storage.ConversationKey, id string, want bool) {
	t.Helper()
	_, err := t.store.Turn(t.ctx(), id)
	messages := len(t.history(key, 0).Messages)
	if got := err == nil; got != want || (messages > 0) != want {
		t.Errorf("conversation %s: turn %v, %d messages, want it kept: %v", key, err, messages, want)
	}
}
