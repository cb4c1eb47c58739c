package storagetest

import (
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

var joinCases = []testCase{
	{"join", "Join puts the texts in front in the order given, and closes the joined turns", func(t *T) {
		for _, id := range []string{"1", "2", "3", "4"} {
			q := question(id)
			q.Text = "text " + id
			t.accept(q)
		}
		l := t.acquire(thread, "w")
		want := question("3")
		want.Text, want.UpdatedAt = "text 2\ntext 1\ntext 3", after(time.Second)
		got, err := t.store.Join(t.ctx(), l, "3", []string{"2", "1"}, after(time.Second))
		t.ok(err, "join")
		t.sameTurn(got, want, "what Join returned")
		t.sameTurn(t.turn("3"), want, "what is stored")
		for _, id := range []string{"1", "2"} {
			want := question(id)
			want.Text, want.State, want.JoinedInto, want.UpdatedAt = "text "+id, storage.StateDone, "3", after(time.Second)
			t.sameTurn(t.turn(id), want, "joined turn")
		}
		t.wantIDs(t.openIDs(thread), []string{"3", "4"}, "open turns")
	}},
	{"join/nothing", "a Join of no turns changes no text", func(t *T) {
		t.accept(question("1"))
		got, err := t.store.Join(t.ctx(), t.acquire(thread, "w"), "1", nil, start)
		t.ok(err, "join")
		t.sameTurn(got, question("1"), "turn")
	}},
	{"join/refused", "a Join that cannot be done in full changes nothing", func(t *T) {
		other := thread
		other.ChannelID = "C2"
		t.accept(question("1"), question("2"), question("posting"), in(other, question("elsewhere")))
		l := t.acquire(thread, "w")
		t.advance(l, "posting", storage.StateReceived, storage.StatePosting)
		for _, c := range []struct {
			what string
			into string
			from []string
			want error
		}{
			{"from a turn that does not exist", "2", []string{"1", "none"}, storage.ErrNotFound},
			{"into a turn that does not exist", "none", []string{"1"}, storage.ErrNotFound},
			{"from a turn that is posting", "2", []string{"1", "posting"}, storage.ErrConflict},
			{"into a turn that is posting", "posting", []string{"1"}, storage.ErrConflict},
			{"from the same turn twice", "2", []string{"1", "1"}, storage.ErrConflict},
			{"into itself", "2", []string{"1", "2"}, storage.ErrConflict},
			{"from another conversation", "2", []string{"1", "elsewhere"}, storage.ErrFenced},
		} {
			one, two := t.unchanged("1"), t.unchanged("2")
			_, err := t.store.Join(t.ctx(), l, c.into, c.from, after(time.Second))
			t.is(err, c.want, "join "+c.what)
			one("join " + c.what)
			two("join " + c.what)
		}
	}},
}
