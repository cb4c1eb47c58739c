package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// hostile is a name that would run if anything parsed it.
const hostile = `<img src=x onerror="document.title='in'">Mallory`

// sampleDashboard is a workspace of fifty people whose gateway has bad days; the
// last provider has no known price. The same now and days give the same data.
func sampleDashboard(now time.Time, days int) dashboardData {
	rnd := rand.New(rand.NewPCG(7, uint64(days)))
	now = now.UTC()
	d := dashboardData{
		Now: now, Started: now.Add(-77 * time.Hour), Version: "v1.4.2", Team: "Acme Robotics",
		Period: dashboardPeriod{From: now.AddDate(0, 0, 1-days).Format(time.DateOnly), To: now.Format(time.DateOnly), Days: days},
		Notes:  []string{"The price of oasis/free-large is unknown: set llm.providers.price, or its cost stays out of every sum."},
	}
	models := map[string]*dashboardModel{}
	for i := range days {
		at := now.AddDate(0, 0, i+1-days)
		day := dashboardDay{Day: at.Format(time.DateOnly), Providers: map[string]dashboardTotals{}}
		if questions := sampleQuestions(rnd, at); questions > 0 {
			failing := []float64{0.03, 0.02, 0.05, 0.02, 0.6, 0.04, 0.02, 0.25, 0.03}[i%9]
			relayed := int64(float64(questions) * failing)
			day.Providers["gateway"] = sampleTotals(rnd, questions-relayed, 0, relayed+relayed/4, 420, 600)
			day.Providers["relay"] = sampleTotals(rnd, relayed-relayed/8, relayed-relayed/8, 0, 800, 900)
			if relayed > 8 {
				day.Providers["oasis"] = sampleTotals(rnd, relayed/8, relayed/8, 0, 0, 1400)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(day.Providers)) {
			t := day.Providers[name]
			if models[name] == nil {
				models[name] = &dashboardModel{Provider: name, Model: map[string]string{"gateway": "step-2-chat", "relay": "step-2-chat", "oasis": "free-large"}[name]}
			}
			addTotals(&models[name].Totals, t)
			addTotals(&d.Totals, t)
			if i == days-1 {
				addTotals(&d.Today, t)
			}
		}
		d.Days = append(d.Days, day)
	}
	d.Previous = scaleTotals(d.Totals, 0.87)
	d.Previous.FallbackAnswers, d.Previous.UnpricedCalls, d.Previous.FirstToken = d.Totals.FallbackAnswers/2, 0, &quantilesJSON{690, 2400, 5100}
	for _, name := range []string{"gateway", "relay", "oasis"} {
		if m := models[name]; m != nil {
			d.Models = append(d.Models, *m)
		}
	}
	d.Users = sampleSpenders(d.Totals, "U0", "Ann Archer", "Ben Okafor", hostile, "Charlotte-Alexandra von Hohenstein-Wittgenstein", "李小龍", "Dora", "Emil Nordström", "", "Fatima Zahra", "Gus")
	d.Channels = sampleSpenders(d.Totals, "C0", "#engineering", "#support-escalations-europe-middle-east-and-africa", "#general", "direct message", "#incident-review", "#design")
	sampleNow(&d, now)
	return d
}

// sampleQuestions are few at weekends, none on the third of a month.
func sampleQuestions(rnd *rand.Rand, at time.Time) int64 {
	n := 160 + rnd.Int64N(90)
	switch {
	case at.Day() == 3:
		return 0
	case at.Weekday() == time.Saturday || at.Weekday() == time.Sunday:
		n /= 6
	}
	return n
}

func sampleTotals(rnd *rand.Rand, answers, fallbacks, failures, nanoPerToken, firstMS int64) dashboardTotals {
	t := dashboardTotals{Calls: answers + failures, Answers: answers, Failures: failures, FallbackAnswers: fallbacks, EstimatedCalls: answers / 50}
	t.InputTokens = answers * (900 + rnd.Int64N(500))
	t.CachedTokens = t.InputTokens * (20 + rnd.Int64N(25)) / 100
	t.OutputTokens = answers * (180 + rnd.Int64N(120))
	t.ReasoningTokens = t.OutputTokens / 10
	t.CostNanoUSD = (t.InputTokens + t.OutputTokens) * nanoPerToken
	if nanoPerToken == 0 {
		t.UnpricedCalls = answers
	}
	if answers > 0 {
		p50 := firstMS + rnd.Int64N(200)
		t.FirstToken = &quantilesJSON{p50, p50*2 + rnd.Int64N(1500), p50*4 + rnd.Int64N(4000)}
		t.Duration = &quantilesJSON{p50 * 8, p50 * 17, p50 * 30}
	}
	return t
}

func addTotals(sum *dashboardTotals, t dashboardTotals) {
	sum.Calls += t.Calls
	sum.Answers += t.Answers
	sum.Failures += t.Failures
	sum.FallbackAnswers += t.FallbackAnswers
	sum.InputTokens += t.InputTokens
	sum.CachedTokens += t.CachedTokens
	sum.OutputTokens += t.OutputTokens
	sum.ReasoningTokens += t.ReasoningTokens
	sum.CostNanoUSD += t.CostNanoUSD
	sum.UnpricedCalls += t.UnpricedCalls
	sum.EstimatedCalls += t.EstimatedCalls
	if sum.FirstToken == nil && t.FirstToken != nil {
		sum.FirstToken, sum.Duration = t.FirstToken, t.Duration
	}
}

func scaleTotals(t dashboardTotals, by float64) dashboardTotals {
	for _, n := range []*int64{&t.Calls, &t.Answers, &t.Failures, &t.FallbackAnswers, &t.InputTokens, &t.CachedTokens, &t.OutputTokens,
		&t.ReasoningTokens, &t.CostNanoUSD, &t.UnpricedCalls, &t.EstimatedCalls} {
		*n = int64(float64(*n) * by)
	}
	return t
}

// sampleSpenders share the totals, each a third less than the one before.
func sampleSpenders(all dashboardTotals, prefix string, names ...string) []dashboardSpender {
	var list []dashboardSpender
	part := 0.31
	for i, name := range names {
		s := dashboardSpender{ID: fmt.Sprintf("%sABCD%03d", prefix, i), Name: name, Totals: scaleTotals(all, part)}
		switch i {
		case 0:
			s.Link = "https://acme.slack.example/archives/" + s.ID
		case 1:
			s.Link = "javascript:document.title='in'"
		}
		if i%3 != 1 {
			s.Totals.UnpricedCalls = 0
		}
		list = append(list, s)
		part *= 0.67
	}
	return list
}

// sampleNow is a bad minute: a provider is down, a method frozen, a budget spent.
func sampleNow(d *dashboardData, now time.Time) {
	in := func(after time.Duration) *time.Time { return new(now.Add(after)) }
	d.Providers = []dashboardProvider{
		{Name: "gateway", Model: "step-2-chat", Phase: "open", Failures: 7, Error: "server: 503 Service Unavailable", Until: in(40 * time.Second), Queue: 3},
		{Name: "relay", Model: "step-2-chat", Phase: "closed", InFlight: 4},
		{Name: "oasis", Model: "free-large", Phase: "half_open", Failures: 1, InFlight: 1},
	}
	d.Slack = dashboardSlack{Sockets: 1, WantSockets: 2, LiveReplies: 5, Queue: 3, Methods: []dashboardMethod{
		{Method: "chat.appendStream", Limit: 100, Used: 81, Waiting: 2, Granted: 48211},
		{Method: "chat.update", Limit: 50, Used: 50, Waiting: 4, FrozenUntil: in(23 * time.Second), Granted: 9120, Refused: 2},
		{Method: "chat.postMessage", Limit: 300, Used: 12, Granted: 6011},
		{Method: "chat.startStream", Limit: 20, Used: 7, Granted: 5870},
		{Method: "assistant.threads.setStatus", Limit: 600, Used: 20, Granted: 12044},
		{Method: "users.info", Limit: 100, Granted: 61},
		{Method: "views.publish", Limit: 100}, {Method: "files.completeUploadExternal", Limit: 100},
	}}
	d.Feedback = dashboardFeedback{Up: 214, Down: 31}
	for i := range 9 {
		v := dashboardVerdict{At: now.Add(-time.Duration(i*i+1) * 5 * time.Hour), Verdict: -1, TurnID: fmt.Sprint("t", i),
			UserID: d.Users[i%5].ID, User: d.Users[i%5].Name, ChannelID: d.Channels[i%3].ID, Provider: "gateway", Model: "step-2-chat",
			Link: "https://acme.slack.example/archives/C0ABCD001/p1700000000000100"}
		if i > 4 {
			v.Verdict, v.Provider = 1, "relay"
		}
		if i == 2 {
			v.Link = "javascript:document.title='in'"
		}
		d.Feedback.Recent = append(d.Feedback.Recent, v)
	}
	d.Budgets = []dashboardBudget{
		{Scope: "workspace", Period: "month", NanoUSD: 38_400_000_000, NanoUSDLimit: 50_000_000_000, ReservedNanoUSD: 410_000_000},
		{Scope: "user", ID: "U0ABCD001", Name: "Ben Okafor", Period: "day", Tokens: 97_300, TokenLimit: 100_000, ReservedTokens: 2_048},
		{Scope: "user", ID: "U0ABCD000", Name: "Ann Archer", Period: "day", Tokens: 41_000, TokenLimit: 100_000, Lifted: true, Until: in(6 * time.Hour)},
		{Scope: "channel", ID: "C0ABCD000", Name: "#engineering", Period: "month", Tokens: 1_240_000, TokenLimit: 10_000_000, NanoUSD: 2_100_000_000, NanoUSDLimit: 20_000_000_000},
	}
	d.Store = dashboardStore{Bytes: 184_320_000, FreeBytes: 41_200_000, CommitP50: 1_900, CommitP99: 12_300}
}
