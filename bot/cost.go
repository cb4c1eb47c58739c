package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

// costRows is how many lines a comparison has beside the configured providers.
const costRows = 12

// costReport is the answer to the cost command: what the same traffic would have
// cost elsewhere. Without a scope it is the workspace's for admins, and for others
// their own.
func (b *Bot) costReport(ctx context.Context, who actor, words []string, now time.Time) report {
	args := usageArgs{scope: "me", period: "month"}
	if b.o.Access.admin(who.UserID) {
		args.scope = "workspace"
	}
	args, err := args.parse("cost", words)
	if err != nil {
		return report{text: err.Error()}
	}
	if no := args.refused(b, who); no != "" {
		return report{text: no}
	}
	q := args.query(who, now)
	q.By = storage.ByProvider | storage.ByModel
	totals, err := b.o.Store.Usage(ctx, q)
	if err != nil {
		return b.unread(err)
	}
	whose := map[string]string{"me": "your traffic", "channel": "this channel's traffic", "workspace": "the workspace's traffic"}[args.scope]
	return renderCost("What "+whose+" "+args.periodText(now)+" would have cost elsewhere", totals, b.o.Offers)
}

// Compare prices the traffic of totals at offers, in the order of [llm.Compare],
// cut to a shortlist as [llm.Shortlist] does. priced is the part of the traffic
// whose price is known: that of the totals in which it is.
func Compare(totals []storage.UsageTotal, offers []llm.Offer, top int) (list []llm.Comparison, left int, traffic, priced llm.Traffic) {
	traffic = trafficOf(totals)
	priced = trafficOf(slices.DeleteFunc(slices.Clone(totals), func(t storage.UsageTotal) bool { return t.UnpricedCalls > 0 }))
	list, left = llm.Shortlist(llm.Compare(traffic, offers), top, func(model string) bool {
		return slices.ContainsFunc(totals, func(t storage.UsageTotal) bool { return t.Model == model })
	})
	return list, left, traffic, priced
}

// trafficOf is what totals say to a comparison of prices.
func trafficOf(totals []storage.UsageTotal) llm.Traffic {
	all := storage.Sum(totals)
	return llm.Traffic{
		Usage: llm.Usage{InputTokens: all.InputTokens, CachedInputTokens: all.CachedInputTokens, OutputTokens: all.OutputTokens, ReasoningTokens: all.ReasoningTokens},
		Calls: all.Calls, CostNanoUSD: all.CostNanoUSD, Unpriced: all.UnpricedCalls, Estimated: all.EstimatedCalls,
	}
}

// renderCost is a pure function.
func renderCost(title string, totals []storage.UsageTotal, offers []llm.Offer) report {
	title = "*" + title + "*"
	if len(totals) == 0 {
		return report{text: title + "\nNothing yet: there is no traffic to compare."}
	}
	shown, left, t, priced := Compare(totals, offers, costRows)
	text := title + "\nPaid: *" + costText(storage.Sum(totals)) + "* for " + count(t.Calls, "request") + ", " + thousands(t.Usage.InputTokens) + " tokens in (" +
		thousands(t.Usage.CachedInputTokens) + " from cache), " + thousands(t.Usage.OutputTokens) + " out"
	cells := [][]string{{"provider/model", "cost", "against paid"}}
	for _, c := range shown {
		name := c.Provider + "/" + c.Model
		if c.Configured {
			name = "* " + name
		}
		cost, ratio := "unknown", "-"
		if c.Price != nil {
			cost = usd(c.CostNanoUSD)
			if times, ok := c.Against(priced); ok {
				ratio = fmt.Sprintf("%+.0f %%", 100*(times-1))
			}
		}
		cells = append(cells, []string{name, cost, ratio})
	}
	notes := "* = in my configuration."
	if left > 0 {
		notes += fmt.Sprintf(" %s more on the command line: `bobbin usage --compare`.", thousands(int64(left)))
	}
	return report{text: text, table: table(cells), notes: notes + "\n" + strings.Join(llm.Assumptions(t, offers), " ")}
}
