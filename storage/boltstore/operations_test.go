package boltstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// operations makes up calls from a seed, legal ones and others.
type operations struct {
	rng  *rand.Rand
	n    int
	seen map[string]int
}

func newOperations(seed uint64) *operations {
	return &operations{rng: rand.New(rand.NewPCG(seed, 0)), seen: make(map[string]int)}
}

var allStates = []storage.State{
	storage.StateReceived, storage.StatePosting, storage.StateStreaming, storage.StateFinal, storage.StateDone,
	storage.StateRejected, storage.StateInterrupted, storage.StateFailed, storage.StateCancelled,
}

// next makes one call. Refusals are expected; other errors are returned.
func (o *operations) next(ctx context.Context, s *Store) error {
	o.n++
	at := benchStart.Add(time.Duration(o.n+o.rng.IntN(600)-300) * time.Minute)
	key := storage.ConversationKey{TeamID: "T", ChannelID: "C", ThreadTS: fmt.Sprint("1700000000.00000", o.rng.IntN(10))}
	id := fmt.Sprint("turn ", o.rng.IntN(120))
	rows := []storage.UsageRow{
		{
			UserID: fmt.Sprint("U", o.rng.IntN(3)), ChannelID: fmt.Sprint("C", o.rng.IntN(2)), At: at, InputTokens: int64(o.n), Outcome: "ok", Price: &storage.Price{Input: 1},
			FirstToken: time.Duration(o.n) * time.Millisecond, Duration: time.Duration(o.n) * time.Second, Fallback: o.n%5 == 0,
		},
		{UserID: "U1", At: at, Outcome: "failed"},
	}[:o.rng.IntN(3)]
	var err error
	switch o.rng.IntN(16) {
	case 0, 1, 2:
		var fresh bool
		turn := storage.Turn{ID: id, Key: key, UserID: fmt.Sprint("U", o.rng.IntN(3)), TS: fmt.Sprint(o.n), Text: id, ReceivedAt: at, UpdatedAt: at}
		fresh, err = s.Accept(ctx, turn, []storage.DedupeKey{{Kind: "event", Value: fmt.Sprint(o.rng.IntN(400))}})
		o.count(err, map[bool]string{true: "accepted", false: "duplicate"}[fresh])
	case 3, 4, 5, 6:
		var turn storage.Turn
		if turn, err = s.Turn(ctx, id); err != nil {
			break
		}
		var l storage.Lease
		if l, err = s.Acquire(ctx, turn.Key, "w", at, time.Hour); err != nil {
			return err
		}
		from, to := turn.State, allStates[o.rng.IntN(len(allStates))]
		if o.rng.IntN(8) == 0 {
			from = allStates[o.rng.IntN(len(allStates))]
		}
		if to == storage.StateFinal {
			_, err = s.Finish(ctx, l, storage.Result{TurnID: id, From: from, At: at, Answer: "a", Messages: messages(turn)[:o.rng.IntN(4)], Usage: rows})
			o.count(err, "finished")
		} else {
			_, err = s.Advance(ctx, l, storage.Change{TurnID: id, From: from, To: to, At: at, Answer: "so far"})
			o.count(err, "moved")
		}
	case 7:
		err = s.RecordUsage(ctx, rows)
	case 13:
		err = s.SetFeedback(ctx, id, fmt.Sprint("U", o.rng.IntN(3)), o.rng.IntN(3)-1, at)
		o.count(err, "judged")
	case 14:
		r := storage.Reservation{TurnID: id, UserID: fmt.Sprint("U", o.rng.IntN(3)), At: at, InputTokens: int64(o.rng.IntN(500))}
		err = s.Reserve(ctx, r, []storage.Limit{{Scope: storage.ScopeUser, ID: r.UserID, Period: storage.PerDay, Tokens: 3000}})
		if _, over := errors.AsType[*storage.OverBudgetError](err); over {
			o.seen["over budget"]++
			err = nil
		} else {
			o.count(err, "reserved")
		}
	case 15:
		err = s.Settle(ctx, id, rows)
		if err == nil && o.rng.IntN(3) == 0 {
			err = s.Lift(ctx, storage.Lift{Scope: storage.ScopeUser, ID: fmt.Sprint("U", o.rng.IntN(3)), Day: storage.DayOf(at), At: at})
		}
	case 8:
		var open []storage.Turn
		if open, err = s.Open(ctx, key); err != nil || len(open) < 2 {
			break
		}
		var l storage.Lease
		if l, err = s.Acquire(ctx, key, "w", at, time.Hour); err != nil {
			return err
		}
		_, err = s.Join(ctx, l, open[0].ID, []string{open[1].ID}, at)
		o.count(err, "joined")
	case 9:
		old, limit := at.Add(-6*time.Hour), 1+o.rng.IntN(5)
		for n := limit; err == nil && n == limit; { // rows go before their total
			if n, err = s.Purge(ctx, storage.Before{Conversations: old, Dedupe: old, Usage: old}, limit); n > 0 {
				o.count(err, "purged")
			}
		}
	case 10:
		var fresh bool
		_, fresh, err = s.Reopen(ctx, storage.Reopening{TurnID: id, Keys: []storage.DedupeKey{{Kind: "event", Value: fmt.Sprint(o.rng.IntN(400))}}, At: at})
		o.count(err, map[bool]string{true: "reopened", false: "duplicate"}[fresh])
	case 11, 12:
		var turn storage.Turn
		if turn, err = s.Turn(ctx, id); err != nil {
			break
		}
		if o.rng.IntN(2) == 0 {
			_, err = s.Amend(ctx, turn.Key, turn.TS+[]string{"", "1"}[o.rng.IntN(2)], storage.Amendment{Text: "edited"}, at)
			o.count(err, "amended")
		} else {
			_, err = s.Unsay(ctx, turn.Key, turn.TS, at)
			o.count(err, "unsaid")
		}
	}
	if err == nil && o.rng.IntN(10) == 0 {
		// Seldom, or nothing would be left for the others.
		f := storage.Forgetting{UserID: fmt.Sprint("U", o.rng.IntN(3)), At: at, Limit: 1 + o.rng.IntN(3)}
		if o.rng.IntN(2) == 0 {
			f = storage.Forgetting{Key: key, At: at}
		}
		var done storage.Forgotten
		if done, err = storage.ForgetAll(ctx, s, f, nil); done.Conversations > 0 {
			o.count(err, "forgotten")
		}
	}
	for _, refusal := range []error{storage.ErrConflict, storage.ErrNotFound} {
		if errors.Is(err, refusal) {
			o.seen["refused"]++
			return nil
		}
	}
	return err
}

// messages are what a turn leaves in the history.
func messages(turn storage.Turn) []storage.Message {
	return []storage.Message{
		{TurnID: turn.ID, Role: storage.RoleUser, UserID: turn.UserID, TS: turn.TS, Text: turn.Text},
		{TurnID: turn.ID, Role: storage.RoleAssistant, Text: "a"},
		{TurnID: turn.ID, Role: storage.RoleUser, UserID: "U1", TS: turn.TS + "1", Text: "heard"},
	}
}

func (o *operations) count(err error, kind string) {
	if err == nil {
		o.seen[kind]++
	}
}
