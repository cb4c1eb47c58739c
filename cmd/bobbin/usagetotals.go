package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// writeTotals writes the totals that q tells apart.
func (o *usageOptions) writeTotals(ctx context.Context, s storage.Store, q storage.UsageQuery, w io.Writer) error {
	totals, err := s.Usage(ctx, q)
	if err != nil {
		return err
	}
	sortTotals(totals, cmp.Or(o.sort, map[bool]string{true: "name", false: "cost"}[q.By&storage.ByDay > 0]))
	all := storage.Sum(totals)
	left := 0
	if o.top > 0 && len(totals) > o.top {
		left, totals = len(totals)-o.top, totals[:o.top]
	}
	switch o.format {
	case "csv":
		return writeCSV(w, append(dimensionNames(q.By), totalColumns...), func(yield func([]string) bool) {
			for i := range totals {
				if !yield(append(dimensionValues(q.By, &totals[i]), totalFields(&totals[i])...)) {
					return
				}
			}
		})
	case "json":
		return writeJSON(w, jsonTotals(q, totals, &all))
	}
	return writeTotalsTable(w, q, totals, &all, left)
}

func sortTotals(totals []storage.UsageTotal, by string) {
	key := map[string]func(storage.UsageTotal) int64{
		"cost":   func(t storage.UsageTotal) int64 { return t.CostNanoUSD },
		"tokens": func(t storage.UsageTotal) int64 { return t.Tokens() },
		"calls":  func(t storage.UsageTotal) int64 { return t.Calls },
	}[by]
	if key == nil {
		return // they come in the order of their names
	}
	slices.SortStableFunc(totals, func(a, b storage.UsageTotal) int {
		return cmp.Or(cmp.Compare(key(b), key(a)), cmp.Compare(b.Tokens(), a.Tokens()))
	})
}

func dimensionNames(by storage.Dimension) (names []string) {
	for _, d := range dimensions {
		if by&d.bit > 0 {
			names = append(names, d.name)
		}
	}
	return names
}

func dimensionValues(by storage.Dimension, t *storage.UsageTotal) (values []string) {
	for i, v := range []string{t.Day.String(), t.UserID, t.ChannelID, t.Provider, t.Model} {
		if by&dimensions[i].bit > 0 {
			values = append(values, v)
		}
	}
	return values
}

// totalColumns are the columns of a CSV behind the dimensions. Their names do not
// change.
var totalColumns = []string{
	"answers", "calls", "failed", "fallback_answers", "input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens",
	"cost_nano_usd", "cost_usd", "unpriced_calls", "estimated_calls", "first_token_p50_ms", "first_token_p95_ms", "duration_p50_ms", "duration_p95_ms",
}

func totalFields(t *storage.UsageTotal) []string {
	fields := make([]string, 0, len(totalColumns))
	for _, n := range []int64{t.Answers(), t.Calls, t.Failures, t.Fallbacks, t.InputTokens, t.CachedInputTokens, t.OutputTokens, t.ReasoningTokens, t.CostNanoUSD} {
		fields = append(fields, strconv.FormatInt(n, 10))
	}
	fields = append(fields, exactUSD(t.CostNanoUSD), strconv.FormatInt(t.UnpricedCalls, 10), strconv.FormatInt(t.EstimatedCalls, 10))
	for _, h := range []*storage.Histogram{&t.FirstToken, &t.Duration} {
		for _, q := range []float64{0.5, 0.95} {
			text := ""
			if d, ok := h.Quantile(q); ok {
				text = strconv.FormatInt(d.Milliseconds(), 10)
			}
			fields = append(fields, text)
		}
	}
	return fields
}

// exactUSD writes nano-USD without rounding.
func exactUSD(nano int64) string {
	sign := ""
	if nano < 0 {
		sign, nano = "-", -nano
	}
	return fmt.Sprintf("%s%d.%09d", sign, nano/1e9, nano%1e9)
}

// writeTotalsTable is for people: rounded, with a line for the sum.
func writeTotalsTable(w io.Writer, q storage.UsageQuery, totals []storage.UsageTotal, all *storage.UsageTotal, left int) error {
	if len(totals) == 0 {
		_, err := fmt.Fprintf(w, "no calls %s\n", spanText(q))
		return err
	}
	names := dimensionNames(q.By)
	cells := [][]string{append(names[:len(names):len(names)], "answers", "failed", "fallback", "in", "cached", "out", "cost", "first p50", "p95", "whole p50")}
	row := func(values []string, t *storage.UsageTotal) {
		cells = append(cells, append(values, thousands(t.Answers()), thousands(t.Failures), percentText(t.Fallbacks, t.Answers()),
			compact(t.InputTokens), compact(t.CachedInputTokens), compact(t.OutputTokens), totalCost(t),
			quantileText(&t.FirstToken, 0.5), quantileText(&t.FirstToken, 0.95), quantileText(&t.Duration, 0.5)))
	}
	for i := range totals {
		row(dimensionValues(q.By, &totals[i]), &totals[i])
	}
	sum := make([]string, len(names))
	sum[0] = "all"
	row(sum, all)
	text := alignTable(cells, len(names))
	if left > 0 {
		text += fmt.Sprintf("and %s more; \"all\" counts them\n", thousands(int64(left)))
	}
	if all.EstimatedCalls > 0 {
		text += fmt.Sprintf("the tokens of %s are estimates\n", counted(all.EstimatedCalls, "call"))
	}
	_, err := fmt.Fprintf(w, "usage %s (UTC)\n\n%s", spanText(q), text)
	return err
}

func spanText(q storage.UsageQuery) string {
	switch {
	case q.From == 0 && q.To == 0:
		return "of all time"
	case q.From == 0:
		return "until " + q.To.String()
	case q.To == 0:
		return "since " + q.From.String()
	case q.From == q.To:
		return "on " + q.From.String()
	}
	return "from " + q.From.String() + " to " + q.To.String()
}

// alignTable puts the first columns to the left and the numbers to the right.
func alignTable(cells [][]string, left int) string {
	width := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, c := range row {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	var b strings.Builder
	for _, row := range cells {
		line := ""
		for i, c := range row {
			if i > 0 {
				line += "  "
			}
			pad := strings.Repeat(" ", width[i]-len([]rune(c)))
			if i < left {
				line += c + pad
			} else {
				line += pad + c
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// totalCost never shows an unknown price as nothing.
func totalCost(t *storage.UsageTotal) string {
	switch {
	case t.UnpricedCalls > 0 && t.CostNanoUSD == 0:
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

// compact writes 12,345,678 as 12.3M.
func compact(n int64) string {
	switch {
	case n >= 10_000_000_000:
		return fmt.Sprintf("%.1fG", float64(n)/1e9)
	case n >= 10_000_000:
		return fmt.Sprintf("%.1fM", float64(n)/1e6)
	case n >= 100_000:
		return fmt.Sprintf("%.0fk", float64(n)/1e3)
	}
	return thousands(n)
}
