package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// usageArgs are the words after "usage" and "cost".
type usageArgs struct {
	scope  string // me, channel, workspace
	period string // today, week, month, last-month
}

var (
	usageScopes  = []string{"me", "channel", "workspace"}
	usagePeriods = []string{"today", "week", "month", "last-month"}
)

// parse takes words in any order and leaves what they do not name as it is.
func (a usageArgs) parse(command string, words []string) (usageArgs, error) {
	for _, w := range words {
		switch {
		case slices.Contains(usageScopes, w):
			a.scope = w
		case slices.Contains(usagePeriods, w):
			a.period = w
		default:
			return a, fmt.Errorf("`%s` takes `me`, `channel` or `workspace`, and `today`, `week`, `month` or `last-month`; not `%s`",
				command, escape(strings.ReplaceAll(w, "`", "'")))
		}
	}
	return a, nil
}

// UsageDays are the first and the last day (UTC) of a period: today, week (the
// last 7 days), month (the calendar month that now is in), last-month, or year (12
// calendar months, this one included). ok is false for any other. The last day may
// lie ahead: totals of whole months cost less to read.
func UsageDays(period string, now time.Time) (first, last storage.Day, ok bool) {
	today := storage.DayOf(now)
	month, end := storage.PerMonth.Days(now)
	switch period {
	case "today":
		return today, today, true
	case "week":
		return today - 6, today, true
	case "month":
		return month, end, true
	case "last-month":
		first, last = storage.PerMonth.Days((month - 1).Time())
		return first, last, true
	case "year":
		return storage.DayOf(month.Time().AddDate(0, -11, 0)), end, true
	}
	return 0, 0, false
}

func (a usageArgs) periodText(now time.Time) string {
	first, _, _ := UsageDays(a.period, now)
	switch a.period {
	case "week":
		return "in the last 7 days"
	case "month", "last-month":
		return "in " + first.Time().Format("January 2006")
	}
	return "today"
}

// refused is why somebody may not see it, or "".
func (a usageArgs) refused(b *Bot, who actor) string {
	if a.scope == "workspace" && !b.o.Access.admin(who.UserID) {
		return "Only admins may see the workspace's usage. Admins are listed in my configuration."
	}
	return ""
}

// query selects what is asked for.
func (a usageArgs) query(who actor, now time.Time) storage.UsageQuery {
	q := storage.UsageQuery{By: storage.ByDay | storage.ByProvider | storage.ByModel}
	q.From, q.To, _ = UsageDays(a.period, now)
	switch a.scope {
	case "me":
		q.UserID = who.UserID
	case "channel":
		q.ChannelID = who.ChannelID
	}
	return q
}

// usage is what a report on usage is made of.
type usage struct {
	title  string
	args   usageArgs
	now    time.Time
	totals []storage.UsageTotal // by day, provider and model
	spends []storage.Spend      // the limits that bind
}

// usageReport is the answer to the usage command.
func (b *Bot) usageReport(ctx context.Context, who actor, words []string, now time.Time) report {
	args, err := usageArgs{scope: "me", period: "today"}.parse("usage", words)
	if err != nil {
		return report{text: err.Error()}
	}
	if no := args.refused(b, who); no != "" {
		return report{text: no}
	}
	u, err := b.readUsage(ctx, who, args, now)
	if err != nil {
		return b.unread(err)
	}
	return renderUsage(u)
}

// unread is the report of what could not be read.
func (b *Bot) unread(err error) report {
	b.log.Error("usage not read", "err", b.storeError(err))
	return report{text: "I cannot read my records right now. Please try again in a moment."}
}

func (b *Bot) readUsage(ctx context.Context, who actor, args usageArgs, now time.Time) (usage, error) {
	u := usage{args: args, now: now}
	var limits []storage.Limit
	switch args.scope {
	case "me":
		u.title, limits = "Your usage", b.o.Budget.User.of(storage.ScopeUser, who.UserID)
	case "channel":
		u.title, limits = "Usage in this channel", b.o.Budget.Channel.of(storage.ScopeChannel, who.ChannelID)
	case "workspace":
		u.title, limits = "Usage of the workspace", b.o.Budget.Workspace.of(storage.ScopeWorkspace, "")
	}
	u.title += " " + args.periodText(now)
	var err error
	if u.totals, err = b.o.Store.Usage(ctx, args.query(who, now)); err != nil {
		return u, err
	}
	u.spends, err = b.o.Store.Spent(ctx, limits, now)
	return u, err
}

// renderUsage is a pure function.
func renderUsage(u usage) report {
	title := "*" + u.title + "* (UTC)"
	var budget []string
	for _, s := range u.spends {
		budget = append(budget, budgetLine(s, u.now))
	}
	if len(u.totals) == 0 {
		return report{text: strings.Join(append([]string{title + ": nothing yet."}, budget...), "\n")}
	}
	all := storage.Sum(u.totals)
	lines := []string{
		title,
		"*" + costText(all) + "* for " + count(all.Answers(), "answer") + ", " + count(all.Tokens(), "token") + ": " +
			thousands(all.InputTokens) + " in (" + thousands(all.CachedInputTokens) + " from cache), " + thousands(all.OutputTokens) + " out",
		factsLine(all),
	}
	r := report{text: strings.Join(append(lines, budget...), "\n"), table: table(usageRows(u.totals))}
	if u.args.period != "today" {
		r.chart, r.bars = usageChart(u)
	}
	return r
}

// factsLine is how the answers came.
func factsLine(t storage.UsageTotal) string {
	parts := []string{count(t.Calls, "request")}
	if t.Failures > 0 {
		parts = append(parts, thousands(t.Failures)+" of them failed")
	}
	if n := t.Answers(); t.Fallbacks > 0 {
		parts = append(parts, fmt.Sprintf("%s by fallback (%s)", count(t.Fallbacks, "answer"), percent(t.Fallbacks, n)))
	} else if n > 0 {
		parts = append(parts, "no answer by fallback")
	}
	if d, ok := t.FirstToken.Quantile(0.5); ok {
		parts = append(parts, "first text after "+seconds(d)+" (median)")
	}
	if t.EstimatedCalls > 0 {
		parts = append(parts, "tokens of "+count(t.EstimatedCalls, "request")+" are estimates")
	}
	return strings.Join(parts, "; ")
}

// budgetLine is how a limit stands, with a bar.
func budgetLine(s storage.Spend, now time.Time) string {
	text := "Budget for " + periodName(s.Period) + ": `" + bar(s.Share(), 1, 12) + "` " + spendText(s)
	if s.Lifted {
		return text + ", lifted until the day is over"
	}
	return text + ", anew in " + untilAfter(s.Last, now)
}

// usageRows are the lines of the table: a provider and model each, the dearest
// first.
func usageRows(totals []storage.UsageTotal) [][]string {
	cells := [][]string{{"model", "answers", "tokens", "cost", "first text"}}
	for _, t := range byModel(totals) {
		first := "-"
		if d, ok := t.FirstToken.Quantile(0.5); ok {
			first = seconds(d)
		}
		cells = append(cells, []string{t.Provider + "/" + t.Model, thousands(t.Answers()), thousands(t.Tokens()), costText(t), first})
	}
	return cells
}
