package main

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

// traffic makes up a month of calls for `bobbin demo --month`, so that there are
// figures to look at. It is made up and says so on the screen, but of a piece: a
// team's working days, one day on which the first provider was down, and the move
// from the dear relay to the cheap gateway in the middle. The same seed makes the
// same month.
type traffic struct {
	rand      *rand.Rand
	people    []string
	channels  []string
	providers []providerConfig // the gateway and the relay
	rows      []storage.UsageRow
}

// demoTraffic returns the calls of the days up to now, in the order of time. The
// second provider is the dear one that was asked first until the middle; with one
// provider there is no move and no fallback.
func demoTraffic(now time.Time, days int, people, channels []string, providers []providerConfig) []storage.UsageRow {
	if len(people) == 0 || len(channels) == 0 || len(providers) == 0 {
		return nil
	}
	t := &traffic{rand: rand.New(rand.NewPCG(1, 2)), people: people, channels: channels, providers: providers}
	today := storage.DayOf(now)
	moved, outage := today-storage.Day(days-days/2), today-storage.Day(days/4)
	for weekend(outage) { // nobody would have noticed
		outage--
	}
	for day := today - storage.Day(days); day <= today; day++ {
		t.day(day, day >= moved, day == outage)
	}
	rows := slices.DeleteFunc(t.rows, func(r storage.UsageRow) bool { return r.At.After(now) })
	slices.SortStableFunc(rows, func(a, b storage.UsageRow) int { return a.At.Compare(b.At) })
	return rows
}

func weekend(d storage.Day) bool {
	w := d.Time().Weekday()
	return w == time.Saturday || w == time.Sunday
}

func (t *traffic) day(day storage.Day, moved, outage bool) {
	questions := 70 + t.rand.IntN(60)
	if weekend(day) {
		questions = 4 + t.rand.IntN(8)
	}
	first, second := t.providers[min(1, len(t.providers)-1)], t.providers[0]
	if moved {
		first, second = second, first
	}
	for range questions {
		// Most is asked before noon and in the middle of the afternoon.
		hour := cmp.Or(t.rand.IntN(3), 1)*3 + 7 + t.rand.IntN(4)
		at := day.Time().Add(time.Duration(hour)*time.Hour + time.Duration(t.rand.IntN(3600))*time.Second)
		t.question(at, first, second, outage && hour >= 10 && hour < 15)
	}
}

// question is one question with all the calls that it took.
func (t *traffic) question(at time.Time, first, second providerConfig, down bool) {
	// A few ask most of it.
	who := int(math.Abs(t.rand.NormFloat64()) * float64(len(t.people)) / 2.5)
	row := storage.UsageRow{
		TurnID: fmt.Sprintf("demo%06d", len(t.rows)), UserID: t.people[who%len(t.people)],
		ChannelID: t.channels[t.rand.IntN(len(t.channels))], ThreadTS: fmt.Sprintf("%d.000000", at.Unix()),
	}
	input := 300 + int64(t.rand.ExpFloat64()*1500)
	failures := 0
	switch luck := t.rand.IntN(120); {
	case down && luck >= 80: // the others find the breaker open
		failures = 1 + t.rand.IntN(2)
	case luck == 0:
		failures = 3
	case luck <= 2:
		failures = 1
	}
	for range failures {
		failed := row
		failed.Outcome = string([]llm.Class{llm.ClassServer, llm.ClassTimeout, llm.ClassRate}[t.rand.IntN(3)])
		at = at.Add(t.call(failed, first, at, 0, 0) + time.Second)
	}
	// One failure is made good by a retry, unless all fail.
	if (down || failures > 1) && first.Name != second.Name {
		row.Fallback = true
		first = second
	}
	if t.rand.IntN(45) == 0 {
		// Who is stopped does not report what it has counted.
		row.Outcome, row.Fallback, row.Estimated = string(llm.ClassCancelled), false, true
		t.call(row, first, at, input, int64(t.rand.IntN(100)))
		return
	}
	row.Outcome = storage.OutcomeOK
	t.call(row, first, at, input, 40+int64(t.rand.ExpFloat64()*260))
}

// call adds a call to a provider, with its price, and returns how long it took.
func (t *traffic) call(r storage.UsageRow, p providerConfig, at time.Time, input, output int64) time.Duration {
	r.Provider, r.Model, r.At = p.Name, p.Model, at
	r.InputTokens, r.OutputTokens = input, output
	if t.rand.IntN(3) > 0 {
		r.CachedInputTokens = input * int64(t.rand.IntN(60)) / 100
	}
	if output > 0 && t.rand.IntN(5) == 0 {
		r.ReasoningTokens = output / 3
	}
	r.Duration = time.Duration(100+t.rand.IntN(900)) * time.Millisecond
	if r.Outcome == string(llm.ClassTimeout) {
		r.Duration = 4 * time.Second
	}
	if output > 0 {
		r.FirstToken = time.Duration(400 * math.Exp(0.5*t.rand.NormFloat64()) * float64(time.Millisecond))
		r.Duration = r.FirstToken + time.Duration(output)*18*time.Millisecond
	}
	if price, ok := p.priceOf(p.Model); ok {
		snapshot := storage.Price(price)
		r.Price = &snapshot
		r.CostNanoUSD = price.Cost(llm.Usage{InputTokens: input, CachedInputTokens: r.CachedInputTokens, OutputTokens: output})
	}
	t.rows = append(t.rows, r)
	return r.Duration
}
