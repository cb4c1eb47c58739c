package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// The workspace's limits come first, then those that are used up most, be it the
// day's or the month's, of tokens or of money.
func TestDashboardBudgets(t *testing.T) {
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "bobbin.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	now := time.Date(2026, 12, 15, 12, 0, 0, 0, time.UTC)
	var rows []storage.UsageRow
	spent := func(user, channel string, at time.Time, tokens, nanoUSD int64) {
		rows = append(rows, storage.UsageRow{UserID: user, ChannelID: channel, Provider: "p", Model: "m", At: at, Outcome: storage.OutcomeOK,
			InputTokens: tokens, CostNanoUSD: nanoUSD, Price: &storage.Price{Input: 1}})
	}
	// More people than are asked about, each of whom has spent a lot this month.
	for i := range 2 * overviewTop {
		spent(fmt.Sprintf("U%02d", i), "C1", now.AddDate(0, 0, -3), 50, int64(100+i))
	}
	spent("UTODAY", "C2", now, 90, 1)                     // 90 % of the day's tokens
	spent("UMONTH", "C1", now.AddDate(0, 0, -5), 10, 800) // 80 % of the month's money
	if err := store.RecordUsage(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	if err := store.Lift(t.Context(), storage.Lift{Scope: storage.ScopeUser, ID: "UTODAY", Day: storage.DayOf(now), By: "UADMIN", At: now}); err != nil {
		t.Fatal(err)
	}
	v := &overview{store: store, budget: bot.Budget{
		User:      bot.Limits{DailyTokens: 100, MonthlyNanoUSD: 1000},
		Channel:   bot.Limits{DailyTokens: 1000},
		Workspace: bot.Limits{MonthlyTokens: 1_000_000},
	}}
	var d dashboardData
	if err := v.budgets(t.Context(), &d, now, labels{
		name: func(id string) string { return "name of " + id }, link: func(id string) string { return "link to " + id },
	}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range d.Budgets {
		got = append(got, b.Scope+" "+b.ID+" "+b.Period)
	}
	want := []string{"workspace  month", "user UTODAY day", "user UMONTH month", "user U39 month", "user U38 month"}
	if len(got) != overviewBudgets || !slices.Equal(got[:len(want)], want) {
		t.Errorf("order %q, want %q first", got, want)
	}
	if day := d.Budgets[1]; day.Name != "name of UTODAY" || day.Link != "link to UTODAY" || day.Tokens != 90 || day.TokenLimit != 100 || !day.Lifted || day.Until == nil || !day.Until.Equal(now.Truncate(24*time.Hour).AddDate(0, 0, 1)) {
		t.Errorf("a limit that is lifted: %+v", day)
	}
	if d.Budgets[0].Tokens != 2090+10 || d.Budgets[0].Lifted {
		t.Errorf("the workspace's: %+v", d.Budgets[0])
	}
}
