package storage

import (
	"testing"
	"time"
)

func TestPeriodDays(t *testing.T) {
	for _, c := range []struct {
		period      Period
		at          time.Time
		first, last string
	}{
		{PerDay, time.Date(2026, 11, 30, 23, 59, 59, 999999999, time.UTC), "2026-11-30", "2026-11-30"},
		{PerDay, time.Date(2026, 12, 1, 1, 0, 0, 0, time.FixedZone("east", 2*3600)), "2026-11-30", "2026-11-30"},
		{PerMonth, time.Date(2026, 12, 1, 1, 0, 0, 0, time.FixedZone("east", 2*3600)), "2026-11-01", "2026-11-30"},
		{PerMonth, time.Date(2026, 12, 31, 23, 0, 0, 0, time.FixedZone("west", -2*3600)), "2027-01-01", "2027-01-31"},
		{PerMonth, time.Date(2028, 2, 29, 12, 0, 0, 0, time.UTC), "2028-02-01", "2028-02-29"},
		{PerMonth, time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC), "2026-12-01", "2026-12-31"},
	} {
		if first, last := c.period.Days(c.at); first.String() != c.first || last.String() != c.last {
			t.Errorf("%s at %s: %s to %s, want %s to %s", c.period, c.at, first, last, c.first, c.last)
		}
	}
}

func TestSpendReserve(t *testing.T) {
	for _, c := range []struct {
		name                         string
		limit, spent, reserved, asks int64
		lifted, fits                 bool
	}{
		{"no limit", 0, 1 << 40, 1 << 40, 1 << 40, false, true},
		{"room", 100, 50, 20, 30, false, true},
		{"one too many", 100, 50, 20, 31, false, false},
		{"alone, a little left", 100, 99, 0, 1000, false, true},
		{"not alone, a little left", 100, 98, 1, 2, false, false},
		{"all spent", 100, 100, 0, 1, false, false},
		{"all spent, asks for nothing", 100, 100, 0, 0, false, false},
		{"overspent, asks for nothing", 100, 101, 0, 0, false, false},
		{"all reserved, asks for nothing", 100, 50, 50, 0, false, true},
		{"lifted", 100, 1000, 1000, 1000, true, true},
	} {
		tokens := Spend{Limit: Limit{Tokens: c.limit}, SpentTokens: c.spent, ReservedTokens: c.reserved, Lifted: c.lifted}
		money := Spend{Limit: Limit{NanoUSD: c.limit}, SpentNanoUSD: c.spent, ReservedNanoUSD: c.reserved, Lifted: c.lifted}
		before := tokens
		r := Reservation{InputTokens: c.asks, NanoUSD: c.asks}
		if got := tokens.Reserve(&r); got != c.fits {
			t.Errorf("%s, in tokens: %v", c.name, got)
		} else if want := c.reserved + c.asks; got && tokens.ReservedTokens != want || !got && tokens != before {
			t.Errorf("%s, in tokens: %+v afterwards", c.name, tokens)
		}
		if got := money.Reserve(&r); got != c.fits {
			t.Errorf("%s, in money: %v", c.name, got)
		}
	}
}

func TestSpendShare(t *testing.T) {
	s := Spend{Limit: Limit{Tokens: 1000, NanoUSD: 100}, SpentTokens: 500, SpentNanoUSD: 75, ReservedTokens: 400}
	if got := s.Share(); got != 0.75 {
		t.Errorf("share %v, want the larger one", got)
	}
	s.NanoUSD = 0
	if got := s.Share(); got != 0.5 {
		t.Errorf("share without a limit of money: %v", got)
	}
	if got := (&Spend{SpentTokens: 5}).Share(); got != 0 {
		t.Errorf("share without limits: %v", got)
	}
}
