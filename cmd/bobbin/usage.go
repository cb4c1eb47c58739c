package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

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
    bobbin usage --by day,provider --format csv    for a spreadsheet
    bobbin usage --period last-month --compare     the same traffic at other providers
    bobbin usage --calls --format csv > calls.csv  a line a call, to check an invoice

Periods are in UTC: today, week (the last 7 days), month (the calendar month so
far), last-month, year (12 calendar months, this one included), or --since and
--until, both included. Money is in USD; a price that is not known is shown as
unknown, and such calls are in no sum of money. First text and duration are those
of answers; p50 and p95 are exact to a fifth.

Exit code: 0, 1 if the store cannot be read, 2 for a mistake on the command line.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := o.query(time.Now())
			if err != nil {
				return usageError{err}
			}
			if err := o.check(); err != nil {
				return usageError{err}
			}
			return withStore(cmd.Context(), env, func(ctx context.Context, s storage.Store) error {
				switch {
				case o.calls:
					return o.writeCalls(ctx, s, q, env.stdout)
				case o.compare:
					c, err := loadConfig(env.configPath, env.getenv)
					if err != nil {
						return err
					}
					return o.writeComparison(ctx, s, q, offers(c.LLM.Providers), env.stdout)
				}
				return o.writeTotals(ctx, s, q, env.stdout)
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
	f.StringVar(&o.provider, "provider", "", "only this provider")
	f.StringVar(&o.model, "model", "", "only this model")
	f.StringVar(&o.sort, "sort", "", "cost, tokens, calls or name; default: name if --by has day, else cost")
	f.IntVar(&o.top, "top", 0, "show only the first N; 0: all, and with --compare the 20 cheapest that are not configured")
	f.StringVar(&o.format, "format", "table", "table, csv or json")
	f.BoolVar(&o.compare, "compare", false, "what the same traffic would have cost at each configured and each listed provider")
	f.BoolVar(&o.calls, "calls", false, "the ledger itself, a line a call")
	return cmd
}

var dimensions = []struct {
	name string
	bit  storage.Dimension
}{{"day", storage.ByDay}, {"user", storage.ByUser}, {"channel", storage.ByChannel}, {"provider", storage.ByProvider}, {"model", storage.ByModel}}

// query makes the query of the flags, which it checks.
func (o *usageOptions) query(now time.Time) (storage.UsageQuery, error) {
	q := storage.UsageQuery{UserID: o.user, ChannelID: o.channel, Provider: o.provider, Model: o.model}
	for _, word := range strings.Split(o.by, ",") {
		i := slices.IndexFunc(dimensions, func(d struct {
			name string
			bit  storage.Dimension
		}) bool {
			return d.name == strings.TrimSpace(word)
		})
		if i < 0 {
			return q, fmt.Errorf("--by %q: want a list of day, user, channel, provider and model, such as day,user", o.by)
		}
		q.By |= dimensions[i].bit
	}
	if o.period != "" && (o.since != "" || o.until != "") {
		return q, errors.New("want either --period or --since and --until, not both")
	}
	if o.since != "" || o.until != "" {
		for _, d := range []struct {
			flag, text string
			to         *storage.Day
		}{{"--since", o.since, &q.From}, {"--until", o.until, &q.To}} {
			if d.text == "" {
				continue
			}
			at, err := time.Parse(time.DateOnly, d.text)
			if err != nil {
				return q, fmt.Errorf("%s %q: want a day such as %s", d.flag, d.text, now.UTC().Format(time.DateOnly))
			}
			*d.to = storage.DayOf(at)
		}
		if q.To != 0 && q.From > q.To {
			return q, fmt.Errorf("--since %s is after --until %s", o.since, o.until)
		}
		return q, nil
	}
	today := storage.DayOf(now)
	first, last := storage.PerMonth.Days(now)
	switch o.period {
	case "today":
		q.From, q.To = today, today
	case "week":
		q.From, q.To = today-6, today
	case "", "month":
		q.From, q.To = first, last
	case "last-month":
		q.From, q.To = storage.PerMonth.Days((first - 1).Time())
	case "year":
		y, m, _ := now.UTC().Date()
		q.From, q.To = storage.DayOf(time.Date(y, m-11, 1, 0, 0, 0, 0, time.UTC)), last
	default:
		return q, fmt.Errorf("--period %q: want today, week, month, last-month or year", o.period)
	}
	return q, nil
}

// check looks for what the query does not hold.
func (o *usageOptions) check() error {
	switch {
	case !slices.Contains([]string{"table", "csv", "json"}, o.format):
		return fmt.Errorf("--format %q: want table, csv or json", o.format)
	case !slices.Contains([]string{"", "cost", "tokens", "calls", "name"}, o.sort):
		return fmt.Errorf("--sort %q: want cost, tokens, calls or name", o.sort)
	case o.top < 0:
		return fmt.Errorf("--top %d: want 0 (all) or more", o.top)
	case o.compare && o.calls:
		return errors.New("--compare prices sums and --calls lists calls: want one of them")
	case o.calls && o.format == "table":
		o.format = "csv" // a table would have to wait for the last line
	}
	return nil
}
