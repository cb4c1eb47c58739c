package bot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bobbin-bot/bobbin/storage"
)

// byModel sums totals by provider and model, the dearest first.
func byModel(totals []storage.UsageTotal) []storage.UsageTotal {
	type key struct{ provider, model string }
	var out []storage.UsageTotal
	for k, t := range storage.Group(totals, func(t *storage.UsageTotal) key { return key{t.Provider, t.Model} }) {
		t.Provider, t.Model = k.provider, k.model
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b storage.UsageTotal) int {
		return cmp.Or(dearer(a, b), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Model, b.Model))
	})
	return out
}

// dearer orders by cost and then by tokens, the most first.
func dearer(a, b storage.UsageTotal) int {
	return cmp.Or(cmp.Compare(b.CostNanoUSD, a.CostNanoUSD), cmp.Compare(b.Tokens(), a.Tokens()))
}

// table lays cells out for a code block: names to the left, numbers to the right.
func table(cells [][]string) string {
	width := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, row := range cells {
		for i, c := range row {
			if i == 0 {
				fmt.Fprintf(&b, "%-*s", width[i], c)
			} else {
				fmt.Fprintf(&b, "  %*s", width[i], c)
			}
		}
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n")
}

// fenced is a code block; nothing in it may end it or become markup.
func fenced(text string) string {
	return "```\n" + escape(strings.ReplaceAll(text, "`", "'")) + "\n```"
}

// bar draws value as a part of most, width characters being all of it. What is
// more than nothing shows.
func bar(value, most float64, width int) string {
	if most <= 0 || value <= 0 {
		return strings.Repeat("░", width)
	}
	n := min(max(int(value/most*float64(width)+0.5), 1), width)
	return strings.Repeat("█", n) + strings.Repeat("░", width-n)
}

// costText never shows an unknown price as nothing.
func costText(t storage.UsageTotal) string {
	priced := t.Answers() - t.UnpricedCalls
	switch {
	case t.UnpricedCalls > 0 && priced <= 0 && t.CostNanoUSD == 0:
		return "unknown"
	case t.UnpricedCalls > 0:
		return usd(t.CostNanoUSD) + " + unknown"
	}
	return usd(t.CostNanoUSD)
}

// usd writes nano-USD with as many digits as say something.
func usd(nano int64) string {
	if nano == 0 {
		return "$0"
	}
	dollars := float64(nano) / 1e9
	switch {
	case nano < 10_000:
		return "<$0.00001"
	case dollars < 0.01:
		return fmt.Sprintf("$%.5f", dollars)
	case dollars < 1:
		return fmt.Sprintf("$%.4f", dollars)
	case dollars < 1000:
		return fmt.Sprintf("$%.2f", dollars)
	}
	return "$" + thousands((nano+500_000_000)/1_000_000_000)
}

func percent(part, whole int64) string {
	share := 100 * float64(part) / float64(max(whole, 1))
	if part > 0 && share < 1 {
		return "<1 %"
	}
	return fmt.Sprintf("%.0f %%", share)
}

// count writes "1 answer", "2 answers".
func count(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return thousands(n) + " " + what
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
