package storage

import (
	"testing"
	"time"
)

var states = []State{
	StateReceived, StatePosting, StateStreaming, StateFinal, StateDone,
	StateRejected, StateInterrupted, StateFailed, StateCancelled,
}

// TestCanFollow spells the table out, so that a change of it is seen twice.
func TestCanFollow(t *testing.T) {
	// Columns in the order of states; x may follow.
	want := map[State]string{
		StateReceived:    "xx.xxxxxx",
		StatePosting:     ".xxx..xxx",
		StateStreaming:   "..xx..xxx",
		StateFinal:       "...xx..x.",
		StateDone:        ".........",
		StateRejected:    ".........",
		StateInterrupted: ".........",
		StateFailed:      ".........",
		StateCancelled:   ".........",
	}
	for _, from := range states {
		for i, to := range states {
			if got := CanFollow(from, to); got != (want[from][i] == 'x') {
				t.Errorf("CanFollow(%s, %s) = %v", from, to, got)
			}
		}
	}
	for _, s := range append(states, "") {
		if CanFollow(s, "unknown") || CanFollow("unknown", s) {
			t.Errorf("an unknown state follows or precedes %q", s)
		}
	}
}

func TestTerminal(t *testing.T) {
	open := map[State]bool{StateReceived: true, StatePosting: true, StateStreaming: true, StateFinal: true}
	for _, s := range states {
		if s.Terminal() == open[s] {
			t.Errorf("%s.Terminal() = %v", s, s.Terminal())
		}
	}
}

// Each state that a crash can leave behind must have a way to a terminal one,
// or recovery could never be done with a turn.
func TestEveryTurnCanEnd(t *testing.T) {
	for _, s := range states {
		if s.Terminal() {
			continue
		}
		ends := false
		for _, to := range states {
			ends = ends || to.Terminal() && CanFollow(s, to)
		}
		if !ends {
			t.Errorf("a turn that is %s can never end", s)
		}
	}
}

func TestDay(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), "2026-11-23"},
		{time.Date(2026, 11, 23, 23, 59, 59, 999999999, time.UTC), "2026-11-23"},
		{time.Date(2026, 11, 24, 1, 0, 0, 0, time.FixedZone("east", 2*3600)), "2026-11-23"},
		{time.Date(2026, 11, 22, 23, 0, 0, 0, time.FixedZone("west", -2*3600)), "2026-11-23"},
		{time.Unix(0, 0), "1970-01-01"},
		{time.Unix(-1, 0), "1969-12-31"}, // not 1970-01-01: days round down
		{time.Unix(-86400, 0), "1969-12-31"},
		{time.Unix(-86401, 0), "1969-12-30"},
		{time.Time{}, "0001-01-01"},
	} {
		d := DayOf(c.at)
		if d.String() != c.want {
			t.Errorf("DayOf(%s) = %s, want %s", c.at, d, c.want)
		}
		if DayOf(d.Time()) != d || c.at.Before(d.Time()) || !c.at.Before((d + 1).Time()) {
			t.Errorf("%s is not within the day from %s", c.at, d.Time())
		}
	}
}

func TestUsageTotalAdd(t *testing.T) {
	row := UsageRow{
		UserID: "U1", InputTokens: 100, CachedInputTokens: 40, OutputTokens: 10, ReasoningTokens: 3,
		CostNanoUSD: 7, Price: &Price{}, Outcome: OutcomeOK, FirstToken: time.Second, Duration: time.Minute,
	}
	var fast, slow Histogram
	fast.Count(time.Second)
	slow.Count(time.Minute)
	base := UsageTotal{
		Calls: 1, InputTokens: 100, CachedInputTokens: 40, OutputTokens: 10, ReasoningTokens: 3,
		CostNanoUSD: 7, FirstTokenSum: time.Second, DurationSum: time.Minute,
		FirstToken: fast, Duration: slow,
	}
	for _, c := range []struct {
		name   string
		change func(*UsageRow)
		want   func(*UsageTotal)
	}{
		{"priced", func(*UsageRow) {}, func(*UsageTotal) {}},
		{"free is a price", func(r *UsageRow) { r.CostNanoUSD = 0 }, func(t *UsageTotal) { t.CostNanoUSD = 0 }},
		{"price unknown", func(r *UsageRow) { r.Price = nil }, func(t *UsageTotal) { t.CostNanoUSD, t.UnpricedCalls = 0, 1 }},
		{"estimated", func(r *UsageRow) { r.Estimated = true }, func(t *UsageTotal) { t.EstimatedCalls = 1 }},
		{"failed, but billed", func(r *UsageRow) { r.Outcome = "cut off" }, func(t *UsageTotal) { t.Failures, t.FirstToken, t.Duration = 1, Histogram{}, Histogram{} }},
		{"fallback", func(r *UsageRow) { r.Fallback = true }, func(t *UsageTotal) { t.Fallbacks = 1 }},
		{
			"failed without a price: it was billed all the same",
			func(r *UsageRow) { r.Outcome, r.Price = "timeout", nil },
			func(t *UsageTotal) {
				t.Failures, t.UnpricedCalls, t.CostNanoUSD, t.FirstToken, t.Duration = 1, 1, 0, Histogram{}, Histogram{}
			},
		},
		{
			"refused: nothing to price",
			func(r *UsageRow) {
				*r = UsageRow{Outcome: "rate limit", FirstToken: r.FirstToken, Duration: r.Duration}
			},
			func(t *UsageTotal) {
				*t = UsageTotal{Calls: 1, Failures: 1, FirstTokenSum: t.FirstTokenSum, DurationSum: t.DurationSum}
			},
		},
	} {
		r, want := row, base
		c.change(&r)
		c.want(&want)
		var got UsageTotal
		got.Add(r)
		if got != want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, want)
		}
		got.Add(r)
		if got.Calls != 2 || got.InputTokens != 2*want.InputTokens || got.DurationSum != 2*want.DurationSum {
			t.Errorf("%s: a second Add does not add: %+v", c.name, got)
		}
	}
}
