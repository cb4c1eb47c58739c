package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

// compareTop is how many listed models a comparison shows unless told otherwise.
const compareTop = 20

// compareJSON is what --compare --format json prints.
type compareJSON struct {
	From        string         `json:"from,omitempty"` // YYYY-MM-DD, UTC
	To          string         `json:"to,omitempty"`
	Paid        totalJSON      `json:"paid"`
	Offers      []comparedJSON `json:"offers"` // the cheapest first, unknown prices last
	Assumptions []string       `json:"assumptions"`
}

// comparedJSON is what all traffic would have cost at an offer. AgainstPaid is a
// multiple of what was paid, over the traffic whose price is known.
type comparedJSON struct {
	Provider    string   `json:"provider"`
	Model       string   `json:"model"`
	Configured  bool     `json:"configured"`
	CostNanoUSD *int64   `json:"cost_nano_usd"`
	CostUSD     *string  `json:"cost_usd"`
	AgainstPaid *float64 `json:"against_paid"`
	AsOf        string   `json:"list_price_as_of,omitempty"`
	Source      string   `json:"list_price_source,omitempty"`
}

// compared is traffic and what it costs everywhere.
type compared struct {
	paid        storage.UsageTotal
	priced      llm.Traffic // the part of it whose price is known
	list        []llm.Comparison
	left        int // listed models that are not in list
	assumptions []string
}

// writeComparison prices the traffic that q selects at every offer.
func (o *usageOptions) writeComparison(ctx context.Context, s storage.Store, q storage.UsageQuery, env *environment) error {
	providers, err := comparedProviders(env)
	if err != nil {
		return err
	}
	// By day, too: a price that was not known at first is known on later days.
	q.By = storage.ByDay | storage.ByProvider | storage.ByModel
	totals, err := s.Usage(ctx, q)
	if err != nil {
		return err
	}
	top := o.top
	if top == 0 && o.format == "table" {
		top = compareTop
	}
	c := compareTotals(totals, offers(providers), top)
	if len(totals) == 0 {
		sayEmpty(o, q, env)
	}
	switch {
	case o.format == "csv":
		if err := writeCSV(env.stdout, comparedColumns, c.fields); err != nil {
			return err
		}
		// A CSV has no place for sentences.
		if len(totals) > 0 {
			writeAssumptions(env.stderr, c.assumptions)
		}
	case o.format == "json":
		return writeJSON(env.stdout, c.json(q))
	case len(totals) > 0:
		var text strings.Builder
		c.table(&text, q, terminalWidth(env.stdout))
		if _, err := io.WriteString(env.stdout, text.String()); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}

// comparedProviders reads the providers and nothing else, so that prices can be
// compared where the bot's keys are not. Without a configuration there are none.
func comparedProviders(env *environment) ([]providerConfig, error) {
	c := defaultConfig()
	name := cmp.Or(env.configPath, defaultFile)
	text, err := os.ReadFile(name)
	switch {
	case err == nil:
		c.file = name
		keyless := func(name string) string { return cmp.Or(env.getenv(name), "unset") }
		if err := decodeConfig(text, name, keyless, &c); err != nil {
			return nil, usageError{err}
		}
	case errors.Is(err, fs.ErrNotExist) && env.configPath == "":
		if c.fromEnvironment(env.getenv); len(c.LLM.Providers) == 0 {
			return nil, nil
		}
	default:
		return nil, usageError{fmt.Errorf("read configuration: %w", err)}
	}
	m := &mistakes{file: cmp.Or(c.file, "environment")}
	c.checkProviders(m)
	if err := m.err(); err != nil {
		return nil, usageError{err}
	}
	return c.LLM.Providers, nil
}

func compareTotals(totals []storage.UsageTotal, all []llm.Offer, top int) compared {
	c := compared{paid: storage.Sum(totals)}
	var traffic llm.Traffic
	c.list, c.left, traffic, c.priced = bot.Compare(totals, all, top)
	c.assumptions = llm.Assumptions(traffic, all)
	return c
}

var comparedColumns = []string{"provider", "model", "configured", "cost_nano_usd", "cost_usd", "against_paid", "list_price_as_of", "list_price_source"}

func (c *compared) fields(yield func([]string) bool) {
	for _, o := range c.list {
		nano, dollars, ratio := "", "", ""
		if o.Price != nil {
			nano, dollars = strconv.FormatInt(o.CostNanoUSD, 10), exactUSD(o.CostNanoUSD)
		}
		if r, ok := o.Against(c.priced); ok {
			ratio = strconv.FormatFloat(r, 'f', 4, 64)
		}
		if !yield([]string{o.Provider, o.Model, strconv.FormatBool(o.Configured), nano, dollars, ratio, o.AsOf, o.Source}) {
			return
		}
	}
}

func (c *compared) json(q storage.UsageQuery) compareJSON {
	sum := jsonTotals(q, nil, &c.paid)
	out := compareJSON{From: sum.From, To: sum.To, Paid: sum.Sum, Offers: []comparedJSON{}, Assumptions: c.assumptions}
	for _, o := range c.list {
		j := comparedJSON{Provider: o.Provider, Model: o.Model, Configured: o.Configured, AsOf: o.AsOf, Source: o.Source}
		if o.Price != nil {
			dollars := exactUSD(o.CostNanoUSD)
			j.CostNanoUSD, j.CostUSD = &o.CostNanoUSD, &dollars
		}
		if r, ok := o.Against(c.priced); ok {
			j.AgainstPaid = &r
		}
		out.Offers = append(out.Offers, j)
	}
	return out
}

func (c *compared) table(w *strings.Builder, q storage.UsageQuery, width int) {
	t := textTable{columns: []textColumn{
		{left: true}, {head: "provider", left: true}, {head: "model", left: true}, {head: "cost"}, {head: "vs paid", drop: 2}, {head: "price as of", drop: 1},
	}}
	for _, o := range c.list {
		mark, cost, ratio, asOf := "", "unknown", "-", o.AsOf
		if o.Configured {
			mark = "*"
			if asOf == "" && o.Price != nil {
				asOf = "configured"
			}
		}
		if o.Price != nil {
			cost = shortUSD(o.CostNanoUSD)
		}
		if r, ok := o.Against(c.priced); ok {
			ratio = fmt.Sprintf("%+.0f%%", 100*(r-1))
		}
		t.row(mark, o.Provider, o.Model, cost, ratio, asOf)
	}
	t, _ = t.fit(width)
	fmt.Fprintf(w, "calls %s (UTC): %s, paid %s\n%s tokens in (%s of them cached), %s out\n\n%s", selectionText(q),
		thousands(c.paid.Calls), totalCost(&c.paid), thousands(c.paid.InputTokens), thousands(c.paid.CachedInputTokens), thousands(c.paid.OutputTokens), t)
	if c.left > 0 {
		fmt.Fprintf(w, "and %s listed elsewhere; --top N shows more\n", counted(int64(c.left), "model"))
	}
	fmt.Fprintf(w, "\n* is in your configuration.")
	if rest := c.paid.Tokens() - c.priced.Usage.InputTokens - c.priced.Usage.OutputTokens; c.paid.UnpricedCalls > 0 && c.priced.CostNanoUSD > 0 {
		fmt.Fprintf(w, " \"vs paid\" leaves out %s of the tokens, where the price\nof some calls is not known.", percentText(rest, c.paid.Tokens()))
	}
	fmt.Fprintln(w)
	writeAssumptions(w, c.assumptions)
}

func writeAssumptions(w io.Writer, list []string) {
	fmt.Fprintf(w, "What this takes for granted:\n")
	for _, a := range list {
		fmt.Fprintf(w, "- %s\n", a)
	}
}
