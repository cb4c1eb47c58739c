package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// overview reads what the dashboard shows. It is read when somebody looks, and
// from totals: a year costs no more than a few milliseconds.
type overview struct {
	store     *boltstore.Store
	bot       *bot.Bot
	model     model
	providers []providerConfig
	budget    bot.Budget
	started   time.Time
}

// labels say what an id stands for; "" if that is not known.
type labels struct {
	name func(userID string) string
	link func(id string) string
}

const (
	overviewTop      = 20
	overviewVerdicts = 30
	overviewBudgets  = 12
	// overviewJudged bounds the counting of verdicts.
	overviewJudged = 1000
)

func (v *overview) read(ctx context.Context, days int) (dashboardData, error) {
	now := time.Now()
	// Who is not known yet has an id for a name, until the next look.
	naming, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	who := labels{name: func(userID string) string { return v.bot.Name(naming, userID) }, link: v.bot.Link}
	today := storage.DayOf(now)
	from := today - storage.Day(days) + 1
	place := v.bot.Workspace()
	d := dashboardData{
		Now: now, Started: v.started, Version: buildInfo().version, Team: place.Name,
		Period: dashboardPeriod{From: from.String(), To: today.String(), Days: days},
	}
	for _, part := range []func() error{
		func() error { return v.usage(ctx, &d, from, today) },
		func() error { return v.spenders(ctx, &d, from, today, who) },
		func() error { return v.budgets(ctx, &d, now, who) },
		func() error { return v.feedback(ctx, &d, from, who) },
		func() error { return v.live(ctx, &d) },
	} {
		if err := part(); err != nil {
			return d, err
		}
	}
	return d, nil
}

func (v *overview) usage(ctx context.Context, d *dashboardData, from, today storage.Day) error {
	by := storage.ByDay | storage.ByProvider | storage.ByModel
	totals, err := v.store.Usage(ctx, storage.UsageQuery{From: from, To: today, By: by})
	if err != nil {
		return err
	}
	length := today - from + 1
	before, err := v.store.Usage(ctx, storage.UsageQuery{From: from - length, To: from - 1, By: by})
	if err != nil {
		return err
	}
	all, previous := storage.Sum(totals), storage.Sum(before)
	d.Totals, d.Previous = totalsOf(&all), totalsOf(&previous)
	byDay := storage.Group(totals, func(t *storage.UsageTotal) storage.Day { return t.Day })
	if t := byDay[today]; t != nil {
		d.Today = totalsOf(t)
	}
	type dayProvider struct {
		day      storage.Day
		provider string
	}
	split := map[storage.Day]map[string]dashboardTotals{}
	for k, t := range storage.Group(totals, func(t *storage.UsageTotal) dayProvider { return dayProvider{t.Day, t.Provider} }) {
		if split[k.day] == nil {
			split[k.day] = map[string]dashboardTotals{}
		}
		split[k.day][k.provider] = totalsOf(t)
	}
	for day := from; day <= today; day++ {
		providers := split[day]
		if providers == nil {
			providers = map[string]dashboardTotals{}
		}
		d.Days = append(d.Days, dashboardDay{Day: day.String(), Providers: providers})
	}
	type model struct{ provider, model string }
	for k, t := range storage.Group(totals, func(t *storage.UsageTotal) model { return model{t.Provider, t.Model} }) {
		d.Models = append(d.Models, dashboardModel{Provider: k.provider, Model: k.model, Totals: totalsOf(t)})
	}
	slices.SortFunc(d.Models, func(a, b dashboardModel) int {
		return cmp.Or(cmp.Compare(b.Totals.CostNanoUSD, a.Totals.CostNanoUSD), cmp.Compare(b.Totals.Calls, a.Totals.Calls), cmp.Compare(a.Provider+a.Model, b.Provider+b.Model))
	})
	return nil
}

func (v *overview) spenders(ctx context.Context, d *dashboardData, from, today storage.Day, who labels) error {
	for by, list := range map[storage.Dimension]*[]dashboardSpender{storage.ByUser: &d.Users, storage.ByChannel: &d.Channels} {
		totals, err := v.store.Usage(ctx, storage.UsageQuery{From: from, To: today, By: by})
		if err != nil {
			return err
		}
		sortTotals(totals, "cost")
		for i := range totals[:min(len(totals), overviewTop)] {
			t := &totals[i]
			id := t.UserID + t.ChannelID
			s := dashboardSpender{ID: id, Link: who.link(id), Totals: totalsOf(t)}
			switch {
			case s.ID == "":
				s.Name = "nobody: probes of the providers"
			case by == storage.ByUser:
				s.Name = who.name(s.ID)
			case strings.HasPrefix(s.ID, "D"):
				s.Name = "a direct message"
			}
			*list = append(*list, s)
		}
	}
	return nil
}

func (v *overview) feedback(ctx context.Context, d *dashboardData, from storage.Day, who labels) error {
	for _, value := range []int{-1, 1} {
		verdicts, err := v.store.Verdicts(ctx, value, from.Time(), overviewJudged)
		if err != nil {
			return err
		}
		if value < 0 {
			d.Feedback.Down = len(verdicts)
		} else {
			d.Feedback.Up = len(verdicts)
		}
		for _, f := range verdicts[:min(len(verdicts), overviewVerdicts)] {
			one := dashboardVerdict{
				At: f.Turn.ReceivedAt, Verdict: value, TurnID: f.Turn.ID, UserID: f.UserID, User: who.name(f.UserID),
				ChannelID: f.Turn.Key.ChannelID, Link: v.bot.Permalink(f.Turn.Key),
			}
			if n := len(f.Turn.Calls); n > 0 {
				one.Provider, one.Model = f.Turn.Calls[n-1].Provider, f.Turn.Calls[n-1].Model
			}
			d.Feedback.Recent = append(d.Feedback.Recent, one)
		}
	}
	d.Feedback.Recent = d.Feedback.Recent[:min(len(d.Feedback.Recent), overviewVerdicts)]
	return nil
}

// live is how everything is at this moment.
func (v *overview) live(ctx context.Context, d *dashboardData) error {
	loads := map[string]llm.ThrottleState{}
	for _, l := range v.model.loads() {
		loads[l.Provider] = l
	}
	for i, s := range v.model.states() {
		p := dashboardProvider{Name: s.Provider, Model: v.providers[i].Model, Phase: phaseName(s.Phase), Failures: s.Failures,
			Queue: loads[s.Provider].Waiting, InFlight: loads[s.Provider].Running}
		if s.Phase == llm.BreakerOpen {
			until := s.Until
			p.Until = &until
		}
		if s.LastErr != nil && s.Phase != llm.BreakerClosed {
			p.Error = string(s.LastErr.Class)
		}
		d.Providers = append(d.Providers, p)
	}
	h := v.bot.Health()
	open, err := v.store.OpenConversations(ctx)
	if err != nil {
		return err
	}
	d.Slack = dashboardSlack{Sockets: h.Sockets, WantSockets: h.WantSockets, LiveReplies: h.LiveReplies, Queue: max(0, len(open)-h.LiveReplies)}
	for _, m := range v.bot.Pacer() {
		one := dashboardMethod{Method: m.Method, Limit: m.Budget, Used: m.Used, Waiting: m.Waiting, Granted: m.Granted, Refused: m.Refused}
		if m.Frozen.After(d.Now) {
			frozen := m.Frozen
			one.FrozenUntil = &frozen
		}
		d.Slack.Methods = append(d.Slack.Methods, one)
	}
	stats, err := v.store.Stats()
	if err != nil {
		return err
	}
	d.Store = dashboardStore{
		Bytes: stats.FileBytes, FreeBytes: stats.FreeBytes,
		CommitP50: stats.CommitP50.Microseconds(), CommitP99: stats.CommitP99.Microseconds(),
	}
	if err := v.store.Failed(); err != nil {
		d.Store.Problem = err.Error()
	}
	return nil
}

func phaseName(p llm.BreakerPhase) string {
	switch p {
	case llm.BreakerOpen:
		return "open"
	case llm.BreakerHalfOpen:
		return "half_open"
	}
	return "closed"
}

func totalsOf(t *storage.UsageTotal) dashboardTotals {
	return dashboardTotals{
		Calls: t.Calls, Answers: t.Answers(), Failures: t.Failures, FallbackAnswers: t.Fallbacks,
		InputTokens: t.InputTokens, CachedTokens: t.CachedInputTokens, OutputTokens: t.OutputTokens, ReasoningTokens: t.ReasoningTokens,
		CostNanoUSD: t.CostNanoUSD, UnpricedCalls: t.UnpricedCalls, EstimatedCalls: t.EstimatedCalls,
		FirstToken: jsonQuantiles(&t.FirstToken), Duration: jsonQuantiles(&t.Duration),
	}
}
