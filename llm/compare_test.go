package llm_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bobbin-bot/bobbin/llm"
)

func perMillion(t *testing.T, input, cached, output float64) *llm.Price {
	t.Helper()
	p, err := llm.PerMillion(input, cached, output)
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

// A million tokens in, a quarter of them cached, and half a million out.
var measured = llm.Usage{InputTokens: 1_000_000, CachedInputTokens: 250_000, OutputTokens: 500_000}

func TestCompare(t *testing.T) {
	offers := []llm.Offer{
		{Provider: "relay", Model: "m", Price: perMillion(t, 4, 4, 8), Configured: true},
		{Provider: "unlisted", Model: "m", Configured: true},
		{Provider: "b.example", Model: "same", Price: perMillion(t, 1, 0.2, 2)},
		{Provider: "a.example", Model: "same", Price: perMillion(t, 1, 0.2, 2)},
		{Provider: "gateway", Model: "same", Price: perMillion(t, 1, 0.2, 2), Configured: true},
		{Provider: "free.example", Model: "m", Price: &llm.Price{}},
		{Provider: "a.unlisted", Model: "m"},
		{Provider: "no-cached-price.example", Model: "m", Price: perMillion(t, 1, 1, 2)},
	}
	before := slices.Clone(offers)
	var got []string
	for _, c := range llm.Compare(llm.Traffic{Usage: measured}, offers) {
		cost := "unknown"
		if c.Price != nil {
			cost = fmt.Sprint(c.CostNanoUSD)
		}
		got = append(got, c.Provider+" "+cost)
	}
	want := []string{
		"free.example 0",
		"gateway 1800000000", // of equal ones, the configured
		"a.example 1800000000", "b.example 1800000000",
		"no-cached-price.example 2000000000", // cached input costs like other input
		"relay 8000000000",
		"unlisted unknown", "a.unlisted unknown", // last, whatever they are called
	}
	if !slices.Equal(got, want) {
		t.Errorf("comparison:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !slices.Equal(offers, before) {
		t.Error("the caller's offers were changed")
	}
	if list := llm.Compare(llm.Traffic{Usage: measured}, nil); len(list) != 0 {
		t.Errorf("no offers: %v", list)
	}
}

// What a provider gave and was paid for costs there what it cost.
func TestCompareAgainst(t *testing.T) {
	price := perMillion(t, 1, 0.2, 2)
	paid := llm.Traffic{Usage: measured, Calls: 10, CostNanoUSD: price.Cost(measured)}
	partly, free := paid, paid
	partly.Unpriced = 1
	free.CostNanoUSD = 0
	for _, c := range []struct {
		name  string
		price *llm.Price
		paid  llm.Traffic
		want  float64
		ok    bool
	}{
		{"the same", price, paid, 1, true},
		{"twice as dear", perMillion(t, 2, 0.4, 4), paid, 2, true},
		{"free", &llm.Price{}, paid, 0, true},
		{"a price that is not known", nil, paid, 0, false},
		{"a bill that is not known", price, partly, 0, false},
		{"nothing paid", price, free, 0, false},
	} {
		one := llm.Compare(c.paid, []llm.Offer{{Price: c.price}})[0]
		if got, ok := one.Against(c.paid); math.Abs(got-c.want) > 1e-9 || ok != c.ok {
			t.Errorf("%s: %v, %v, want %v, %v", c.name, got, ok, c.want, c.ok)
		}
	}
	// The priced part of a larger traffic.
	larger := paid
	larger.Usage.InputTokens *= 3
	if got, ok := llm.Compare(larger, []llm.Offer{{Price: price}})[0].Against(paid); got != 1 || !ok {
		t.Errorf("a part of the traffic: %v, %v, want 1", got, ok)
	}
}

// The traffic of years at the dearest model there is does not overflow.
func TestCompareLarge(t *testing.T) {
	const tokens = 1_000_000_000_000
	list := llm.Compare(llm.Traffic{Usage: llm.Usage{InputTokens: tokens, OutputTokens: tokens}}, []llm.Offer{
		{Provider: "dear", Price: perMillion(t, 600, 600, 2400)},
		{Provider: "cheap", Price: perMillion(t, 0.1, 0.1, 0.1)},
	})
	if list[0].Provider != "cheap" || list[1].CostNanoUSD != 3_000_000_000*1_000_000_000 {
		t.Errorf("%+v", list)
	}
}

func TestAssumptions(t *testing.T) {
	text := func(tr llm.Traffic, offers ...llm.Offer) string {
		return strings.Join(llm.Assumptions(tr, offers), "\n")
	}
	always := []string{"same number of tokens", "provider's cache", "Failed and cancelled calls"}
	for _, c := range []struct {
		name      string
		text      string
		want, not []string
	}{
		{"plain", text(llm.Traffic{Calls: 5}, llm.Offer{}), nil, []string{"List prices", "estimates", "not known:"}},
		{"list prices", text(llm.Traffic{Calls: 5}, llm.Offer{AsOf: "2026-05-02"}, llm.Offer{}, llm.Offer{AsOf: "2026-04-30"}),
			[]string{"short prompts, the oldest read on 2026-04-30"}, []string{"estimates"}},
		{"estimates", text(llm.Traffic{Calls: 8, Estimated: 1}), []string{"1 of 8 calls (12.5 %) are estimates"}, nil},
		{"an unknown bill", text(llm.Traffic{Calls: 8, Unpriced: 2}), []string{"price is not known: 2 of 8"}, nil},
	} {
		for _, want := range append(slices.Clone(always), c.want...) {
			if !strings.Contains(c.text, want) {
				t.Errorf("%s: %q is not said:\n%s", c.name, want, c.text)
			}
		}
		for _, not := range c.not {
			if strings.Contains(c.text, not) {
				t.Errorf("%s: %q is said:\n%s", c.name, not, c.text)
			}
		}
	}
}
