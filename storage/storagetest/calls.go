package storagetest

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

var callsCases = []testCase{
	{"calls/whole rows", "the ledger gives back each row as it was recorded, by whichever call", func(t *T) {
		full := call("U1", "C1", "m", start)
		full.ThreadTS, full.Fallback, full.Estimated = "1700000000.000100", true, true
		bare := storage.UsageRow{At: after(time.Second), Outcome: "timeout"}
		settled := call("U2", "C2", "m", after(2*time.Second))
		settled.Outcome = storage.OutcomeLost
		finished := call("U3", "C3", "m", after(3*time.Second))
		t.ok(t.store.RecordUsage(t.ctx(), []storage.UsageRow{full, bare}), "record")
		t.ok(t.store.Settle(t.ctx(), "1", []storage.UsageRow{settled}), "settle")
		t.accept(question("1"))
		t.finish(t.acquire(thread, "w"), storage.Result{TurnID: "1", From: storage.StateReceived, At: start, Usage: []storage.UsageRow{finished}})
		for range 2 {
			t.wantCalls(storage.UsageQuery{}, 10, []storage.UsageRow{full, bare, settled, finished})
			t.reopen()
		}
	}},
	{"calls/pages", "pages put together are all rows a query selects, in the order of their time, whatever the size of a page", func(t *T) {
		rng := rand.New(rand.NewPCG(4, 4))
		rows := randomRows(rng, 120)
		slices.SortFunc(rows, func(a, b storage.UsageRow) int { return a.At.Compare(b.At) })
		// Of one second there is one: their order is that of recording.
		rows = slices.CompactFunc(rows, func(a, b storage.UsageRow) bool { return a.At.Unix() == b.At.Unix() })
		shuffled := slices.Clone(rows)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		t.ok(t.store.RecordUsage(t.ctx(), shuffled), "record")
		for _, days := range dayRanges {
			for _, q := range []storage.UsageQuery{
				{}, {UserID: "U1"}, {ChannelID: "C2"}, {Provider: "q"}, {Model: "mm"}, {UserID: "U10", ChannelID: "C1", Provider: "p", Model: "m"}, {UserID: "nobody"},
			} {
				q.From, q.To = days[0], days[1]
				q.By = storage.Dimension(rng.IntN(int(storage.ByAll) + 1)) // ignored
				var want []storage.UsageRow
				for i := range rows {
					if selects(q, &rows[i]) {
						want = append(want, rows[i])
					}
				}
				for _, limit := range []int{1, 7, len(rows), 1000} {
					t.wantCalls(q, limit, want)
				}
			}
		}
	}},
	{"calls/cursor", "a cursor goes on where it was, though rows have come and expired meanwhile, and after a restart", func(t *T) {
		var rows []storage.UsageRow
		for i := range 6 {
			rows = append(rows, call("U1", "C1", "m", start.AddDate(0, 0, i)))
		}
		t.ok(t.store.RecordUsage(t.ctx(), rows), "record")
		page, next, err := t.store.Calls(t.ctx(), storage.UsageQuery{}, "", 2)
		t.ok(err, "first page")
		t.sameRows(page, rows[:2], "first page")
		t.purge(storage.Before{Usage: start.AddDate(0, 0, 3)}, 10)
		newest := call("U2", "C1", "m", start.AddDate(0, 0, 6))
		t.ok(t.store.RecordUsage(t.ctx(), []storage.UsageRow{newest}), "record")
		t.reopen()
		page, _, err = t.store.Calls(t.ctx(), storage.UsageQuery{}, next, 10)
		t.ok(err, "second page")
		t.sameRows(page, append(rows[3:], newest), "second page")
		page, _, err = t.store.Calls(t.ctx(), storage.UsageQuery{From: storage.DayOf(newest.At)}, next, 10)
		t.ok(err, "cursor of another query")
		t.sameRows(page, []storage.UsageRow{newest}, "cursor of another query")
		if _, _, err := t.store.Calls(t.ctx(), storage.UsageQuery{}, "no cursor", 10); err == nil {
			t.Errorf("a cursor that nobody gave out is taken")
		}
	}},
	{"calls/default", "without a limit a page has a hundred rows", func(t *T) {
		rows := make([]storage.UsageRow, 103)
		for i := range rows {
			rows[i] = call("U1", "C1", "m", after(time.Duration(i)*time.Second))
		}
		t.ok(t.store.RecordUsage(t.ctx(), rows), "record")
		page, next, err := t.store.Calls(t.ctx(), storage.UsageQuery{}, "", 0)
		t.ok(err, "calls")
		t.sameRows(page, rows[:100], "page")
		page, next, err = t.store.Calls(t.ctx(), storage.UsageQuery{}, next, 0)
		t.ok(err, "calls")
		t.sameRows(page, rows[100:], "last page")
		if next != "" {
			t.Errorf("the last page leads on to %q", next)
		}
	}},
}

// wantCalls reads all pages.
func (t *T) wantCalls(q storage.UsageQuery, limit int, want []storage.UsageRow) {
	t.Helper()
	var got []storage.UsageRow
	for after := ""; ; {
		page, next, err := t.store.Calls(t.ctx(), q, after, limit)
		t.ok(err, "calls")
		if len(page) > limit {
			t.Errorf("a page of %d rows, the limit is %d", len(page), limit)
		}
		got = append(got, page...)
		if next == "" {
			break
		}
		after = next
	}
	t.sameRows(got, want, "calls")
}

func (t *T) sameRows(got, want []storage.UsageRow, what string) {
	t.Helper()
	utc := func(rows []storage.UsageRow) []storage.UsageRow {
		rows = append([]storage.UsageRow{}, rows...)
		for i := range rows {
			rows[i].At = rows[i].At.UTC()
		}
		return rows
	}
	if got, want := utc(got), utc(want); !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n\tgot  %+v\n\twant %+v", what, got, want)
	}
}
