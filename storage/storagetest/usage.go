package storagetest

import (
	"slices"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

var usageCases = []testCase{
	{"usage/totals", "a total is the sum of its rows, as UsageTotal.Add counts them", func(t *T) {
		rows := []storage.UsageRow{
			call("U1", "C1", "m", start),
			call("U1", "C1", "m", after(time.Hour)),
			call("U1", "C1", "m", after(2*time.Hour)), // free of charge
			call("U1", "C1", "m", after(3*time.Hour)), // price unknown
			call("U1", "C1", "m", after(4*time.Hour)), // failed, nothing to pay
			call("U1", "C1", "m", after(5*time.Hour)), // failed after tokens were billed
			call("U1", "C1", "m", after(6*time.Hour)), // so did this one, price unknown
		}
		rows[2].CostNanoUSD, rows[2].Price = 0, &storage.Price{}
		rows[3].CostNanoUSD, rows[3].Price, rows[3].Estimated = 0, nil, true
		rows[4].Price, rows[4].Outcome, rows[4].InputTokens, rows[4].OutputTokens = nil, "rate limit", 0, 0
		rows[5].Outcome = "cut off"
		rows[6].CostNanoUSD, rows[6].Price, rows[6].Outcome = 0, nil, "cut off"
		want := storage.UsageTotal{Day: storage.DayOf(start), UserID: "U1", ChannelID: "C1", Provider: "p", Model: "m"}
		for _, r := range rows {
			want.Add(r)
		}
		t.ok(t.store.RecordUsage(t.ctx(), rows[:3]), "record three rows in one call")
		t.ok(t.store.RecordUsage(t.ctx(), nil), "record nothing")
		for _, r := range rows[3:] {
			t.ok(t.store.RecordUsage(t.ctx(), []storage.UsageRow{r}), "record a row")
		}
		t.wantUsage("all", storage.UsageQuery{}, want)
		if want.UnpricedCalls != 2 || want.Failures != 3 || want.CostNanoUSD != 3*7 {
			t.Errorf("the fixture does not tell unknown from 0: %+v", want)
		}
	}},
	{"usage/finish counts too", "rows of Finish and of RecordUsage are in the same totals", func(t *T) {
		t.accept(question("1"))
		row := call("U1", "C1", "m", start)
		_, err := t.store.Finish(t.ctx(), t.acquire(thread, "w"), storage.Result{TurnID: "1", From: storage.StateReceived, At: start, Usage: []storage.UsageRow{row}})
		t.ok(err, "finish")
		t.ok(t.store.RecordUsage(t.ctx(), []storage.UsageRow{row}), "record")
		want := storage.UsageTotal{Day: storage.DayOf(start), UserID: "U1", ChannelID: "C1", Provider: "p", Model: "m"}
		want.Add(row)
		want.Add(row)
		t.wantUsage("both", storage.UsageQuery{}, want)
	}},
	{"usage/order", "totals come by day, user, channel, provider and model, compared byte by byte", func(t *T) {
		var want []storage.UsageTotal
		var rows []storage.UsageRow
		for day := range 2 {
			for _, user := range []string{"", "U1", "U10", "U2", "u1"} {
				for _, channel := range []string{"C1", "C10", "C2"} {
					for _, provider := range []string{"p", "p2"} {
						for _, model := range []string{"m", "m2"} {
							r := call(user, channel, model, start.AddDate(0, 0, day))
							r.Provider = provider
							rows = append(rows, r)
							total := storage.UsageTotal{Day: storage.DayOf(r.At), UserID: user, ChannelID: channel, Provider: provider, Model: model}
							total.Add(r)
							want = append(want, total)
						}
					}
				}
			}
		}
		slices.Reverse(rows)
		t.ok(t.store.RecordUsage(t.ctx(), rows), "record")
		t.wantUsage("all", storage.UsageQuery{}, want...)
	}},
	{"usage/query", "days are inclusive, in UTC; a field that is zero selects everything", func(t *T) {
		east := time.FixedZone("east", 14*3600)
		midnight := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
		var totals []storage.UsageTotal
		for _, r := range []storage.UsageRow{
			call("U1", "C1", "m", midnight.Add(-time.Microsecond)),
			call("U1", "C1", "m", midnight.In(east)), // the 23rd there and in UTC
			call("U1", "C2", "m", midnight.Add(10*time.Hour)),
			call("U2", "C1", "m", midnight.Add(24*time.Hour-time.Microsecond).In(east)), // the 24th there
			call("U1", "C1", "m", midnight.Add(24*time.Hour)),
		} {
			t.ok(t.store.RecordUsage(t.ctx(), []storage.UsageRow{r}), "record")
			total := storage.UsageTotal{Day: storage.DayOf(r.At), UserID: r.UserID, ChannelID: r.ChannelID, Provider: "p", Model: "m"}
			total.Add(r)
			totals = append(totals, total)
		}
		d := storage.DayOf(midnight)
		for _, c := range []struct {
			q    storage.UsageQuery
			want []int
		}{
			{storage.UsageQuery{}, []int{0, 1, 2, 3, 4}},
			{storage.UsageQuery{From: d, To: d}, []int{1, 2, 3}},
			{storage.UsageQuery{From: d}, []int{1, 2, 3, 4}},
			{storage.UsageQuery{To: d}, []int{0, 1, 2, 3}},
			{storage.UsageQuery{To: d - 1}, []int{0}},
			{storage.UsageQuery{From: d + 1, To: d + 1}, []int{4}},
			{storage.UsageQuery{From: d + 2}, nil},
			{storage.UsageQuery{From: d + 1, To: d - 1}, nil},
			{storage.UsageQuery{UserID: "U1"}, []int{0, 1, 2, 4}},
			{storage.UsageQuery{ChannelID: "C1"}, []int{0, 1, 3, 4}},
			{storage.UsageQuery{UserID: "U1", ChannelID: "C1", From: d, To: d}, []int{1}},
			{storage.UsageQuery{UserID: "U"}, nil},
			{storage.UsageQuery{ChannelID: "C"}, nil},
		} {
			var want []storage.UsageTotal
			for _, i := range c.want {
				want = append(want, totals[i])
			}
			t.wantUsage("query", c.q, want...)
		}
	}},
	{"usage/race", "no row is lost when many calls end at once", func(t *T) {
		row := call("U1", "C1", "m", start)
		want := storage.UsageTotal{Day: storage.DayOf(start), UserID: "U1", ChannelID: "C1", Provider: "p", Model: "m"}
		for range 40 {
			want.Add(row)
		}
		race(40, func(int) {
			if err := t.store.RecordUsage(t.ctx(), []storage.UsageRow{row}); err != nil {
				t.Errorf("record: %v", err)
			}
		})
		t.wantUsage("all", storage.UsageQuery{}, want)
	}},
}

func (t *T) wantUsage(what string, q storage.UsageQuery, want ...storage.UsageTotal) {
	t.Helper()
	if got := t.usage(q); !slices.Equal(got, want) {
		t.Errorf("usage, %s %+v:\n\tgot  %+v\n\twant %+v", what, q, got, want)
	}
}
