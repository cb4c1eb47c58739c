package bot

import (
	"context"
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/storage"
)

// Report asks for a summary of the workspace's week in a channel. The zero value
// asks for none.
type Report struct {
	ChannelID string
	Weekday   time.Weekday
	At        time.Duration  // since midnight
	Location  *time.Location // of Weekday and At; nil is UTC
}

// reportLate is how long after its time a report is still made up for. It is less
// than the day for which it is remembered that it was.
const reportLate = 12 * time.Hour

// due returns the last moment, up to now, at which a report was due, and the next.
func (r Report) due(now time.Time) (last, next time.Time) {
	location := r.Location
	if location == nil {
		location = time.UTC
	}
	y, m, d := now.In(location).Date()
	for back := 0; ; back++ { // a day need not have 24 hours
		at := time.Date(y, m, d-back, 0, int(r.At/time.Minute), 0, 0, location)
		if at.Weekday() == r.Weekday && !at.After(now) {
			y, m, d := at.Date()
			return at, time.Date(y, m, d+7, 0, int(r.At/time.Minute), 0, 0, location)
		}
	}
}

// reportRegularly posts the week's summary each time it is due, until ctx ends.
// What fell due while we were away is made up for within reportLate.
func (b *Bot) reportRegularly(ctx context.Context) {
	if b.o.Report.ChannelID == "" {
		return
	}
	for {
		now := time.Now()
		last, next := b.o.Report.due(now)
		if now.Sub(last) < reportLate {
			if err := b.postReport(ctx, last); err != nil && ctx.Err() == nil {
				b.log.Error("weekly report not posted", "channel", b.o.Report.ChannelID, "err", b.storeError(err))
			}
		}
		if sleep(ctx, time.Until(next)) != nil {
			return
		}
	}
}

func (b *Bot) postReport(ctx context.Context, due time.Time) error {
	key := storage.DedupeKey{Kind: "report", Value: b.o.Report.ChannelID + ":" + due.UTC().Format(time.DateOnly)}
	fresh, err := b.o.Store.Once(ctx, []storage.DedupeKey{key}, time.Now())
	if err != nil || !fresh {
		return err
	}
	last := storage.DayOf(due) - 1
	q := storage.UsageQuery{From: last - 6, To: last, By: storage.ByDay | storage.ByProvider | storage.ByModel}
	totals, err := b.o.Store.Usage(ctx, q)
	if err != nil {
		return err
	}
	q.From, q.To = q.From-7, q.To-7
	before, err := b.o.Store.Usage(ctx, q)
	if err != nil {
		return err
	}
	r := weekly(totals, before, last)
	b.sayReport(r, func(text string, blocks ...slack.Block) error {
		return b.sayIn(ctx, b.o.Report.ChannelID, text, blocks...)
	})
	return nil
}

// weekly is the week up to the day last, compared with the one before.
func weekly(totals, before []storage.UsageTotal, last storage.Day) report {
	first := last - 6
	title := fmt.Sprintf("*The week from %s to %s* (UTC)", first.Time().Format("2 January"), last.Time().Format("2 January"))
	if len(totals) == 0 {
		return report{text: title + ": nobody asked me anything."}
	}
	all, old := storage.Sum(totals), storage.Sum(before)
	text := title + "\n*" + costText(all) + "* for " + count(all.Answers(), "answer") + ", " + count(all.Tokens(), "token") +
		change(all, old) + "\n" + factsLine(all)
	s := usageSeries(totals, first, last)
	return report{text: text, chart: s.chart(), bars: s.bars(), table: table(usageRows(totals))}
}

// change compares with the week before, by cost if both are known.
func change(all, old storage.UsageTotal) string {
	now, then, what := all.CostNanoUSD, old.CostNanoUSD, "cost"
	if all.UnpricedCalls+old.UnpricedCalls > 0 || then == 0 {
		now, then, what = all.Tokens(), old.Tokens(), "tokens"
	}
	if then == 0 {
		return ""
	}
	return fmt.Sprintf(" (%+.0f %% %s against the week before)", 100*(float64(now)/float64(then)-1), what)
}
