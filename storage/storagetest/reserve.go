package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// may is a reservation of one user's turn.
func may(turnID string, tokens, nanoUSD int64) storage.Reservation {
	return storage.Reservation{
		TurnID: turnID, UserID: "U1", ChannelID: "C1", ThreadTS: "1700000000.000100", Provider: "p", Model: "m", Price: &storage.Price{Input: 1, Output: 2},
		At: start, InputTokens: tokens - tokens/4, OutputTokens: tokens / 4, NanoUSD: nanoUSD,
	}
}

// spent is a row of a turn that costs this.
func spent(turnID string, tokens, nanoUSD int64, at time.Time) storage.UsageRow {
	r := call("U1", "C1", "m", at)
	r.TurnID, r.InputTokens, r.OutputTokens, r.CostNanoUSD = turnID, tokens-tokens/4, tokens/4, nanoUSD
	return r
}

func perDay(scope storage.Scope, id string, tokens, nanoUSD int64) storage.Limit {
	return storage.Limit{Scope: scope, ID: id, Period: storage.PerDay, Tokens: tokens, NanoUSD: nanoUSD}
}

var reserveCases = []testCase{
	{"reserve/counts", "what is reserved counts as spent until the turn's usage is recorded", func(t *T) {
		limit := perDay(storage.ScopeUser, "U1", 1000, 0)
		t.reserves(may("1", 600, 5), limit)
		t.wantSpent(limit, storage.Spend{ReservedTokens: 600, ReservedNanoUSD: 5})
		over := t.overBudget(may("2", 401, 0), limit)
		if want := t.spent(limit, start); over.Spend != want {
			t.Errorf("the error says %+v, want %+v", over.Spend, want)
		}
		t.reserves(may("2", 400, 0), limit)
		t.ok(t.store.Settle(t.ctx(), "1", []storage.UsageRow{spent("1", 300, 7, start), spent("1", 50, 1, start)}), "settle")
		t.wantSpent(limit, storage.Spend{SpentTokens: 350, SpentNanoUSD: 8, ReservedTokens: 400})
		t.ok(t.store.Settle(t.ctx(), "2", nil), "settle a turn that cost nothing")
		t.ok(t.store.Settle(t.ctx(), "2", nil), "settle a turn without a reservation")
		t.reopen()
		t.wantSpent(limit, storage.Spend{SpentTokens: 350, SpentNanoUSD: 8})
		t.wantUsage("of what was settled", storage.UsageQuery{By: storage.ByUser}, addedUp(storage.UsageQuery{By: storage.ByUser}, []storage.UsageRow{spent("1", 300, 7, start), spent("1", 50, 1, start)})...)
	}},
	{"reserve/replaces", "a turn has one reservation: a second one takes the place of the first, and does not count beside it", func(t *T) {
		limit := perDay(storage.ScopeUser, "U1", 1000, 0)
		t.reserves(may("1", 900, 0), limit)
		again := may("1", 1000, 3)
		again.Provider = "q"
		t.reserves(again, limit)
		t.wantReservations(after(time.Hour), again)
		t.reserves(may("1", 1001, 0), limit) // alone, and something is left
		t.overBudget(may("2", 1, 0), limit)
		t.ok(t.store.Settle(t.ctx(), "1", nil), "settle")
		t.reserves(may("2", 1, 0), limit)
		t.overBudget(may("1", 1000, 0), limit)
		t.wantReservations(after(time.Hour), may("2", 1, 0))
	}},
	{"reserve/refused", "a refused reservation leaves the turn's earlier one", func(t *T) {
		t.reserves(may("1", 10, 0))
		t.reserves(may("2", 10, 0))
		t.overBudget(may("1", 100, 0), perDay(storage.ScopeUser, "U1", 50, 0))
		t.wantReservations(after(time.Hour), may("1", 10, 0), may("2", 10, 0))
	}},
	{"reserve/finish", "Finish takes the turn's reservation away with the write that records its usage, and no other", func(t *T) {
		limit := perDay(storage.ScopeUser, "U1", 1000, 0)
		t.accept(question("1"))
		t.reserves(may("1", 600, 0), limit)
		t.reserves(may("2", 100, 0), limit)
		t.finish(t.acquire(thread, "w"), storage.Result{TurnID: "1", From: storage.StateReceived, At: start, Usage: []storage.UsageRow{spent("1", 30, 3, start)}})
		t.wantSpent(limit, storage.Spend{SpentTokens: 30, SpentNanoUSD: 3, ReservedTokens: 100})
		t.wantReservations(after(time.Hour), may("2", 100, 0))
	}},
	{"reserve/finish refused", "a Finish that is refused leaves the reservation", func(t *T) {
		t.accept(question("1"))
		t.reserves(may("1", 600, 0))
		_, err := t.store.Finish(t.ctx(), t.acquire(thread, "w"), storage.Result{TurnID: "1", From: storage.StatePosting, At: start})
		t.is(err, storage.ErrConflict, "finish")
		t.wantReservations(after(time.Hour), may("1", 600, 0))
	}},
	{"reserve/before", "Reservations returns those made before a time, as they were made, after a restart too", func(t *T) {
		first, second := may("1", 600, 4), may("2", 0, 0)
		second.At, second.Price, second.UserID = after(time.Minute), nil, ""
		t.reserves(first)
		t.reserves(second)
		t.reopen()
		t.wantReservations(start)
		t.wantReservations(after(time.Microsecond), first)
		t.wantReservations(after(time.Minute), first)
		t.wantReservations(after(time.Hour), first, second)
	}},
	{"reserve/scopes", "a limit counts what its user, its channel or everybody spends, and binds no others", func(t *T) {
		mine, theirs := may("1", 10, 1), may("2", 20, 2)
		theirs.UserID, theirs.ChannelID = "U2", "C2"
		t.reserves(mine)
		t.reserves(theirs)
		row := spent("3", 300, 30, start)
		row.UserID = "U2" // in my channel
		t.ok(t.store.RecordUsage(t.ctx(), []storage.UsageRow{row, spent("4", 4000, 400, start)}), "record")
		for _, c := range []struct {
			scope                                     storage.Scope
			id                                        string
			tokens, nanoUSD, reserved, reservedInCost int64
		}{
			{storage.ScopeUser, "U1", 4000, 400, 10, 1}, {storage.ScopeUser, "U2", 300, 30, 20, 2}, {storage.ScopeUser, "U", 0, 0, 0, 0}, {storage.ScopeUser, "", 0, 0, 0, 0},
			{storage.ScopeChannel, "C1", 4300, 430, 10, 1}, {storage.ScopeChannel, "C2", 0, 0, 20, 2}, {storage.ScopeChannel, "C", 0, 0, 0, 0}, {storage.ScopeChannel, "", 0, 0, 0, 0},
			{storage.ScopeWorkspace, "", 4300, 430, 30, 3},
		} {
			t.wantSpent(perDay(c.scope, c.id, 1, 1), storage.Spend{SpentTokens: c.tokens, SpentNanoUSD: c.nanoUSD, ReservedTokens: c.reserved, ReservedNanoUSD: c.reservedInCost})
		}
		next := may("5", 1, 0)
		t.overBudget(next, perDay(storage.ScopeUser, "U1", 4000, 0))
		t.overBudget(next, perDay(storage.ScopeChannel, "C1", 4000, 0))
		t.overBudget(next, perDay(storage.ScopeWorkspace, "", 4000, 0))
		t.reserves(next, perDay(storage.ScopeUser, "U2", 1, 1), perDay(storage.ScopeChannel, "C2", 1, 1), perDay(storage.ScopeUser, "", 1, 1))
		over := t.overBudget(may("6", 1, 0), perDay(storage.ScopeUser, "U1", 1<<40, 0), perDay(storage.ScopeChannel, "C1", 4000, 0), perDay(storage.ScopeWorkspace, "", 1, 0))
		if over.Spend.Scope != storage.ScopeChannel {
			t.Errorf("refused because of %+v, want the first limit that has no room", over.Spend)
		}
	}},
	{"reserve/periods", "a day ends at midnight and a month with its last day, in UTC", func(t *T) {
		east := time.FixedZone("east", 14*3600)
		midnight := time.Date(2026, 11, 30, 24, 0, 0, 0, time.UTC) // December begins
		last := midnight.Add(-time.Microsecond)
		for i, at := range []time.Time{
			time.Date(2026, 10, 31, 23, 59, 59, 0, time.UTC), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 29, 23, 59, 59, 0, time.UTC),
			time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), last.In(east), midnight.In(east), time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		} {
			t.ok(t.store.RecordUsage(t.ctx(), []storage.UsageRow{spent(fmt.Sprint(i), 1<<i, 1, at)}), "record")
			r := may(fmt.Sprint(i), 100<<i, 0)
			r.At = at
			t.reserves(r)
		}
		for _, scope := range []storage.Scope{storage.ScopeUser, storage.ScopeChannel, storage.ScopeWorkspace} {
			id := map[storage.Scope]string{storage.ScopeUser: "U1", storage.ScopeChannel: "C1"}[scope]
			for _, c := range []struct {
				period      storage.Period
				at          time.Time
				first, last string
				tokens      int64
			}{
				{storage.PerDay, last.In(east), "2026-11-30", "2026-11-30", 8 + 16},
				{storage.PerDay, midnight, "2026-12-01", "2026-12-01", 32},
				{storage.PerMonth, last, "2026-11-01", "2026-11-30", 2 + 4 + 8 + 16},
				{storage.PerMonth, midnight.In(east), "2026-12-01", "2026-12-31", 32 + 64},
				{storage.PerMonth, time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC), "2027-01-01", "2027-01-31", 128},
			} {
				got := t.spent(storage.Limit{Scope: scope, ID: id, Period: c.period}, c.at)
				if got.First.String() != c.first || got.Last.String() != c.last || got.SpentTokens != c.tokens || got.ReservedTokens != 100*c.tokens {
					t.Errorf("%s of %s at %s: got %s to %s, %+v, want %+v", c.period, scope, c.at, got.First, got.Last, got, c)
				}
			}
		}
		r := may("new", 1, 0)
		r.At = last
		limit := perDay(storage.ScopeUser, "U1", 24, 0)
		t.overBudget(r, limit)
		r.At = midnight.AddDate(0, 0, 1)
		t.reserves(r, limit)
	}},
	{"reserve/money", "tokens and money are limited each for itself, and a price that is unknown counts in tokens only", func(t *T) {
		row := spent("1", 600, 60, start)
		row.Price, row.CostNanoUSD = nil, 0
		t.ok(t.store.RecordUsage(t.ctx(), []storage.UsageRow{row, spent("2", 100, 40, start)}), "record")
		t.wantSpent(perDay(storage.ScopeUser, "U1", 1000, 100), storage.Spend{SpentTokens: 700, SpentNanoUSD: 40})
		t.reserves(may("3", 10, 1))
		t.overBudget(may("4", 290+1, 1), perDay(storage.ScopeUser, "U1", 1000, 0))
		t.overBudget(may("4", 1, 60), perDay(storage.ScopeUser, "U1", 1000, 100))
		t.reserves(may("4", 290, 59), perDay(storage.ScopeUser, "U1", 1000, 100))
		t.reserves(may("5", 1<<40, 1<<40), perDay(storage.ScopeUser, "U1", 0, 0))
	}},
	{"reserve/a little left", "whoever has a little left may ask once, and nobody when nothing is left, however little is asked", func(t *T) {
		tokens, money := perDay(storage.ScopeUser, "U1", 1000, 0), perDay(storage.ScopeUser, "U1", 0, 100)
		t.ok(t.store.RecordUsage(t.ctx(), []storage.UsageRow{spent("1", 999, 99, start)}), "record")
		t.reserves(may("2", 5000, 500), tokens, money)
		t.overBudget(may("3", 1, 0), tokens)
		t.overBudget(may("3", 0, 1), money)
		t.ok(t.store.Settle(t.ctx(), "2", []storage.UsageRow{spent("2", 1, 1, start)}), "settle")
		for _, r := range []storage.Reservation{may("3", 1, 1), may("3", 0, 0)} {
			t.overBudget(r, tokens)
			t.overBudget(r, money)
		}
		t.ok(t.store.RecordUsage(t.ctx(), []storage.UsageRow{spent("4", 1, 1, start)}), "record")
		t.overBudget(may("3", 0, 0), tokens)
		t.overBudget(may("3", 0, 0), money)
	}},
	{"reserve/lift", "a lift lets somebody spend beyond all their limits for one day, and nobody else", func(t *T) {
		user, month := perDay(storage.ScopeUser, "U1", 10, 0), storage.Limit{Scope: storage.ScopeUser, ID: "U1", Period: storage.PerMonth, NanoUSD: 1}
		channel := perDay(storage.ScopeChannel, "C1", 10, 0)
		t.ok(t.store.RecordUsage(t.ctx(), []storage.UsageRow{spent("1", 10, 1, start)}), "record")
		for _, l := range []storage.Lift{
			{Scope: storage.ScopeUser, ID: "U10", Day: storage.DayOf(start)}, {Scope: storage.ScopeChannel, ID: "U1", Day: storage.DayOf(start)},
			{Scope: storage.ScopeUser, ID: "U1", Day: storage.DayOf(start) + 1}, {Scope: storage.ScopeWorkspace, Day: storage.DayOf(start)},
		} {
			l.By, l.At = "U9", start
			t.ok(t.store.Lift(t.ctx(), l), "lift")
			t.overBudget(may("2", 1, 1), user)
			t.overBudget(may("2", 1, 1), month)
		}
		for range 2 {
			t.ok(t.store.Lift(t.ctx(), storage.Lift{Scope: storage.ScopeUser, ID: "U1", Day: storage.DayOf(start), By: "U9", At: start}), "lift")
		}
		t.reopen()
		t.reserves(may("2", 100, 100), user, month)
		t.overBudget(may("3", 1, 1), user, channel)
		if s := t.spent(user, start); !s.Lifted || s.SpentTokens != 10 || s.ReservedTokens != 100 {
			t.Errorf("spent: %+v", s)
		}
		if s := t.spent(user, start.AddDate(0, 0, 2)); s.Lifted {
			t.Errorf("lifted two days later")
		}
		t.ok(t.store.Lift(t.ctx(), storage.Lift{Scope: storage.ScopeWorkspace, Day: storage.DayOf(start), By: "U9", At: start}), "lift")
		t.reserves(may("4", 1, 1), perDay(storage.ScopeWorkspace, "", 1, 1))
	}},
	{"reserve/lift expires", "lifts expire with the usage of their day, and reservations do not", func(t *T) {
		user := perDay(storage.ScopeUser, "U1", 10, 0)
		t.reserves(may("1", 1, 0))
		for i := range 5 {
			t.ok(t.store.Lift(t.ctx(), storage.Lift{Scope: storage.ScopeUser, ID: "U1", Day: storage.DayOf(start) + storage.Day(i), At: start}), "lift")
		}
		t.purge(storage.Before{Usage: start.AddDate(0, 0, 3)}, 2)
		for i := range 5 {
			if got := t.spent(user, start.AddDate(0, 0, i)).Lifted; got != (i >= 3) {
				t.Errorf("day %d: lifted is %v", i, got)
			}
		}
		t.wantReservations(after(time.Hour), may("1", 1, 0))
	}},
	{"spent/order", "Spent answers in the order of the limits", func(t *T) {
		limits := []storage.Limit{perDay(storage.ScopeWorkspace, "", 3, 0), perDay(storage.ScopeUser, "U1", 1, 0), perDay(storage.ScopeUser, "U1", 1, 0), perDay(storage.ScopeChannel, "C1", 2, 0)}
		list, err := t.store.Spent(t.ctx(), limits, start)
		t.ok(err, "spent")
		if len(list) != len(limits) {
			t.Fatalf("%d answers", len(list))
		}
		for i := range list {
			if list[i].Limit != limits[i] {
				t.Errorf("answer %d is of %+v", i, list[i].Limit)
			}
		}
		list, err = t.store.Spent(t.ctx(), nil, start)
		if t.ok(err, "spent without limits"); len(list) > 0 {
			t.Errorf("%d answers to nothing", len(list))
		}
	}},
	{"reserve/race", "however many ask at once, all together spend at most one reservation more than a limit, and nothing passes when it is spent", func(t *T) {
		const limitTokens, most = 20_000, 900
		limits := []storage.Limit{
			perDay(storage.ScopeUser, "U1", limitTokens, 0), perDay(storage.ScopeWorkspace, "", 5*limitTokens, 0), perDay(storage.ScopeChannel, "C1", 0, limitTokens/2),
		}
		var mu sync.Mutex
		passed, total := 0, int64(0)
		race(16, func(worker int) {
			rng := rand.New(rand.NewPCG(7, uint64(worker)))
			for i := 0; ; i++ {
				id := fmt.Sprint(worker, "/", i)
				want := 1 + rng.Int64N(most)
				err := t.store.Reserve(t.ctx(), may(id, want, want), limits)
				if over, ok := errors.AsType[*storage.OverBudgetError](err); ok {
					s := over.Spend
					if (s.Tokens == 0 || s.SpentTokens+s.ReservedTokens+want <= s.Tokens) && (s.NanoUSD == 0 || s.SpentNanoUSD+s.ReservedNanoUSD+want <= s.NanoUSD) {
						t.Errorf("%d tokens refused though there is room: %v", want, err)
					}
					if s.Tokens > 0 && s.SpentTokens >= s.Tokens || s.NanoUSD > 0 && s.SpentNanoUSD >= s.NanoUSD {
						return
					}
					continue
				}
				if err != nil {
					t.Errorf("reserve: %v", err)
					return
				}
				mu.Lock()
				if total >= limitTokens/2 {
					t.Errorf("%d tokens passed when %d were spent", want, total)
				}
				mu.Unlock()
				took := want - rng.Int64N(want) // seldom all of it
				mu.Lock()
				err = t.store.Settle(context.WithoutCancel(t.ctx()), id, []storage.UsageRow{spent(id, took, took, start)})
				total += took
				passed++
				mu.Unlock()
				if err != nil {
					t.Errorf("settle: %v", err)
					return
				}
			}
		})
		got := t.spent(limits[2], start)
		if got.SpentNanoUSD != total || got.ReservedNanoUSD != 0 || total < limitTokens/2 || total >= limitTokens/2+most {
			t.Errorf("%d answers spent %d, want %d and less than %d more: %+v", passed, total, limitTokens/2, most, got)
		}
		t.overBudget(may("late", 1, 0), limits...)
	}},
	{"reserve/copies", "what the caller does to a price or a list of limits does not reach the store, nor what it does to results", func(t *T) {
		r := may("1", 10, 1)
		price := *r.Price
		limits := []storage.Limit{perDay(storage.ScopeUser, "U1", 10, 0)}
		t.reserves(r, limits...)
		*r.Price, limits[0].Tokens = storage.Price{}, 1
		want := r
		want.Price = &price
		t.wantReservations(after(time.Hour), want)
		list, err := t.store.Reservations(t.ctx(), after(time.Hour))
		t.ok(err, "reservations")
		*list[0].Price = storage.Price{}
		t.wantReservations(after(time.Hour), want)
		rows := []storage.UsageRow{spent("1", 10, 1, start)}
		t.ok(t.store.Settle(t.ctx(), "1", rows), "settle")
		rows[0].UserID, *rows[0].Price = "changed", storage.Price{}
		t.wantCalls(storage.UsageQuery{}, 1, []storage.UsageRow{spent("1", 10, 1, start)})
	}},
}

func (t *T) reserves(r storage.Reservation, limits ...storage.Limit) {
	t.Helper()
	t.ok(t.store.Reserve(t.ctx(), r, limits), "reserve for turn "+r.TurnID)
}

// overBudget reserves in vain.
func (t *T) overBudget(r storage.Reservation, limits ...storage.Limit) *storage.OverBudgetError {
	t.Helper()
	err := t.store.Reserve(t.ctx(), r, limits)
	var over *storage.OverBudgetError
	if !errors.As(err, &over) {
		t.Fatalf("reserve for turn %s under %+v: got %v, want an OverBudgetError", r.TurnID, limits, err)
	}
	return over
}

func (t *T) spent(l storage.Limit, at time.Time) storage.Spend {
	t.Helper()
	list, err := t.store.Spent(t.ctx(), []storage.Limit{l}, at)
	t.ok(err, "spent")
	if len(list) != 1 || list[0].Limit != l {
		t.Fatalf("spent of %+v: %+v", l, list)
	}
	return list[0]
}

// wantSpent compares the numbers of a limit at the start.
func (t *T) wantSpent(l storage.Limit, want storage.Spend) {
	t.Helper()
	want.Limit = l
	want.First, want.Last = l.Period.Days(start)
	if got := t.spent(l, start); got != want {
		t.Errorf("spent: got %+v, want %+v", got, want)
	}
}

func (t *T) wantReservations(before time.Time, want ...storage.Reservation) {
	t.Helper()
	got, err := t.store.Reservations(t.ctx(), before)
	t.ok(err, "reservations")
	slices.SortFunc(got, func(a, b storage.Reservation) int { return strings.Compare(a.TurnID, b.TurnID) })
	same := len(got) == len(want)
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		if (g.Price == nil) != (w.Price == nil) || g.Price != nil && *g.Price != *w.Price || !g.At.Equal(w.At) {
			same = false
		}
		g.Price, w.Price, g.At, w.At = nil, nil, time.Time{}, time.Time{}
		same = same && g == w
	}
	if !same {
		t.Errorf("reservations before %s: got %+v, want %+v", before, got, want)
	}
}
