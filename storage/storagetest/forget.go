package storagetest

import (
	"fmt"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

var forgetCases = []testCase{
	{"turns", "all turns of a conversation come in the order of their Slack ts, whatever their state", func(t *T) {
		l := t.acquire(thread, "w")
		i := 0
		for state, path := range paths {
			turn := said(fmt.Sprintf("170000000%d.000100", i), question(string(state)))
			t.accept(turn)
			t.advance(l, turn.ID, path...)
			i++
		}
		t.accept(said("999999999.000100", question("first")))
		for i, key := range prefixKeys {
			t.accept(in(key, question(fmt.Sprint("elsewhere ", i))))
		}
		got, err := t.store.Turns(t.ctx(), thread)
		t.ok(err, "turns")
		if len(got) != len(paths)+1 || got[0].ID != "first" {
			t.Fatalf("got %+v", got)
		}
		for i, turn := range got {
			t.sameTurn(turn, t.turn(turn.ID), "turn of Turns")
			if i > 0 && len(got[i-1].TS) == len(turn.TS) && got[i-1].TS > turn.TS {
				t.Errorf("turn at %s comes before that at %s", got[i-1].TS, turn.TS)
			}
		}
		got, err = t.store.Turns(t.ctx(), old(1))
		t.ok(err, "turns of an unknown conversation")
		t.sameTurns(got, nil, "turns of an unknown conversation")
	}},
	{"forget/what", "either a conversation or a person is forgotten, never both and never nothing", func(t *T) {
		t.discussed()
		check := t.unchanged("first")
		for _, f := range []storage.Forgetting{{}, {Key: thread, UserID: "U1", At: start}, {After: "1"}} {
			if _, err := t.store.Forget(t.ctx(), f); err == nil {
				t.Errorf("forget %+v: no error", f)
			}
		}
		check("refused calls")
	}},
	{"forget/conversation", "a conversation goes with its turns and its history, and no other does", func(t *T) {
		all := t.discussed()
		for i, key := range prefixKeys {
			t.finished(in(key, question(fmt.Sprint(i))), start)
		}
		t.forget(storage.Forgetting{Key: thread, At: after(time.Minute)}, storage.Forgotten{Conversations: 1, Turns: 2, Messages: len(all)})
		for _, id := range []string{"first", "second"} {
			t.is(second(t.store.Turn(t.ctx(), id)), storage.ErrNotFound, "turn "+id)
		}
		t.wantMessages(thread, 0, nil)
		got, err := t.store.Turns(t.ctx(), thread)
		t.ok(err, "turns")
		t.sameTurns(got, nil, "turns of a forgotten conversation")
		for i, key := range prefixKeys {
			t.wantConversation(key, fmt.Sprint(i), true)
		}
		for i, key := range prefixKeys {
			if key.TeamID != "" {
				t.forget(storage.Forgetting{Key: key, At: start}, storage.Forgotten{Conversations: 1, Turns: 1, Messages: 2})
				t.wantConversation(key, fmt.Sprint(i), false)
			}
		}
		t.wantConversation(prefixKeys[6], "6", true)
		t.forget(storage.Forgetting{Key: thread, At: after(time.Minute)}, storage.Forgotten{})
		t.forget(storage.Forgetting{Key: old(9), At: start}, storage.Forgotten{})
	}},
	{"forget/any team", "without a team the thread is meant, in whichever team", func(t *T) {
		other := thread
		other.TeamID = "T2"
		t.finished(question("1"), start)
		t.finished(in(other, question("2")), start)
		t.finished(in(prefixKeys[0], question("3")), start)
		key := thread
		key.TeamID = ""
		t.forget(storage.Forgetting{Key: key, At: start}, storage.Forgotten{Conversations: 2, Turns: 2, Messages: 4})
		t.wantConversation(thread, "1", false)
		t.wantConversation(other, "2", false)
		t.wantConversation(prefixKeys[0], "3", true)
	}},
	{"forget/open turns", "a conversation with an open turn is a conflict and stays as it is", func(t *T) {
		for state, path := range paths {
			key := thread
			key.ChannelID = string(state)
			id := string(state)
			t.accept(in(key, question(id)))
			t.advance(t.acquire(key, "w"), id, path...)
			check := t.unchanged(id)
			got, err := t.store.Forget(t.ctx(), storage.Forgetting{Key: key, At: start})
			if state.Terminal() {
				t.ok(err, "forget a turn that is "+id)
				t.is(second(t.store.Turn(t.ctx(), id)), storage.ErrNotFound, "turn "+id)
				continue
			}
			t.is(err, storage.ErrConflict, "forget a turn that is "+id)
			if got != (storage.Forgotten{}) {
				t.Errorf("a refused call has erased %+v", got)
			}
			check("a refused call")
		}
	}},
	{"forget/again", "a forgotten conversation begins anew, and says until when it was forgotten", func(t *T) {
		t.discussed()
		t.forget(storage.Forgetting{Key: thread, At: after(time.Minute)}, storage.Forgotten{Conversations: 1, Turns: 2, Messages: 5})
		t.wantForgotten(thread, map[string]time.Time{"": after(time.Minute)})
		t.wantConversations("after it was forgotten")
		t.finished(question("first"), start) // the id is free again
		t.wantMessages(thread, 0, dialogue("first", question("first").Text))
		t.wantForgotten(thread, map[string]time.Time{"": after(time.Minute)})
		t.reopen()
		t.wantForgotten(thread, map[string]time.Time{"": after(time.Minute)})
		t.wantMessages(thread, 0, dialogue("first", question("first").Text))
		h := t.history(thread, 0)
		h.Forgotten["U9"] = start // must not reach the store
		t.wantForgotten(thread, map[string]time.Time{"": after(time.Minute)})
	}},
	{"forget/keeps", "usage and dedupe keys stay", func(t *T) {
		fresh, err := t.store.Accept(t.ctx(), question("1"), []storage.DedupeKey{event("a")})
		if !fresh || err != nil {
			t.Fatalf("accept: %v, %v", fresh, err)
		}
		l := t.acquire(thread, "w")
		t.finish(l, storage.Result{TurnID: "1", From: storage.StateReceived, At: start, Messages: dialogue("1", "x"), Usage: []storage.UsageRow{call("U1", "C1", "m", start)}})
		t.advance(l, "1", storage.StateFinal, storage.StateDone)
		want := t.usage(storage.UsageQuery{})
		t.forget(storage.Forgetting{UserID: "U1", At: start}, storage.Forgotten{Conversations: 1, Turns: 1, Messages: 2})
		t.forget(storage.Forgetting{Key: thread, At: start}, storage.Forgotten{})
		t.wantUsage("after both ways to forget", storage.UsageQuery{}, want...)
		t.wantFresh("a late redelivery", false, question("2"), event("a"))
	}},
	{"forget/expiry", "what is remembered of a forgotten conversation expires when the conversation would have", func(t *T) {
		t.finished(in(old(0), question("1")), start)
		t.finished(in(old(1), question("2")), start)
		t.forget(storage.Forgetting{Key: old(0), At: after(5 * time.Hour)}, storage.Forgotten{Conversations: 1, Turns: 1, Messages: 2})
		t.forget(storage.Forgetting{UserID: "U1", At: after(5 * time.Hour)}, storage.Forgotten{Conversations: 1, Turns: 1, Messages: 2})
		t.purge(storage.Before{Conversations: after(time.Hour)}, 10)
		for i := range 2 {
			t.wantForgotten(old(i), nil)
			t.accept(in(old(i), question(fmt.Sprint(i+1))))
		}
	}},
	{"forget/race", "either a turn is open again or its conversation is forgotten, never both", func(t *T) {
		for i := range 20 {
			key := thread
			key.ChannelID = fmt.Sprint("C", i)
			id := fmt.Sprint(i)
			t.finished(in(key, question(id)), start)
			var reopened, forgot error
			race(2, func(i int) {
				if i == 0 {
					_, _, reopened = t.store.Reopen(t.ctx(), storage.Reopening{TurnID: id, At: start})
				} else {
					_, forgot = t.store.Forget(t.ctx(), storage.Forgetting{Key: key, At: start})
				}
			})
			if (reopened == nil) == (forgot == nil) {
				t.Errorf("reopen: %v, forget: %v", reopened, forgot)
			}
			if _, err := t.store.Turn(t.ctx(), id); (err == nil) != (reopened == nil) {
				t.Errorf("reopen: %v, turn: %v", reopened, err)
			}
		}
	}},
}

// forget calls Forget until nothing is left, and must have erased this.
func (t *T) forget(f storage.Forgetting, want storage.Forgotten) {
	t.Helper()
	got, err := storage.ForgetAll(t.ctx(), t.store, f, nil)
	t.ok(err, fmt.Sprintf("forget %s%s", f.Key, f.UserID))
	if got != want {
		t.Errorf("forget %s%s: erased %+v, want %+v", f.Key, f.UserID, got, want)
	}
}

func (t *T) wantForgotten(key storage.ConversationKey, want map[string]time.Time) {
	t.Helper()
	got := t.history(key, 1).Forgotten
	if len(got) != len(want) {
		t.Errorf("forgotten in %s: got %v, want %v", key, got, want)
	}
	for user, at := range want {
		if !got[user].Equal(at) {
			t.Errorf("forgotten in %s of %q: got %v, want %v", key, user, got[user], at)
		}
	}
}
