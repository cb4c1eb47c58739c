package storagetest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// start is when every case begins.
var start = time.Date(2026, 11, 23, 10, 0, 0, 123456000, time.UTC)

// after returns a moment of the case.
func after(d time.Duration) time.Time { return start.Add(d) }

var thread = storage.ConversationKey{TeamID: "T1", ChannelID: "C1", ThreadTS: "1700000000.000100"}

// question is a turn with every field that a caller of Accept may set.
func question(id string) storage.Turn {
	return storage.Turn{
		ID:         id,
		Key:        thread,
		State:      storage.StateReceived,
		UserID:     "U1",
		TS:         "1700000000.000100",
		Text:       "What is the airspeed of " + id + "? Grüße 🪡",
		ReceivedAt: start,
		UpdatedAt:  start,
	}
}

// in moves a turn to another conversation.
func in(key storage.ConversationKey, turn storage.Turn) storage.Turn {
	turn.Key = key
	return turn
}

// said sets the Slack ts of a turn's message.
func said(ts string, turn storage.Turn) storage.Turn {
	turn.TS = ts
	return turn
}

func event(value string) storage.DedupeKey { return storage.DedupeKey{Kind: "event", Value: value} }

// accept stores turns that must be fresh.
func (t *T) accept(turns ...storage.Turn) {
	t.Helper()
	for _, turn := range turns {
		fresh, err := t.store.Accept(t.ctx(), turn, nil)
		t.ok(err, "accept turn "+turn.ID)
		if !fresh {
			t.Fatalf("accept turn %s without dedupe keys: not fresh", turn.ID)
		}
	}
}

// acquire leases a conversation for an hour from the start.
func (t *T) acquire(key storage.ConversationKey, owner string) storage.Lease {
	t.Helper()
	l, err := t.store.Acquire(t.ctx(), key, owner, start, time.Hour)
	t.ok(err, "acquire "+key.String()+" for "+owner)
	return l
}

// advance moves a turn and must succeed.
func (t *T) advance(l storage.Lease, id string, states ...storage.State) storage.Turn {
	t.Helper()
	var turn storage.Turn
	for i := 1; i < len(states); i++ {
		var err error
		turn, err = t.store.Advance(t.ctx(), l, storage.Change{TurnID: id, From: states[i-1], To: states[i], At: start})
		t.ok(err, fmt.Sprintf("advance turn %s from %s to %s", id, states[i-1], states[i]))
	}
	return turn
}

func (t *T) turn(id string) storage.Turn {
	t.Helper()
	turn, err := t.store.Turn(t.ctx(), id)
	t.ok(err, "turn "+id)
	return turn
}

func (t *T) history(key storage.ConversationKey, limit int) storage.History {
	t.Helper()
	h, err := t.store.History(t.ctx(), key, limit)
	t.ok(err, "history of "+key.String())
	return h
}

func (t *T) usage(q storage.UsageQuery) []storage.UsageTotal {
	t.Helper()
	totals, err := t.store.Usage(t.ctx(), q)
	t.ok(err, "usage")
	return totals
}

// openIDs returns the ids of a conversation's open turns in their order.
func (t *T) openIDs(key storage.ConversationKey) []string {
	t.Helper()
	turns, err := t.store.Open(t.ctx(), key)
	t.ok(err, "open turns of "+key.String())
	ids := make([]string, 0, len(turns))
	for _, turn := range turns {
		ids = append(ids, turn.ID)
	}
	return ids
}

func (t *T) wantIDs(got, want []string, what string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// sameTurn compares turns; nil and empty lists are the same, times are moments.
func (t *T) sameTurn(got, want storage.Turn, what string) {
	t.Helper()
	for _, turn := range []*storage.Turn{&got, &want} {
		turn.ReceivedAt, turn.UpdatedAt = turn.ReceivedAt.UTC(), turn.UpdatedAt.UTC()
		turn.Parts = append([]storage.Part{}, turn.Parts...)
		turn.Calls = append([]storage.UsageRow{}, turn.Calls...)
		for i := range turn.Calls {
			turn.Calls[i].At = turn.Calls[i].At.UTC()
		}
		turn.Feedback = maps.Clone(turn.Feedback)
		if turn.Feedback == nil {
			turn.Feedback = map[string]int{}
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n\tgot  %+v\n\twant %+v", what, got, want)
	}
}

// unchanged returns a function that checks that a turn, its conversation and
// the usage are as they were.
func (t *T) unchanged(id string) func(what string) {
	t.Helper()
	turn := t.turn(id)
	open, history, usage := t.openIDs(turn.Key), t.history(turn.Key, 0), t.usage(storage.UsageQuery{})
	return func(what string) {
		t.Helper()
		t.sameTurn(t.turn(id), turn, "turn after "+what)
		t.wantIDs(t.openIDs(turn.Key), open, "open turns after "+what)
		if h := t.history(turn.Key, 0); h.From != history.From || !slices.Equal(h.Messages, history.Messages) {
			t.Errorf("history after %s: got %+v, want %+v", what, h, history)
		}
		if u := t.usage(storage.UsageQuery{}); !slices.Equal(u, usage) {
			t.Errorf("usage after %s: got %+v, want %+v", what, u, usage)
		}
	}
}

// race runs fn n times at once and waits for all.
func race(n int, fn func(i int)) {
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			fn(i)
		})
	}
	close(begin)
	wg.Wait()
}

// call is a usage row with easy numbers.
func call(user, channel, model string, at time.Time) storage.UsageRow {
	return storage.UsageRow{
		TurnID: "1", UserID: user, ChannelID: channel, Provider: "p", Model: model, At: at,
		InputTokens: 100, CachedInputTokens: 40, OutputTokens: 10, ReasoningTokens: 3,
		CostNanoUSD: 7, Price: &storage.Price{Input: 1, CachedInput: 2, Output: 3},
		Outcome: storage.OutcomeOK, FirstToken: 200 * time.Millisecond, Duration: 2 * time.Second,
	}
}

// dialogue is what Finish appends for a question and its answer.
func dialogue(turn, text string) []storage.Message {
	return []storage.Message{
		{TurnID: turn, Role: storage.RoleUser, UserID: "U1", TS: "1700000000.000100", Text: text},
		{TurnID: turn, Role: storage.RoleAssistant, TS: "1700000001.000200", Text: "re: " + text},
	}
}

// finished accepts a turn, answers it and brings it to StateDone.
func (t *T) finished(turn storage.Turn, at time.Time) {
	t.Helper()
	turn.ReceivedAt, turn.UpdatedAt = at, at
	t.accept(turn)
	l := t.acquire(turn.Key, "finisher")
	_, err := t.store.Finish(t.ctx(), l, storage.Result{
		TurnID: turn.ID, From: storage.StateReceived, At: at, Answer: "re: " + turn.Text, Messages: dialogue(turn.ID, turn.Text),
	})
	t.ok(err, "finish turn "+turn.ID)
	_, err = t.store.Advance(t.ctx(), l, storage.Change{TurnID: turn.ID, From: storage.StateFinal, To: storage.StateDone, At: at})
	t.ok(err, "advance turn "+turn.ID+" to done")
	t.ok(t.store.Release(t.ctx(), l), "release")
}
