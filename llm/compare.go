package llm

import (
	"cmp"
	"fmt"
	"slices"
)

// Offer is a model that can be asked somewhere, and what it costs there.
type Offer struct {
	Provider string
	Model    string
	Price    *Price // nil: unknown
	// Configured: it is one of the providers that may answer, which come in the
	// order in which they are asked.
	Configured bool
	AsOf       string // date of a list price, YYYY-MM-DD; "" if it is not one
	Source     string // where the list price is from
}

// Traffic is what was used: the sums of any number of calls.
type Traffic struct {
	Usage       Usage
	Calls       int64
	CostNanoUSD int64 // what was paid, as far as it is known
	Unpriced    int64 // calls whose price is not known
	Estimated   int64 // calls whose tokens were not reported
}

// Comparison is what traffic would have cost at an offer.
type Comparison struct {
	Offer
	CostNanoUSD int64 // valid if Price is set
}

// Against is what the offer asks for traffic that was paid for, as a multiple of
// what was paid. It is false if the offer's price or part of what was paid is not
// known, and if nothing was paid. The traffic may be a part of what was compared:
// that whose price is known.
func (c Comparison) Against(paid Traffic) (ratio float64, ok bool) {
	if c.Price == nil || paid.Unpriced > 0 || paid.CostNanoUSD <= 0 {
		return 0, false
	}
	return float64(c.Price.Cost(paid.Usage)) / float64(paid.CostNanoUSD), true
}

// Compare prices the same traffic at each offer: the cheapest first, those
// without a price last. See [Assumptions].
func Compare(t Traffic, offers []Offer) []Comparison {
	list := make([]Comparison, 0, len(offers))
	for _, o := range offers {
		c := Comparison{Offer: o}
		if o.Price != nil {
			c.CostNanoUSD = o.Price.Cost(t.Usage)
		}
		list = append(list, c)
	}
	slices.SortStableFunc(list, func(a, b Comparison) int {
		if (a.Price == nil) != (b.Price == nil) {
			return cmp.Compare(btoi(a.Price == nil), btoi(b.Price == nil))
		}
		return cmp.Or(cmp.Compare(a.CostNanoUSD, b.CostNanoUSD), cmp.Compare(btoi(!a.Configured), btoi(!b.Configured)),
			cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Model, b.Model))
	})
	return list
}

// Shortlist keeps the configured offers of a comparison, and top of the others:
// those of models that are in use first, then the cheapest. The order stays. left
// is how many are not in it. A top of 0 keeps all.
func Shortlist(list []Comparison, top int, inUse func(model string) bool) (short []Comparison, left int) {
	if top == 0 {
		return list, 0
	}
	keep := make([]bool, len(list))
	for _, wanted := range []func(model string) bool{inUse, func(string) bool { return true }} {
		for i, c := range list {
			if !keep[i] && top > 0 && !c.Configured && wanted(c.Model) {
				keep[i] = true
				top--
			}
		}
	}
	for i, c := range list {
		if keep[i] || c.Configured {
			short = append(short, c)
		} else {
			left++
		}
	}
	return short, left
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Assumptions are what a comparison takes for granted, in sentences for whoever
// reads it.
func Assumptions(t Traffic, offers []Offer) []string {
	list := []string{
		"The same calls with the same number of tokens: another model counts and answers differently, by a tenth or more.",
		"The same part of the input comes from the provider's cache; where no price for that is known it costs like other input.",
		"Failed and cancelled calls cost the tokens that they were billed.",
	}
	oldest := ""
	for _, o := range offers {
		if o.AsOf != "" && (oldest == "" || o.AsOf < oldest) {
			oldest = o.AsOf
		}
	}
	if oldest != "" {
		list = append(list, fmt.Sprintf("List prices are those published for short prompts, the oldest read on %s; what you have agreed with a provider may differ.", oldest))
	}
	if t.Estimated > 0 {
		list = append(list, fmt.Sprintf("The tokens of %d of %d calls (%.1f %%) are estimates: their provider did not report them.",
			t.Estimated, t.Calls, 100*float64(t.Estimated)/float64(max(t.Calls, 1))))
	}
	if t.Unpriced > 0 {
		list = append(list, fmt.Sprintf("What was paid leaves out those calls whose price is not known: %d of %d.", t.Unpriced, t.Calls))
	}
	return list
}
