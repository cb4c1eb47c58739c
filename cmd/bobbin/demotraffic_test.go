package main

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

func TestDemoTraffic(t *testing.T) {
	rows := monthOfTraffic()
	if !reflect.DeepEqual(rows, monthOfTraffic()) {
		t.Error("another month the second time")
	}
	if !slices.IsSortedFunc(rows, func(a, b storage.UsageRow) int { return a.At.Compare(b.At) }) {
		t.Error("the rows are not in the order of time")
	}
	perDay := map[storage.Day]int{}
	for i, r := range rows {
		perDay[storage.DayOf(r.At)]++
		u := llm.Usage{InputTokens: r.InputTokens, CachedInputTokens: r.CachedInputTokens, OutputTokens: r.OutputTokens, ReasoningTokens: r.ReasoningTokens}
		switch {
		case u.CachedInputTokens > u.InputTokens || u.ReasoningTokens > u.OutputTokens || min(u.CachedInputTokens, u.ReasoningTokens, u.OutputTokens) < 0:
			t.Errorf("row %d has more of a part than of the whole: %+v", i, u)
		case r.Price == nil || r.CostNanoUSD != llm.Price(*r.Price).Cost(u):
			t.Errorf("row %d does not cost its price: %+v", i, r)
		case r.FirstToken > r.Duration || r.Duration <= 0:
			t.Errorf("row %d had its first token after %v of %v", i, r.FirstToken, r.Duration)
		case r.Outcome == storage.OutcomeOK && (r.FirstToken == 0 || r.OutputTokens == 0):
			t.Errorf("row %d is an answer of nothing: %+v", i, r)
		case r.Fallback && r.Outcome != storage.OutcomeOK:
			t.Errorf("row %d is a fallback that gave no answer", i)
		case r.TurnID == "" || r.UserID == "" || r.ChannelID == "" || r.Outcome == "":
			t.Errorf("row %d is nobody's: %+v", i, r)
		}
	}
	for day, n := range perDay {
		if least, most := 60, 160; weekend(day) && n > 30 || !weekend(day) && (n < least || n > most) {
			t.Errorf("%v has %d calls", day, n)
		}
	}
	if len(perDay) != 31 {
		t.Errorf("%d days have calls, want all of the month and today", len(perDay))
	}
}

// The month has the events that the screens are to show.
func TestDemoTrafficTellsAStory(t *testing.T) {
	var all storage.UsageTotal
	type half struct{ first, second storage.UsageTotal } // before and after the move
	var cost half
	days, users := map[storage.Day]*storage.UsageTotal{}, map[string]int{}
	outcomes := map[string]int{}
	rows := monthOfTraffic()
	moved := storage.DayOf(rows[len(rows)-1].At) - 15
	var first []float64
	for _, r := range rows {
		all.Add(r)
		day := storage.DayOf(r.At)
		if days[day] == nil {
			days[day] = new(storage.UsageTotal)
		}
		days[day].Add(r)
		if day < moved {
			cost.first.Add(r)
		} else {
			cost.second.Add(r)
		}
		users[r.UserID]++
		outcomes[r.Outcome]++
		if r.FirstToken > 0 {
			first = append(first, math.Log(r.FirstToken.Seconds()))
		}
	}
	if cost.second.CostNanoUSD*3 > cost.first.CostNanoUSD {
		t.Errorf("the move made $%.2f of $%.2f: that is not seen", float64(cost.second.CostNanoUSD)/1e9, float64(cost.first.CostNanoUSD)/1e9)
	}
	outage := 0
	for day, d := range days {
		if d.Fallbacks > 20 {
			outage++
			if weekend(day) || d.Failures < 15 {
				t.Errorf("the outage of %v: %d failed calls, %d fallbacks", day, d.Failures, d.Fallbacks)
			}
		}
	}
	if outage != 1 {
		t.Errorf("%d days on which a provider was down, want one", outage)
	}
	for _, class := range []llm.Class{llm.ClassServer, llm.ClassTimeout, llm.ClassRate, llm.ClassCancelled} {
		if outcomes[string(class)] == 0 {
			t.Errorf("no call ended with %s", class)
		}
	}
	if all.CachedInputTokens == 0 || all.ReasoningTokens == 0 || all.EstimatedCalls == 0 {
		t.Errorf("no cached, reasoning or estimated tokens: %+v", all)
	}
	if users["U0ANN"] < 2*users["U0CLEO"] || users["U0CLEO"] == 0 {
		t.Errorf("calls by user: %v, want a few that ask most", users)
	}
	// The logarithms of a log-normal are normal: their median is their mean.
	slices.Sort(first)
	mean := 0.0
	for _, v := range first {
		mean += v / float64(len(first))
	}
	if median := first[len(first)/2]; math.Abs(mean-median) > 0.05 {
		t.Errorf("log of the first token: mean %.3f, median %.3f", mean, median)
	}
}

func TestDemoTrafficOfLittle(t *testing.T) {
	now := time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)
	one := []providerConfig{{Name: "only", Model: "m"}}
	rows := demoTraffic(now, 30, []string{"U1"}, []string{"C1"}, one)
	if len(rows) < 1000 {
		t.Errorf("%d calls to the only provider", len(rows))
	}
	for _, r := range rows {
		if r.Price != nil || r.CostNanoUSD != 0 || r.Fallback || r.At.After(now) {
			t.Fatalf("%+v: its price is not known, there is none to fall back to, and the future is not known", r)
		}
	}
	if rows := demoTraffic(now, 30, nil, nil, one); rows != nil {
		t.Errorf("%d calls by nobody", len(rows))
	}
	if rows := demoTraffic(now, 0, []string{"U1"}, []string{"C1"}, one); len(rows) == 0 || storage.DayOf(rows[0].At) != storage.DayOf(now) {
		t.Errorf("%d calls today", len(rows))
	}
}
