package bot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// usageReport is the answer to the usage command.
func (b *Bot) usageReport(ctx context.Context, who actor, words []string, now time.Time) string {
	args, err := parseUsageArgs(words)
	if err != nil {
		return err.Error()
	}
	today := storage.DayOf(now)
	q := storage.UsageQuery{To: today, From: today}
	switch args.period {
	case "week":
		q.From = today - 6
	case "month":
		q.From = today - 29
	}
	title := "Your usage"
	switch args.scope {
	case "me":
		q.UserID = who.UserID
	case "channel":
		q.ChannelID = who.ChannelID
		title = "Usage in this channel"
	case "workspace":
		if !b.o.Access.admin(who.UserID) {
			return "Only admins may see the workspace's usage. Admins are listed in my configuration."
		}
		title = "Usage of the workspace"
	}
	totals, err := b.o.Store.Usage(ctx, q)
	if err != nil {
		b.log.Error("usage not read", "err", err)
		return "I cannot read my records right now."
	}
	period := map[string]string{"today": "today", "week": "in the last 7 days", "month": "in the last 30 days"}[args.period]
	return renderUsage(title+" "+period, totals, b.o.Command)
}

// renderUsage is a pure function.
func renderUsage(title string, totals []storage.UsageTotal, command string) string {
	if len(totals) == 0 {
		return "*" + title + "* (UTC): nothing yet."
	}
	all := sum(totals)
	lines := []string{
		"*" + title + "* (UTC)",
		fmt.Sprintf("%s tokens: %s in (%s from cache), %s out", thousands(all.InputTokens+all.OutputTokens),
			thousands(all.InputTokens), thousands(all.CachedInputTokens), thousands(all.OutputTokens)),
		"Cost: " + costText(all),
		count(all.Calls-all.Failures, "answer") + ", " + count(all.Failures, "failed call"),
	}
	lines = append(lines, "```", table(byModel(totals)), "```")
	return strings.Join(lines, "\n")
}

// byModel sums totals by provider and model, the dearest first.
func byModel(totals []storage.UsageTotal) []storage.UsageTotal {
	type key struct{ provider, model string }
	groups := map[key][]storage.UsageTotal{}
	for _, t := range totals {
		k := key{t.Provider, t.Model}
		groups[k] = append(groups[k], t)
	}
	var out []storage.UsageTotal
	for k, g := range groups {
		t := sum(g)
		t.Provider, t.Model = k.provider, k.model
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b storage.UsageTotal) int {
		return cmp.Or(cmp.Compare(b.CostNanoUSD, a.CostNanoUSD), cmp.Compare(b.InputTokens+b.OutputTokens, a.InputTokens+a.OutputTokens),
			cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Model, b.Model))
	})
	return out
}

func table(rows []storage.UsageTotal) string {
	cells := [][]string{{"model", "answers", "tokens", "cost", "first token"}}
	for _, t := range rows {
		first := "-"
		if ok := t.Calls - t.Failures; ok > 0 {
			first = (t.FirstTokenSum / time.Duration(ok)).Round(10 * time.Millisecond).String()
		}
		cells = append(cells, []string{t.Provider + "/" + t.Model, thousands(t.Calls - t.Failures),
			thousands(t.InputTokens + t.OutputTokens), costText(t), first})
	}
	width := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, c := range row {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	var b strings.Builder
	for _, row := range cells {
		for i, c := range row {
			// Names to the left, numbers to the right.
			if i == 0 {
				fmt.Fprintf(&b, "%-*s", width[i], c)
			} else {
				fmt.Fprintf(&b, "  %*s", width[i], c)
			}
		}
		b.WriteByte('\n')
	}
	// Nothing in it may end the code block or become markup.
	return escape(strings.ReplaceAll(strings.TrimRight(b.String(), "\n"), "`", "'"))
}

// costText never shows an unknown price as nothing.
func costText(t storage.UsageTotal) string {
	priced := t.Calls - t.Failures - t.UnpricedCalls
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
	}
	return fmt.Sprintf("$%.2f", dollars)
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

func sum(totals []storage.UsageTotal) storage.UsageTotal {
	var all storage.UsageTotal
	for _, t := range totals {
		all.Calls += t.Calls
		all.Failures += t.Failures
		all.InputTokens += t.InputTokens
		all.CachedInputTokens += t.CachedInputTokens
		all.OutputTokens += t.OutputTokens
		all.ReasoningTokens += t.ReasoningTokens
		all.EstimatedCalls += t.EstimatedCalls
		all.CostNanoUSD += t.CostNanoUSD
		all.UnpricedCalls += t.UnpricedCalls
		all.FirstTokenSum += t.FirstTokenSum
		all.DurationSum += t.DurationSum
	}
	return all
}
