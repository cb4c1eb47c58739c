package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/bobbin-bot/bobbin/storage"
)

// writeTotals writes the totals that q tells apart.
func (o *usageOptions) writeTotals(ctx context.Context, s storage.Store, q storage.UsageQuery, env *environment) error {
	totals, err := s.Usage(ctx, q)
	if err != nil {
		return err
	}
	sortTotals(totals, o.sort)
	all := storage.Sum(totals)
	left := 0
	if o.top > 0 && len(totals) > o.top {
		left, totals = len(totals)-o.top, totals[:o.top]
	}
	if len(totals) == 0 {
		sayEmpty(o, q, env)
	}
	switch o.format {
	case "csv":
		return writeCSV(env.stdout, append(dimensionNames(q.By), totalColumns...), func(yield func([]string) bool) {
			for i := range totals {
				if !yield(append(dimensionValues(q.By, &totals[i]), totalFields(&totals[i])...)) {
					return
				}
			}
		})
	case "json":
		return writeJSON(env.stdout, jsonTotals(q, totals, &all))
	}
	if len(totals) == 0 {
		return nil
	}
	text := totalsTable(q, totals, &all, left, o.sort, terminalWidth(env.stdout))
	if _, err := io.WriteString(env.stdout, text); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// sayEmpty tells a person that there is nothing. What programs read stays valid.
func sayEmpty(o *usageOptions, q storage.UsageQuery, env *environment) {
	w := env.stdout
	if o.format != "table" {
		w = env.stderr
	}
	fmt.Fprintf(w, "no calls %s\n", selectionText(q))
}

// sortTotals puts the highest first. What is unknown comes last.
func sortTotals(totals []storage.UsageTotal, by string) {
	key := map[string]func(*storage.UsageTotal) int64{
		"cost":   func(t *storage.UsageTotal) int64 { return t.CostNanoUSD },
		"tokens": func(t *storage.UsageTotal) int64 { return t.Tokens() },
		"calls":  func(t *storage.UsageTotal) int64 { return t.Calls },
		"first-token": func(t *storage.UsageTotal) int64 {
			d, _ := t.FirstToken.Quantile(0.5)
			return int64(d)
		},
	}[by]
	if key == nil {
		return // they come in the order of their names
	}
	slices.SortStableFunc(totals, func(a, b storage.UsageTotal) int {
		return cmp.Or(cmp.Compare(key(&b), key(&a)), cmp.Compare(b.Tokens(), a.Tokens()))
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
	number := func(n int64) { fields = append(fields, strconv.FormatInt(n, 10)) }
	for _, n := range []int64{t.Answers(), t.Calls, t.Failures, t.Fallbacks, t.InputTokens, t.CachedInputTokens, t.OutputTokens, t.ReasoningTokens} {
		number(n)
	}
	if costKnown(t) {
		number(t.CostNanoUSD)
		fields = append(fields, exactUSD(t.CostNanoUSD))
	} else {
		fields = append(fields, "", "")
	}
	number(t.UnpricedCalls)
	number(t.EstimatedCalls)
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

// costKnown reports whether a part of the cost is known at least.
func costKnown(t *storage.UsageTotal) bool { return t.UnpricedCalls == 0 || t.CostNanoUSD > 0 }

// exactUSD writes nano-USD without rounding.
func exactUSD(nano int64) string {
	sign := ""
	if nano < 0 {
		sign, nano = "-", -nano
	}
	return fmt.Sprintf("%s%d.%09d", sign, nano/1e9, nano%1e9)
}

// selectionText says what q selects.
func selectionText(q storage.UsageQuery) string {
	var parts []string
	for _, p := range []struct{ word, value string }{{"by ", q.UserID}, {"in ", q.ChannelID}, {"to ", q.Provider}, {"of the model ", q.Model}} {
		if p.value != "" {
			parts = append(parts, p.word+p.value)
		}
	}
	span := "from " + q.From.String() + " to " + q.To.String()
	switch {
	case q.From == 0 && q.To == 0:
		span = "at any time"
	case q.From == 0:
		span = "until " + q.To.String()
	case q.To == 0:
		span = "since " + q.From.String()
	case q.From == q.To:
		span = "on " + q.From.String()
	}
	return strings.Join(append(parts, span), " ")
}
