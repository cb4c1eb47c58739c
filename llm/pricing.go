package llm

import (
	"fmt"
	"math"
)

// Price is a model's price in nano-USD per million tokens: 0.42 USD per
// million is 420_000_000.
type Price struct {
	Input       int64
	CachedInput int64
	Output      int64
}

// PerMillion makes a Price from USD per million tokens, the unit price lists
// use. It refuses negative and absurd numbers (over 1,000,000 USD).
func PerMillion(input, cached, output float64) (Price, error) {
	var n [3]int64
	for i, usd := range []float64{input, cached, output} {
		if math.IsNaN(usd) || usd < 0 || usd > 1e6 {
			return Price{}, fmt.Errorf("price %v USD per million tokens: want 0 to 1,000,000", usd)
		}
		n[i] = int64(math.Round(usd * 1e9))
	}
	return Price{Input: n[0], CachedInput: n[1], Output: n[2]}, nil
}

// Cost returns what u costs in nano-USD, rounded to the nearest. Reasoning
// tokens are part of the output already.
func (p Price) Cost(u Usage) int64 {
	cached := min(max(u.CachedInputTokens, 0), u.InputTokens)
	const perMillion = 1_000_000
	// Whole millions first: tokens × price overflows int64 at 92 billion
	// tokens of a 100 USD model, a year of a large bill.
	cost := func(tokens, price int64) int64 {
		whole, rest := tokens/perMillion, tokens%perMillion
		return whole*price + (rest*price+perMillion/2)/perMillion
	}
	return cost(u.InputTokens-cached, p.Input) + cost(cached, p.CachedInput) + cost(u.OutputTokens, p.Output)
}
