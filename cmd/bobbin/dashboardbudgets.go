package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/storage"
)

// budgets are the workspace's limits, and those of the people and channels that
// are nearest to theirs.
func (v *overview) budgets(ctx context.Context, d *dashboardData, now time.Time, who labels) error {
	limits := v.budget.Limits("", "")
	for by, limitsOf := range map[storage.Dimension]func(id string) []storage.Limit{
		storage.ByUser:    func(id string) []storage.Limit { return bot.Budget{User: v.budget.User}.Limits(id, "") },
		storage.ByChannel: func(id string) []storage.Limit { return bot.Budget{Channel: v.budget.Channel}.Limits("", id) },
	} {
		if len(limitsOf("x")) == 0 {
			continue
		}
		ids, err := v.biggest(ctx, by, now)
		if err != nil {
			return err
		}
		for _, id := range ids {
			limits = append(limits, limitsOf(id)...)
		}
	}
	spends, err := v.store.Spent(ctx, limits, now)
	if err != nil {
		return err
	}
	slices.SortFunc(spends, compareSpends)
	for _, s := range spends[:min(len(spends), overviewBudgets)] {
		b := dashboardBudget{
			Scope: string(s.Scope), ID: s.ID, Link: who.link(s.ID), Period: string(s.Period),
			Tokens: s.SpentTokens, TokenLimit: s.Tokens, NanoUSD: s.SpentNanoUSD, NanoUSDLimit: s.NanoUSD,
			ReservedTokens: s.ReservedTokens, ReservedNanoUSD: s.ReservedNanoUSD, Lifted: s.Lifted,
		}
		if s.Scope == storage.ScopeUser {
			b.Name = who.name(s.ID)
		}
		if s.Lifted {
			end := (storage.DayOf(now) + 1).Time()
			b.Until = &end
		}
		d.Budgets = append(d.Budgets, b)
	}
	return nil
}

// biggest are the users or channels that have spent most today or this month, in
// tokens or in money: all have the same limits, so that nobody else is nearer to
// one.
func (v *overview) biggest(ctx context.Context, by storage.Dimension, now time.Time) (ids []string, err error) {
	for _, period := range []storage.Period{storage.PerDay, storage.PerMonth} {
		first, last := period.Days(now)
		totals, err := v.store.Usage(ctx, storage.UsageQuery{From: first, To: last, By: by})
		if err != nil {
			return nil, err
		}
		for _, most := range []string{"cost", "tokens"} {
			sortTotals(totals, most)
			for _, t := range totals[:min(len(totals), overviewTop)] {
				if id := t.UserID + t.ChannelID; id != "" && !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
	}
	return ids, nil
}

// compareSpends puts the workspace's limits first, which concern everybody, and
// then those that are used up most.
func compareSpends(a, b storage.Spend) int {
	others := func(s storage.Spend) int {
		if s.Scope == storage.ScopeWorkspace {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(others(a), others(b)), cmp.Compare(b.Share(), a.Share()),
		cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Period, b.Period))
}
