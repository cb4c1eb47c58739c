package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// figureColumns are the numbers of a table of totals. Where the tokens are
// estimates, a ~ says so.
var figureColumns = []struct {
	textColumn
	cell func(*storage.UsageTotal) string
}{
	{textColumn{head: "answers"}, func(t *storage.UsageTotal) string { return thousands(t.Answers()) }},
	{textColumn{head: "calls", drop: 2}, func(t *storage.UsageTotal) string { return thousands(t.Calls) }},
	{textColumn{head: "failed", drop: 5}, func(t *storage.UsageTotal) string { return thousands(t.Failures) }},
	{textColumn{head: "fallback", drop: 6}, func(t *storage.UsageTotal) string { return percentText(t.Fallbacks, t.Answers()) }},
	{textColumn{head: "in", drop: 8}, func(t *storage.UsageTotal) string { return estimateMark(t) + compact(t.InputTokens) }},
	{textColumn{head: "cached", drop: 4}, func(t *storage.UsageTotal) string { return compact(t.CachedInputTokens) }},
	{textColumn{head: "out", drop: 9}, func(t *storage.UsageTotal) string { return estimateMark(t) + compact(t.OutputTokens) }},
	{textColumn{head: "cost"}, totalCost},
	{textColumn{head: "first", drop: 7}, func(t *storage.UsageTotal) string { return quantileText(&t.FirstToken, 0.5) }},
	{textColumn{head: "p95", drop: 3}, func(t *storage.UsageTotal) string { return quantileText(&t.FirstToken, 0.95) }},
	{textColumn{head: "whole", drop: 1}, func(t *storage.UsageTotal) string { return quantileText(&t.Duration, 0.5) }},
}

// totalsTable is for people: rounded, with a line for the sum. On a terminal, where
// width is not 0, it has bars if there is room.
func totalsTable(q storage.UsageQuery, totals []storage.UsageTotal, all *storage.UsageTotal, left int, sorted string, width int) string {
	var t textTable
	names := dimensionNames(q.By)
	for _, name := range names {
		t.columns = append(t.columns, textColumn{head: name, left: true})
	}
	for _, c := range figureColumns {
		t.columns = append(t.columns, c.textColumn)
	}
	row := func(values []string, total *storage.UsageTotal) {
		for _, c := range figureColumns {
			values = append(values, c.cell(total))
		}
		t.row(values...)
	}
	for i := range totals {
		values := dimensionValues(q.By, &totals[i])
		for j, v := range values {
			values[j] = cmp.Or(v, "-") // probes have no user
		}
		row(values, &totals[i])
	}
	row(append([]string{"all"}, make([]string, len(names)-1)...), all)

	var notes []string
	table, room := t.fit(width)
	if width > 0 && room < 2+leastBar {
		// Bars say more than the columns that go before "failed".
		if other, left := t.fit(width - 2 - leastBar); other.has("failed") {
			table, room = other, left+2+leastBar
		}
	}
	if room >= 2+leastBar {
		notes = append(notes, "bars: "+table.bars(totals, all, sorted, min(room-2, mostBar)))
	}
	t = table
	if t.has("first") {
		first := "first: until the first text, median"
		if t.has("p95") {
			first = "first, p95: until the first text, median and 95th percentile"
		}
		if t.has("whole") {
			first += "; whole: until the last, median"
		}
		notes = append([]string{first}, notes...)
	}
	if left > 0 {
		notes = append(notes, fmt.Sprintf("and %s more; \"all\" counts them", thousands(int64(left))))
	}
	if all.EstimatedCalls > 0 {
		notes = append(notes, fmt.Sprintf("~: the tokens of %s are estimates", counted(all.EstimatedCalls, "call")))
	}
	return fmt.Sprintf("usage %s (UTC)\n\n%s\n%s\n", selectionText(q), t, strings.Join(notes, "\n"))
}

// Bars have room for so many characters.
const (
	leastBar = 4
	mostBar  = 20
)

// bars adds a bar to the line of each total: of what they are sorted by, or else
// of their cost. It returns what that is.
func (t *textTable) bars(totals []storage.UsageTotal, all *storage.UsageTotal, sorted string, width int) string {
	what, value := "cost", func(t *storage.UsageTotal) int64 { return t.CostNanoUSD }
	switch {
	case sorted == "calls":
		what, value = "calls", func(t *storage.UsageTotal) int64 { return t.Calls }
	case sorted == "first-token":
		what, value = "first text", func(t *storage.UsageTotal) int64 {
			d, _ := t.FirstToken.Quantile(0.5)
			return int64(d)
		}
	case sorted == "tokens", all.UnpricedCalls > 0:
		what, value = "tokens", (*storage.UsageTotal).Tokens
	}
	most := int64(0)
	for i := range totals {
		most = max(most, value(&totals[i]))
	}
	t.columns = append(t.columns, textColumn{left: true})
	for i := range t.rows {
		bar := ""
		if i < len(totals) {
			bar = barText(value(&totals[i]), most, width)
		}
		t.rows[i] = append(t.rows[i], bar)
	}
	return what
}

func estimateMark(t *storage.UsageTotal) string {
	if t.EstimatedCalls > 0 {
		return "~"
	}
	return ""
}

// totalCost never shows an unknown price as nothing.
func totalCost(t *storage.UsageTotal) string {
	switch {
	case !costKnown(t):
		return "unknown"
	case t.UnpricedCalls > 0:
		return shortUSD(t.CostNanoUSD) + " + unknown"
	}
	return shortUSD(t.CostNanoUSD)
}

func shortUSD(nano int64) string {
	if nano != 0 && nano < 10_000_000 {
		return fmt.Sprintf("$%.5f", float64(nano)/1e9)
	}
	return fmt.Sprintf("$%.2f", float64(nano)/1e9)
}

func percentText(part, whole int64) string {
	if part == 0 || whole <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(part)/float64(whole))
}

func quantileText(h *storage.Histogram, q float64) string {
	d, ok := h.Quantile(q)
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.1fs", d.Round(100*time.Millisecond).Seconds())
}

// compact writes 12,345,678 as 12.3M, and what is less than ten thousand as it is.
func compact(n int64) string {
	if n < 10_000 {
		return thousands(n)
	}
	value, units := float64(n)/1e3, "kMGT"
	for value >= 999.5 && len(units) > 1 {
		value /= 1e3
		units = units[1:]
	}
	digits := 2
	for limit := 9.995; value >= limit && digits > 0; limit *= 10 {
		digits--
	}
	return fmt.Sprintf("%.*f%c", digits, value, units[0])
}
