package storagetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

func day(year int, month time.Month, d int) storage.Day {
	return storage.DayOf(time.Date(year, month, d, 0, 0, 0, 0, time.UTC))
}

// dayRanges are those that totals of months could get wrong.
var dayRanges = [][2]storage.Day{
	{}, // all
	{day(2025, 11, 1), day(2026, 3, 31)}, {day(2025, 12, 1), day(2025, 12, 31)}, {day(2026, 1, 1), day(2026, 3, 31)},
	{day(2025, 12, 31), day(2026, 1, 1)}, {day(2026, 1, 1), day(2026, 1, 1)}, {day(2025, 12, 2), day(2026, 1, 30)},
	{day(2025, 11, 28), day(2026, 3, 3)}, {day(2025, 12, 14), day(2026, 2, 17)}, {day(2025, 12, 17), day(2026, 2, 14)},
	{day(2026, 2, 3), day(2026, 2, 26)}, {day(2026, 2, 2), day(2026, 2, 28)}, {day(2026, 2, 1), day(2026, 2, 27)}, {day(2026, 1, 20), day(2026, 2, 9)},
	{day(2025, 12, 10), 0}, {day(2026, 1, 1), 0}, {day(2026, 1, 28), 0}, {0, day(2026, 1, 31)}, {0, day(2026, 2, 3)}, {0, day(2025, 12, 27)},
	{day(2020, 5, 5), day(2030, 5, 5)}, {day(2027, 1, 1), 0}, {0, day(2020, 1, 1)}, {day(2026, 1, 2), day(2025, 12, 30)}, {day(2026, 2, 1), day(2026, 1, 31)},
}

// randomRows are calls of a quarter and a half, around a year's end.
func randomRows(rng *rand.Rand, n int) []storage.UsageRow {
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	rows := make([]storage.UsageRow, n)
	for i := range rows {
		at := time.Date(2025, 11, 10, 0, 0, 0, 0, time.UTC).Add(time.Duration(rng.IntN(125*86400)) * time.Second)
		if rng.IntN(4) == 0 { // the first or last moment of a month
			at = time.Date(2025, time.Month(12+rng.IntN(4)), 1, 0, 0, 0, 0, time.UTC).Add(-time.Duration(rng.IntN(2)) * time.Microsecond)
		}
		r := storage.UsageRow{
			TurnID: fmt.Sprint(i), UserID: pick("U1", "U10", "U2", ""), ChannelID: pick("C1", "C2", "C20"), ThreadTS: "1.1",
			Provider: pick("p", "q"), Model: pick("m", "mm"), At: at,
			InputTokens: rng.Int64N(1 << 20), CachedInputTokens: rng.Int64N(1000), OutputTokens: rng.Int64N(5000), ReasoningTokens: rng.Int64N(100),
			Estimated: rng.IntN(5) == 0, Fallback: rng.IntN(5) == 0, Outcome: pick(storage.OutcomeOK, storage.OutcomeOK, storage.OutcomeOK, "timeout", storage.OutcomeLost),
			FirstToken: time.Duration(rng.Int64N(int64(3 * time.Second))), Duration: time.Duration(rng.Int64N(int64(20 * time.Minute))),
		}
		if rng.IntN(6) > 0 {
			r.Price, r.CostNanoUSD = &storage.Price{Input: 1}, rng.Int64N(1<<40)
		}
		rows[i] = r
	}
	return rows
}

// selects is what UsageQuery says, row by row.
func selects(q storage.UsageQuery, r *storage.UsageRow) bool {
	d := storage.DayOf(r.At)
	return (q.From == 0 || d >= q.From) && (q.To == 0 || d <= q.To) && (q.UserID == "" || q.UserID == r.UserID) &&
		(q.ChannelID == "" || q.ChannelID == r.ChannelID) && (q.Provider == "" || q.Provider == r.Provider) && (q.Model == "" || q.Model == r.Model)
}

// addedUp answers a query from rows.
func addedUp(q storage.UsageQuery, rows []storage.UsageRow) []storage.UsageTotal {
	by := cmp.Or(q.By, storage.ByAll)
	type name struct {
		day                            storage.Day
		user, channel, provider, model string
	}
	sums := make(map[name]*storage.UsageTotal)
	for i := range rows {
		r := &rows[i]
		if !selects(q, r) {
			continue
		}
		var n name
		for d, set := range map[storage.Dimension]func(){
			storage.ByDay: func() { n.day = storage.DayOf(r.At) }, storage.ByUser: func() { n.user = r.UserID }, storage.ByChannel: func() { n.channel = r.ChannelID },
			storage.ByProvider: func() { n.provider = r.Provider }, storage.ByModel: func() { n.model = r.Model },
		} {
			if by&d > 0 {
				set()
			}
		}
		if sums[n] == nil {
			sums[n] = &storage.UsageTotal{Day: n.day, UserID: n.user, ChannelID: n.channel, Provider: n.provider, Model: n.model}
		}
		sums[n].Add(*r)
	}
	var totals []storage.UsageTotal
	for _, sum := range sums {
		totals = append(totals, *sum)
	}
	slices.SortFunc(totals, func(a, b storage.UsageTotal) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), strings.Compare(a.UserID, b.UserID), strings.Compare(a.ChannelID, b.ChannelID),
			strings.Compare(a.Provider, b.Provider), strings.Compare(a.Model, b.Model))
	})
	return totals
}

// wantAddedUp asks in every way there is.
func (t *T) wantAddedUp(what string, rng *rand.Rand, rows []storage.UsageRow) {
	t.Helper()
	asked := 0
	for _, days := range dayRanges {
		for by := range storage.ByAll + 1 {
			for filter := range 16 {
				if rng.IntN(3) > 0 {
					continue
				}
				q := storage.UsageQuery{From: days[0], To: days[1], By: by}
				for i, set := range []func(){
					func() { q.UserID = []string{"U1", "U10", "U9"}[rng.IntN(3)] }, func() { q.ChannelID = []string{"C1", "C2", "C20"}[rng.IntN(3)] },
					func() { q.Provider = []string{"p", "q"}[rng.IntN(2)] }, func() { q.Model = []string{"m", "mm"}[rng.IntN(2)] },
				} {
					if filter>>i&1 > 0 {
						set()
					}
				}
				asked++
				if got, want := t.usage(q), addedUp(q, rows); !slices.Equal(got, want) {
					t.Errorf("usage, %s %+v, from %s to %s:\n\tgot  %+v\n\twant %+v", what, q, q.From, q.To, got, want)
					return
				}
			}
		}
	}
	if asked < 1000 {
		t.Errorf("only %d questions", asked)
	}
}

var usageByCases = []testCase{
	{"usage by/everything", "totals are the sums of the rows a query selects, told apart by what it says and by nothing else, histograms and fallbacks included", func(t *T) {
		rng := rand.New(rand.NewPCG(3, 5))
		rows := randomRows(rng, 500)
		for left := rows; len(left) > 0; {
			n := min(len(left), 1+rng.IntN(60))
			t.ok(t.store.RecordUsage(t.ctx(), left[:n]), "record")
			left = left[n:]
		}
		t.wantAddedUp("of what was recorded", rng, rows)
		gone := day(2025, 12, 12)
		t.purge(storage.Before{Usage: gone.Time().Add(5 * time.Hour)}, 50)
		rows = slices.DeleteFunc(rows, func(r storage.UsageRow) bool { return storage.DayOf(r.At) < gone })
		t.wantAddedUp("after a part has expired", rng, rows)
		late := randomRows(rng, 50) // some of them of days that have expired
		t.ok(t.store.RecordUsage(t.ctx(), late), "record late")
		t.reopen()
		t.wantAddedUp("after a restart", rng, slices.Concat(rows, late))
	}},
	{"usage by/nothing", "an empty ledger has no totals, whatever is asked", func(t *T) {
		t.wantAddedUp("of nothing", rand.New(rand.NewPCG(1, 1)), nil)
	}},
	{"usage by/expired", "when all usage has expired nothing is left in any total", func(t *T) {
		rng := rand.New(rand.NewPCG(2, 2))
		t.ok(t.store.RecordUsage(t.ctx(), randomRows(rng, 100)), "record")
		t.purge(storage.Before{Usage: day(2027, 1, 1).Time()}, 7)
		t.wantAddedUp("after everything has expired", rng, nil)
	}},
}
