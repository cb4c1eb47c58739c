package storagetest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bobbin-bot/bobbin/storage"
)

// prefixKeys are conversations whose names begin alike, or are alike when
// they are written one after the other.
var prefixKeys = []storage.ConversationKey{
	{TeamID: "T", ChannelID: "C", ThreadTS: "1.1"},
	{TeamID: "T", ChannelID: "C", ThreadTS: "1.10"},
	{TeamID: "T", ChannelID: "C", ThreadTS: "1.100"},
	{TeamID: "T", ChannelID: "C1", ThreadTS: ".1"},
	{TeamID: "T", ChannelID: "C1", ThreadTS: "1.1"},
	{TeamID: "TC", ChannelID: "", ThreadTS: "1.1"},
	{TeamID: "", ChannelID: "TC", ThreadTS: "1.1"},
	{TeamID: "T/C", ChannelID: "1", ThreadTS: "1"},
	{TeamID: "T", ChannelID: "C/1", ThreadTS: "1"},
	{TeamID: "t", ChannelID: "c", ThreadTS: "1.1"},
	{TeamID: "T", ChannelID: "C", ThreadTS: ""},
}

var orderCases = []testCase{
	{"open/order", "open turns come in the order of their Slack ts, seconds and micros as numbers", func(t *T) {
		t.accept(
			said("1700000000.000100", question("d")),
			said("999999999.999999", question("b")), // more than 1700000000 as text
			said("1700000000.000099", question("c")),
			said("1700000001.000000", question("f")),
			said("99999999.000001", question("a")),
			said("1700000000.900000", question("e")),
			said("10000000000.000000", question("g")),
		)
		t.wantIDs(t.openIDs(thread), []string{"a", "b", "c", "d", "e", "f", "g"}, "order")
	}},
	{"open/non-terminal only", "a turn is open until it reaches a terminal state, and again when it is reopened", func(t *T) {
		l := t.acquire(thread, "w")
		for state, path := range paths {
			id := string(state)
			t.accept(question(id))
			t.advance(l, id, path...)
		}
		want := []string{"final", "posting", "received", "streaming"}
		got := t.openIDs(thread)
		slices.Sort(got)
		t.wantIDs(got, want, "open turns")
		t.again("interrupted", "")
		got = t.openIDs(thread)
		slices.Sort(got)
		t.wantIDs(got, []string{"final", "interrupted", "posting", "received", "streaming"}, "open turns after Reopen")
	}},
	{"open/unknown conversation", "a conversation nobody has spoken in has no open turns", func(t *T) {
		t.accept(question("1"))
		for _, key := range prefixKeys {
			t.wantIDs(t.openIDs(key), nil, key.String())
		}
	}},
	{"open/isolation", "a conversation's turns are its own, even if names begin alike", func(t *T) {
		for i, key := range prefixKeys {
			t.accept(in(key, question(string(rune('a'+i)))))
		}
		for i, key := range prefixKeys {
			t.wantIDs(t.openIDs(key), []string{string(rune('a' + i))}, key.String())
		}
		t.wantConversations("all", prefixKeys...)
	}},
	{"open conversations", "OpenConversations lists each conversation with an open turn once, and no other", func(t *T) {
		t.wantConversations("an empty store")
		other := storage.ConversationKey{TeamID: "T1", ChannelID: "C2", ThreadTS: "2.2"}
		t.accept(question("1"), question("2"), in(other, question("3")))
		t.wantConversations("two and one turns", thread, other)
		l := t.acquire(thread, "w")
		t.advance(l, "1", storage.StateReceived, storage.StateRejected)
		t.wantConversations("one turn left", thread, other)
		t.advance(l, "2", storage.StateReceived, storage.StatePosting, storage.StateInterrupted)
		t.wantConversations("none left", other)
		t.again("2", "")
		t.wantConversations("reopened", thread, other)
		t.advance(l, "2", storage.StateReceived, storage.StateFailed)
		t.accept(question("4"))
		t.wantConversations("asked again", thread, other)
	}},
}

func (t *T) wantConversations(what string, want ...storage.ConversationKey) {
	t.Helper()
	got, err := t.store.OpenConversations(t.ctx())
	t.ok(err, "open conversations")
	order := func(a, b storage.ConversationKey) int {
		return cmp.Or(strings.Compare(a.TeamID, b.TeamID), strings.Compare(a.ChannelID, b.ChannelID), strings.Compare(a.ThreadTS, b.ThreadTS))
	}
	got, want = slices.SortedFunc(slices.Values(got), order), slices.SortedFunc(slices.Values(want), order)
	if !slices.Equal(got, want) {
		t.Errorf("open conversations, %s: got %v, want %v", what, got, want)
	}
}
