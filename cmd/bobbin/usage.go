package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/storage"
)

// usageOptions are the flags of `bobbin usage`.
type usageOptions struct {
	period, since, until           string
	user, channel, provider, model string
	by, sort, format               string
	top                            int
	compare, calls                 bool
}

func usageCommand(env *environment) *cobra.Command {
	var o usageOptions
	cmd := &cobra.Command{
		Use:   "usage",
		Short: "Tokens, cost and latency by day, user, channel or model",
		Long: `Tokens, cost and latency, from the ledger of the store. A running bot is asked;
nothing is changed.

    bobbin usage                                   this month by model
    bobbin usage --period year --by user --top 20  who used most in twelve months
    bobbin usage --period week --by day            the last seven days
    bobbin usage --by channel --sort first-token   where people wait longest
    bobbin usage --by day,provider --format csv    for a spreadsheet
    bobbin usage --period last-month --compare     the same traffic at other providers
    bobbin usage --calls --format csv > calls.csv  a line a call, to check an invoice

Periods are in UTC: today, week (the last 7 days), month (the calendar month so
far), last-month, year (12 calendar months, this one included), or --since and
--until, both included.

Money is in USD. A price that is not known is shown as unknown, and such calls are
in no sum of money. First text and duration are those of answers; p50 and p95 come
from classes that grow by 1.4 each. On a narrow terminal the table leaves columns out.

CSV and JSON have everything: cost_nano_usd is exact (1 USD is 1000000000), and
empty or null if it is not known; unpriced_calls used tokens and are left out of
it; estimated_calls are those whose tokens were not reported by the provider;
times end in _ms. With --calls, JSON is a line a call.

--compare prices the traffic at each configured provider and at all that publish
prices, and says what it takes for granted.

Exit code: 0, 1 if the store cannot be read, 2 for a mistake on the command line.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := o.query(time.Now())
			if err != nil {
				return usageError{err}
			}
			if err := o.check(cmd.Flags().Changed); err != nil {
				return usageError{err}
			}
			return withStore(cmd.Context(), env, func(ctx context.Context, s storage.Store) error {
				switch {
				case o.calls:
					return o.writeCalls(ctx, s, q, env)
				case o.compare:
					return o.writeComparison(ctx, s, q, env)
				}
				return o.writeTotals(ctx, s, q, env)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.period, "period", "", "today, week, month (the default), last-month or year")
	f.StringVar(&o.since, "since", "", "first day, YYYY-MM-DD")
	f.StringVar(&o.until, "until", "", "last day, YYYY-MM-DD")
	f.StringVar(&o.by, "by", "provider,model", "what to tell apart: any of day, user, channel, provider, model")
	f.StringVar(&o.user, "user", "", "only this member's id")
	f.StringVar(&o.channel, "channel", "", "only this channel's id")
	f.StringVar(&o.provider, "provider", "", "only this provider, by its name in the configuration")
	f.StringVar(&o.model, "model", "", "only this model")
	f.StringVar(&o.sort, "sort", "", "cost, tokens, calls, first-token or name (default cost, or name if --by has day)")
	f.IntVar(&o.top, "top", 0, "only the first N; with --compare, of those that are not configured (default all; a table of --compare has 20)")
	f.StringVar(&o.format, "format", "table", "table, csv or json")
	f.BoolVar(&o.compare, "compare", false, "what the same traffic would have cost at other providers")
	f.BoolVar(&o.calls, "calls", false, "the ledger itself, a line a call, in the order of time")
	return cmd
}

type dimension struct {
	name string
	bit  storage.Dimension
}

var dimensions = []dimension{{"day", storage.ByDay}, {"user", storage.ByUser}, {"channel", storage.ByChannel}, {"provider", storage.ByProvider}, {"model", storage.ByModel}}

// query makes the query of the flags, which it checks.
func (o *usageOptions) query(now time.Time) (storage.UsageQuery, error) {
	q := storage.UsageQuery{UserID: o.user, ChannelID: o.channel, Provider: o.provider, Model: o.model}
	for word := range strings.SplitSeq(o.by, ",") {
		i := slices.IndexFunc(dimensions, func(d dimension) bool { return d.name == strings.TrimSpace(word) })
		if i < 0 {
			return q, fmt.Errorf("--by %q: want a list of day, user, channel, provider and model, such as day,user", o.by)
		}
		q.By |= dimensions[i].bit
	}
	if o.user != "" {
		if err := checkMember(o.user); err != nil {
			return q, err
		}
	}
	if o.channel != "" && !isChannelID(o.channel) {
		return q, fmt.Errorf("--channel %q: %s", o.channel, wantChannelID)
	}
	var err error
	q.From, q.To, err = o.days(now)
	return q, err
}

// days are the first and the last day; 0 is none.
func (o *usageOptions) days(now time.Time) (from, to storage.Day, err error) {
	if o.since != "" || o.until != "" {
		if o.period != "" {
			return 0, 0, errors.New("want either --period or --since and --until, not both")
		}
		for _, d := range []struct {
			flag, text string
			day        *storage.Day
		}{{"--since", o.since, &from}, {"--until", o.until, &to}} {
			if d.text == "" {
				continue
			}
			at, err := time.Parse(time.DateOnly, d.text)
			if err != nil || storage.DayOf(at) <= 0 { // day 0 would be no limit
				return 0, 0, fmt.Errorf("%s %q: want a day such as %s", d.flag, d.text, storage.DayOf(now))
			}
			*d.day = storage.DayOf(at)
		}
		if to != 0 && from > to {
			return 0, 0, fmt.Errorf("--since %s is after --until %s: swap them", o.since, o.until)
		}
		return from, to, nil
	}
	from, to, ok := bot.UsageDays(cmp.Or(o.period, "month"), now)
	if !ok {
		return 0, 0, fmt.Errorf("--period %q: want today, week, month, last-month or year", o.period)
	}
	return from, to, nil
}

// check looks for what the query does not hold. given tells whether a flag was.
func (o *usageOptions) check(given func(flag string) bool) error {
	ordered := given("by") || given("sort")
	switch {
	case !slices.Contains([]string{"table", "csv", "json"}, o.format):
		return fmt.Errorf("--format %q: want table, csv or json", o.format)
	case !slices.Contains([]string{"", "cost", "tokens", "calls", "name", "first-token"}, o.sort):
		return fmt.Errorf("--sort %q: want cost, tokens, calls, first-token or name", o.sort)
	case o.top < 0:
		return fmt.Errorf("--top %d: want 0 (all) or more", o.top)
	case o.compare && o.calls:
		return errors.New("--compare prices sums and --calls lists calls: want one of them")
	case o.calls && ordered:
		return errors.New("--calls lists every call in the order of time: leave out --by and --sort")
	case o.compare && ordered:
		return errors.New("--compare has a line for each model, the cheapest first: leave out --by and --sort")
	case o.calls && o.format == "table" && given("format"):
		return errors.New("--calls has no table: want --format csv or json")
	case o.calls && o.format == "table":
		o.format = "csv" // a table would have to wait for the last line
	}
	byDay := slices.ContainsFunc(strings.Split(o.by, ","), func(word string) bool { return strings.TrimSpace(word) == "day" })
	o.sort = cmp.Or(o.sort, map[bool]string{true: "name", false: "cost"}[byDay])
	return nil
}
