package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

// compareTop is how many listed models a comparison shows unless told otherwise.
const compareTop = 20

type compareJSON struct {
	From        string         `json:"from,omitempty"`
	To          string         `json:"to,omitempty"`
	Paid        totalJSON      `json:"paid"`
	Offers      []comparedJSON `json:"offers"`
	Assumptions []string       `json:"assumptions"`
}

type comparedJSON struct {
	Provider    string `json:"provider"`
	Model       string `json:"model"`
	Configured  bool   `json:"configured"`
	CostNanoUSD *int64 `json:"cost_nano_usd"`
	AsOf        string `json:"list_price_as_of,omitempty"`
	Source      string `json:"list_price_source,omitempty"`
}

// writeComparison prices the traffic that q selects at every offer.
func (o *usageOptions) writeComparison(ctx context.Context, s storage.Store, q storage.UsageQuery, all []llm.Offer, w io.Writer) error {
	q.By = storage.ByProvider | storage.ByModel
	totals, err := s.Usage(ctx, q)
	if err != nil {
		return err
	}
	traffic, paid := bot.TrafficOf(totals), storage.Sum(totals)
	list := llm.Compare(traffic, all)
	top := o.top
	if top == 0 && o.format == "table" {
		top = compareTop
	}
	shown, left := list[:0:0], 0
	listed := 0
	for _, c := range list {
		if !c.Configured {
			if listed++; top > 0 && listed > top {
				left++
				continue
			}
		}
		shown = append(shown, c)
	}
	assumptions := llm.Assumptions(traffic, all)
	switch o.format {
	case "csv":
		return writeCSV(w, []string{"provider", "model", "configured", "cost_nano_usd", "cost_usd", "list_price_as_of", "list_price_source"}, func(yield func([]string) bool) {
			for _, c := range shown {
				nano, dollars := "", ""
				if c.Price != nil {
					nano, dollars = strconv.FormatInt(c.CostNanoUSD, 10), exactUSD(c.CostNanoUSD)
				}
				if !yield([]string{c.Provider, c.Model, strconv.FormatBool(c.Configured), nano, dollars, c.AsOf, c.Source}) {
					return
				}
			}
		})
	case "json":
		sum := jsonTotals(q, nil, &paid)
		out := compareJSON{From: sum.From, To: sum.To, Paid: sum.Sum, Offers: []comparedJSON{}, Assumptions: assumptions}
		for _, c := range shown {
			j := comparedJSON{Provider: c.Provider, Model: c.Model, Configured: c.Configured, AsOf: c.AsOf, Source: c.Source}
			if c.Price != nil {
				j.CostNanoUSD = &c.CostNanoUSD
			}
			out.Offers = append(out.Offers, j)
		}
		return writeJSON(w, out)
	}
	if len(totals) == 0 {
		_, err := fmt.Fprintf(w, "no calls %s: there is nothing to compare\n", spanText(q))
		return err
	}
	cells := [][]string{{"", "provider", "model", "cost", "against paid", "price as of"}}
	for _, c := range shown {
		mark, cost, ratio, asOf := " ", "unknown", "-", c.AsOf
		if c.Configured {
			mark = "*"
			if asOf == "" {
				asOf = "configured"
			}
		}
		if c.Price != nil {
			cost = shortUSD(c.CostNanoUSD)
			if paid.CostNanoUSD > 0 && paid.UnpricedCalls == 0 {
				ratio = fmt.Sprintf("%+.0f%%", 100*(float64(c.CostNanoUSD)/float64(paid.CostNanoUSD)-1))
			}
		}
		cells = append(cells, []string{mark, c.Provider, c.Model, cost, ratio, asOf})
	}
	fmt.Fprintf(w, "the traffic %s (UTC): %s, %s tokens in (%s cached), %s out; paid %s\n\n%s", spanText(q), counted(paid.Calls, "call"),
		thousands(paid.InputTokens), thousands(paid.CachedInputTokens), thousands(paid.OutputTokens), totalCost(&paid), alignTable(cells, 3))
	if left > 0 {
		fmt.Fprintf(w, "and %s listed elsewhere; --top shows more\n", counted(int64(left), "model"))
	}
	fmt.Fprintf(w, "\n* = in your configuration. What this takes for granted:\n")
	for _, a := range assumptions {
		if _, err := fmt.Fprintf(w, "- %s\n", a); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}
