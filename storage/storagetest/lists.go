package storagetest

import (
	"fmt"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// judge sets feedback.
func (t *T) judge(turnID, userID string, value int) {
	t.Helper()
	t.ok(t.store.SetFeedback(t.ctx(), turnID, userID, value, after(time.Hour)), "feedback")
}

// judged is an answered turn in a conversation of its own.
func (t *T) judged(n int, received time.Time) string {
	t.Helper()
	turn := in(old(n), question(fmt.Sprint("turn ", n)))
	t.finished(turn, received)
	return turn.ID
}

// wantVerdicts compares what both lists have, as "turn user" by value.
func (t *T) wantVerdicts(since time.Time, good, bad []string) {
	t.Helper()
	for value, want := range map[int][]string{1: good, -1: bad} {
		for limit := range len(want) + 2 {
			list, err := t.store.Verdicts(t.ctx(), value, since, limit)
			t.ok(err, "verdicts")
			got := make([]string, 0, len(list))
			for _, v := range list {
				got = append(got, v.Turn.ID+" "+v.UserID)
				if v.Value != value || v.Turn.Feedback[v.UserID] != value {
					t.Errorf("verdict %+v in the list of %d", v, value)
				}
				t.sameTurn(v.Turn, t.turn(v.Turn.ID), "turn of a verdict")
			}
			t.wantIDs(got, want[:min(limit, len(want))], fmt.Sprintf("verdicts of %d since %s, limit %d", value, since, limit))
		}
	}
}

// wantMine compares a user's conversations, as numbers of old.
func (t *T) wantMine(userID string, want ...int) {
	t.Helper()
	for _, limit := range []int{len(want) + 1, len(want), len(want) / 2} {
		list, err := t.store.Conversations(t.ctx(), userID, limit)
		t.ok(err, "conversations")
		got, wanted := []string{}, []string{}
		for _, c := range list {
			got = append(got, c.Key.String())
		}
		for _, n := range want[:min(limit, len(want))] {
			wanted = append(wanted, old(n).String())
		}
		t.wantIDs(got, wanted, fmt.Sprintf("conversations of %s, limit %d", userID, limit))
	}
}

var verdictCases = []testCase{
	{"verdicts/order", "each list has the feedback of its value on turns received since, the latest first", func(t *T) {
		t.wantVerdicts(start, nil, nil)
		for i, at := range []time.Duration{2 * time.Second, 0, time.Second, time.Second + time.Microsecond, -time.Hour} {
			t.judged(i, after(at))
		}
		for i := range 5 {
			t.judge(fmt.Sprint("turn ", i), "U1", 1-2*(i%2))
		}
		t.judge("turn 2", "U2", -1)
		t.judge("turn 3", "U2", 1)
		t.judged(9, start) // nobody's
		for range 2 {
			t.wantVerdicts(start.Add(-2*time.Hour), []string{"turn 0 U1", "turn 3 U2", "turn 2 U1", "turn 4 U1"}, []string{"turn 3 U1", "turn 2 U2", "turn 1 U1"})
			t.wantVerdicts(time.Time{}, []string{"turn 0 U1", "turn 3 U2", "turn 2 U1", "turn 4 U1"}, []string{"turn 3 U1", "turn 2 U2", "turn 1 U1"})
			t.wantVerdicts(after(time.Second), []string{"turn 0 U1", "turn 3 U2", "turn 2 U1"}, []string{"turn 3 U1", "turn 2 U2"})
			t.wantVerdicts(after(time.Second+time.Microsecond), []string{"turn 0 U1", "turn 3 U2"}, []string{"turn 3 U1"})
			t.wantVerdicts(after(time.Hour), nil, nil)
			t.reopen()
		}
	}},
	{"verdicts/changes", "who changes their mind is in the other list, and who takes it back in none", func(t *T) {
		t.judged(0, start)
		for _, c := range []struct {
			user  string
			value int
			good  []string
			bad   []string
		}{
			{"U1", 1, []string{"turn 0 U1"}, nil},
			{"U1", 1, []string{"turn 0 U1"}, nil},
			{"U1", -1, nil, []string{"turn 0 U1"}},
			{"U2", 1, []string{"turn 0 U2"}, []string{"turn 0 U1"}},
			{"U1", 0, []string{"turn 0 U2"}, nil},
			{"U1", 0, []string{"turn 0 U2"}, nil},
			{"U2", 0, nil, nil},
		} {
			t.judge("turn 0", c.user, c.value)
			t.wantVerdicts(start, c.good, c.bad)
		}
	}},
	{"verdicts/reopened", "a turn that is answered anew is judged anew", func(t *T) {
		t.judged(0, start)
		t.judge("turn 0", "U1", 1)
		t.judge("turn 0", "U2", -1)
		_, _, err := t.store.Reopen(t.ctx(), storage.Reopening{TurnID: "turn 0", At: after(time.Minute)})
		t.ok(err, "reopen")
		t.wantVerdicts(time.Time{}, nil, nil)
		t.judge("turn 0", "U1", -1)
		t.wantVerdicts(after(time.Minute), nil, []string{"turn 0 U1"})
	}},
	{"verdicts/forgotten", "the feedback of a person who is forgotten goes, and with a turn that on it", func(t *T) {
		t.judged(0, start)
		t.accept(in(old(1), by("U2", question("other"))))
		t.judge("turn 0", "U2", 1)
		t.judge("other", "U1", -1)
		t.judge("other", "U3", -1)
		t.forget(storage.Forgetting{UserID: "U1", At: start}, storage.Forgotten{Conversations: 2, Turns: 1, Messages: 2})
		t.wantVerdicts(time.Time{}, nil, []string{"other U3"})
		t.judged(2, start)
		t.judge("turn 2", "U3", 1)
		t.forget(storage.Forgetting{Key: old(2), At: start}, storage.Forgotten{Conversations: 1, Turns: 1, Messages: 2})
		t.wantVerdicts(time.Time{}, nil, []string{"other U3"})
		t.finished(in(old(2), question("turn 2")), start) // the id is free again
		t.wantVerdicts(time.Time{}, nil, []string{"other U3"})
	}},
	{"verdicts/purged", "verdicts expire with their conversation", func(t *T) {
		for i := range 3 {
			t.judged(i, start)
			t.ok(t.store.SetFeedback(t.ctx(), fmt.Sprint("turn ", i), "U1", 1, after(time.Duration(i)*time.Hour)), "feedback")
		}
		t.purge(storage.Before{Conversations: after(90 * time.Minute)}, 1)
		t.wantVerdicts(time.Time{}, []string{"turn 2 U1"}, nil)
	}},
}

var conversationCases = []testCase{
	{"conversations/own", "a user's list has the conversations in which they were answered, the youngest thread first, and no others", func(t *T) {
		t.wantMine("U1")
		for _, n := range []int{3, 1, 4, 2} {
			t.finished(in(old(n), question(fmt.Sprint("of U1 in ", n))), after(time.Duration(10-n)*time.Hour))
		}
		t.finished(in(old(3), by("U2", question("of U2 in 3"))), start)
		t.finished(in(old(5), by("U2", question("of U2 in 5"))), start)
		t.finished(in(old(6), by("U10", question("of U10"))), start)
		t.accept(in(old(7), question("not answered")))
		for range 2 {
			t.wantMine("U1", 4, 3, 2, 1)
			t.wantMine("U2", 5, 3)
			t.wantMine("U10", 6)
			t.wantMine("U")
			t.reopen()
		}
		t.advance(t.acquire(old(7), "w"), "not answered", storage.StateReceived, storage.StateFailed)
		t.wantMine("U1", 4, 3, 2, 1)
	}},
	{"conversations/says", "an entry says what the user asked first, how often they asked, and when anything happened last", func(t *T) {
		late := said("1700000009.000100", question("2"))
		t.finished(late, after(time.Hour))
		t.finished(said("1700000001.000100", by("U2", question("of another"))), after(2*time.Hour))
		t.finished(said("1700000002.000100", question("1")), start)
		list, err := t.store.Conversations(t.ctx(), "U1", 10)
		t.ok(err, "conversations")
		if len(list) != 1 || list[0].Key != thread || list[0].Question != question("1").Text || list[0].Turns != 2 || !list[0].Active.Equal(after(2*time.Hour)) {
			t.Errorf("got %+v", list)
		}
	}},
	{"conversations/joined", "who was answered together with others has the conversation in their list, with their own words", func(t *T) {
		t.accept(in(old(1), said(heardTS, by("U1", question("1")))), in(old(1), said(firstTS, by("U2", question("2")))), in(old(1), said(secondTS, by("U3", question("3")))))
		t.join("2", "1")
		t.wantMine("U1")
		t.join("3", "2")
		t.answer("3")
		for user, id := range map[string]string{"U1": "1", "U2": "2", "U3": "3"} {
			t.wantMine(user, 1)
			list, err := t.store.Conversations(t.ctx(), user, 1)
			t.ok(err, "conversations")
			if len(list) != 1 || list[0].Question != question(id).Text || list[0].Turns != 1 {
				t.Errorf("conversations of %s: %+v", user, list)
			}
		}
		t.reopen()
		t.forget(storage.Forgetting{UserID: "U3", At: start}, storage.Forgotten{Conversations: 1, Turns: 1, Messages: 2})
		t.wantMine("U1") // the answer is gone
		t.wantMine("U3")
	}},
	{"conversations/joined in vain", "a question joined into one that failed was not answered", func(t *T) {
		t.accept(in(old(1), said(firstTS, by("U1", question("1")))), in(old(1), said(secondTS, by("U2", question("2")))))
		t.join("2", "1")
		t.advance(t.acquire(old(1), "w"), "2", storage.StateReceived, storage.StateFailed)
		t.wantMine("U1")
		t.wantMine("U2")
	}},
	{"conversations/reopened", "a conversation stays in the list while its question is answered anew, and goes if that is given up", func(t *T) {
		t.finished(in(old(1), question("1")), start)
		t.finished(in(old(2), question("2")), start)
		for _, id := range []string{"1", "2"} {
			_, _, err := t.store.Reopen(t.ctx(), storage.Reopening{TurnID: id, At: after(time.Minute)})
			t.ok(err, "reopen")
		}
		t.wantMine("U1", 2, 1)
		t.answer("1")
		t.advance(t.acquire(old(2), "w"), "2", storage.StateReceived, storage.StateCancelled)
		t.wantMine("U1", 1)
	}},
	{"conversations/forgotten", "a conversation that is forgotten, or in which nothing of the user is left, goes from the list", func(t *T) {
		for n := range 3 {
			t.finished(in(old(n), question(fmt.Sprint("of U1 in ", n))), start)
			t.finished(in(old(n), by("U2", question(fmt.Sprint("of U2 in ", n)))), start)
		}
		t.accept(in(old(1), question("open")))
		t.forget(storage.Forgetting{Key: old(0), At: start}, storage.Forgotten{Conversations: 1, Turns: 2, Messages: 4})
		t.wantMine("U1", 2, 1)
		t.wantMine("U2", 2, 1)
		_, err := storage.ForgetAll(t.ctx(), t.store, storage.Forgetting{UserID: "U1", At: start}, nil)
		t.ok(err, "forget U1")
		t.wantMine("U1") // what is open has no answer
		t.wantMine("U2", 2, 1)
		t.answer("open")
		t.wantMine("U1", 1)
	}},
	{"conversations/purged", "a conversation that has expired goes from the lists of all who were in it", func(t *T) {
		for n := range 3 {
			t.finished(in(old(n), question(fmt.Sprint("of U1 in ", n))), after(time.Duration(n)*time.Hour))
			t.finished(in(old(n), by("U2", question(fmt.Sprint("of U2 in ", n)))), after(time.Duration(n)*time.Hour))
		}
		t.purge(storage.Before{Conversations: after(90 * time.Minute)}, 1)
		t.wantMine("U1", 2)
		t.wantMine("U2", 2)
	}},
	{"conversations/unsaid", "words that were taken back are not what the user asked first", func(t *T) {
		t.accept(in(old(1), said(firstTS, question("1"))), in(old(1), said(secondTS, question("2"))))
		t.join("2", "1")
		_, err := t.store.Unsay(t.ctx(), old(1), firstTS, start)
		t.ok(err, "unsay")
		t.answer("2")
		list, err := t.store.Conversations(t.ctx(), "U1", 1)
		t.ok(err, "conversations")
		if len(list) != 1 || list[0].Question != question("2").Text {
			t.Errorf("got %+v", list)
		}
	}},
}
