package storagetest

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

var acceptCases = []testCase{
	{"accept/round trip", "Accept stores the turn as it was given, in StateReceived", func(t *T) {
		want := question("1")
		want.State = storage.StateDone // the store decides, not the caller
		want.Attempt, want.Direct, want.ReplyID = 2, true, "r1"
		want.Parts = []storage.Part{{TS: "1.1", Stream: true}, {TS: "1.2"}}
		want.Answer, want.Failure, want.JoinedInto = "half an ans", "why", "0"
		want.Feedback = map[string]int{"U1": 1, "U2": -1}
		want.Calls = []storage.UsageRow{call("U1", "C1", "m", start), {Outcome: "timeout"}}
		want.Prompt, want.Again, want.EditedTS = storage.PromptNote{Used: 4, Thread: 3, Dropped: 2, Window: 1000, Oldest: "1.1"}, true, "7.000001"
		want.UpdatedAt = after(time.Microsecond)
		t.accept(want)
		want.State = storage.StateReceived
		t.sameTurn(t.turn("1"), want, "turn")
	}},
	{"accept/claimed key", "if one key is claimed, Accept returns false and stores neither the turn nor a key", func(t *T) {
		t.wantFresh("first", true, question("1"), event("a"), event("b"))
		t.wantFresh("one new key, one claimed", false, question("2"), event("c"), event("b"))
		t.is(second(t.store.Turn(t.ctx(), "2")), storage.ErrNotFound, "turn of a refused Accept")
		t.wantIDs(t.openIDs(thread), []string{"1"}, "open turns")
		t.wantFresh("the new key of the refused call", true, question("3"), event("c"))
	}},
	{"accept/every key counts", "each key of a call is claimed, whatever its place", func(t *T) {
		t.wantFresh("first", true, question("1"), event("a"), event("b"), event("c"))
		for i, k := range []string{"a", "b", "c"} {
			t.wantFresh("key "+k, false, question(fmt.Sprint("x", i)), event(k))
		}
	}},
	{"accept/twin keys", "the same key twice in one call is one claim", func(t *T) {
		t.wantFresh("twins", true, question("1"), event("a"), event("a"))
		t.wantFresh("again", false, question("2"), event("a"))
	}},
	{"accept/keys do not run together", "a key is its kind and its value, not their concatenation", func(t *T) {
		for i, k := range []storage.DedupeKey{
			{Kind: "a", Value: "bc"}, {Kind: "ab", Value: "c"}, {Kind: "abc"}, {Value: "abc"},
			{Kind: "a", Value: "b:c"}, {Kind: "a:b", Value: "c"}, {Kind: "a", Value: "c:b"}, {Kind: "a", Value: "BC"}, {},
		} {
			t.wantFresh(fmt.Sprintf("%q", k), true, question(fmt.Sprint(i)), k)
		}
	}},
	{"accept/no keys", "without keys nothing is a duplicate", func(t *T) {
		t.accept(question("1"), question("2"))
	}},
	{"accept/id exists", "a turn whose ID exists is ErrConflict and claims nothing", func(t *T) {
		t.wantFresh("first", true, question("1"), event("a"))
		check := t.unchanged("1")
		other := question("1")
		other.Text = "something else"
		_, err := t.store.Accept(t.ctx(), other, []storage.DedupeKey{event("b")})
		t.is(err, storage.ErrConflict, "accept the same id with a fresh key")
		elsewhere := other
		elsewhere.Key.ChannelID = "C2"
		_, err = t.store.Accept(t.ctx(), elsewhere, nil)
		t.is(err, storage.ErrConflict, "accept the same id in another conversation")
		check("the refused Accept")
		t.wantFresh("key of the refused call", true, question("2"), event("b"))
	}},
	{"accept/redelivery", "keys are looked at before the ID: a redelivery is a duplicate, not an error", func(t *T) {
		t.wantFresh("first", true, question("1"), event("a"))
		t.wantFresh("the same again", false, question("1"), event("a"))
	}},
	{"accept/race", "of many deliveries of one message exactly one is fresh, and the others claim nothing", func(t *T) {
		const n = 50
		var fresh atomic.Int64
		race(n, func(i int) {
			ok, err := t.store.Accept(t.ctx(), question(fmt.Sprint(i)), []storage.DedupeKey{event(fmt.Sprint("own", i)), event("shared")})
			if err != nil {
				t.Errorf("accept: %v", err)
			}
			if ok {
				fresh.Add(1)
			}
		})
		if got := fresh.Load(); got != 1 {
			t.Errorf("%d of %d calls were fresh", got, n)
		}
		winner := t.openIDs(thread)
		if len(winner) != 1 {
			t.Fatalf("open turns: got %q, want one", winner)
		}
		for i := range n {
			claimed := fmt.Sprint(i) == winner[0]
			t.wantFresh(fmt.Sprint("own key of call ", i), !claimed, question(fmt.Sprint("late", i)), event(fmt.Sprint("own", i)))
		}
	}},
	{"accept/race on different messages", "calls that share no key do not disturb each other", func(t *T) {
		const n = 50
		race(n, func(i int) {
			turn := in(storage.ConversationKey{TeamID: "T1", ChannelID: fmt.Sprint("C", i%7), ThreadTS: "1.1"}, question(fmt.Sprint(i)))
			if ok, err := t.store.Accept(t.ctx(), turn, []storage.DedupeKey{event(fmt.Sprint(i))}); !ok || err != nil {
				t.Errorf("accept turn %d: %v, %v", i, ok, err)
			}
		})
		for i := range n {
			t.turn(fmt.Sprint(i))
		}
	}},
	{"once", "Once claims all keys or none, from the same names as Accept", func(t *T) {
		t.wantOnce("first", true, event("a"), event("b"))
		t.wantOnce("one claimed", false, event("c"), event("b"))
		t.wantOnce("the new key of the refused call", true, event("c"))
		t.wantOnce("twins", true, event("d"), event("d"))
		t.wantFresh("Accept after Once", false, question("1"), event("a"))
		t.wantFresh("Accept", true, question("1"), event("e"))
		t.wantOnce("Once after Accept", false, event("e"))
	}},
	{"once/race", "of many equal clicks exactly one is fresh", func(t *T) {
		var fresh atomic.Int64
		race(50, func(int) {
			if ok, err := t.store.Once(t.ctx(), []storage.DedupeKey{{Kind: "action", Value: "x"}}, start); err != nil {
				t.Errorf("once: %v", err)
			} else if ok {
				fresh.Add(1)
			}
		})
		if got := fresh.Load(); got != 1 {
			t.Errorf("%d calls were fresh", got)
		}
	}},
}

func (t *T) wantFresh(what string, want bool, turn storage.Turn, keys ...storage.DedupeKey) {
	t.Helper()
	if got, err := t.store.Accept(t.ctx(), turn, keys); got != want || err != nil {
		t.Errorf("Accept, %s: got %v and error %v, want %v", what, got, err, want)
	}
}

func (t *T) wantOnce(what string, want bool, keys ...storage.DedupeKey) {
	t.Helper()
	if got, err := t.store.Once(t.ctx(), keys, start); got != want || err != nil {
		t.Errorf("Once, %s: got %v and error %v, want %v", what, got, err, want)
	}
}

// second is for calls whose error alone is of interest.
func second[V any](_ V, err error) error { return err }
