package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

func comparedOffers() (list []llm.Offer) {
	for i, name := range []string{"a/cheap", "b/cheap", "c/used", "d/dear", "e/cheap"} {
		provider, model, _ := strings.Cut(name, "/")
		list = append(list, llm.Offer{Provider: provider, Model: model, Price: &llm.Price{Input: int64(i+1) * 1e9, CachedInput: 1e9, Output: int64(i+1) * 1e9}, AsOf: "2026-07-02"})
	}
	return append(list,
		llm.Offer{Provider: "gateway", Model: "used", Configured: true, Price: &llm.Price{Input: 9e9, CachedInput: 9e9, Output: 9e9}},
		llm.Offer{Provider: "relay", Model: "used", Configured: true})
}

func comparedTotals() []storage.UsageTotal {
	return []storage.UsageTotal{
		{Day: 1, Provider: "gateway", Model: "used", Calls: 10, InputTokens: 1e6, OutputTokens: 1e6, CostNanoUSD: 18e9},
		{Day: 2, Provider: "relay", Model: "used", Calls: 5, InputTokens: 5e5, OutputTokens: 5e5, UnpricedCalls: 5, EstimatedCalls: 3},
	}
}

// What is configured is always shown, and before the cheapest what is listed for
// the models in use.
func TestCompareShows(t *testing.T) {
	for top, want := range map[int]string{
		0: "a/cheap b/cheap c/used d/dear e/cheap gateway/used relay/used",
		1: "c/used gateway/used relay/used",
		2: "a/cheap c/used gateway/used relay/used",
		9: "a/cheap b/cheap c/used d/dear e/cheap gateway/used relay/used",
	} {
		c := compareTotals(comparedTotals(), comparedOffers(), top)
		var got []string
		for _, o := range c.list {
			got = append(got, o.Provider+"/"+o.Model)
		}
		if strings.Join(got, " ") != want || c.left != 7-len(got) {
			t.Errorf("--top %d: %v and %d more, want %s", top, got, c.left, want)
		}
	}
}

// All of the traffic is priced elsewhere, but only what has a price is set against
// what was paid.
func TestCompareTable(t *testing.T) {
	c := compareTotals(comparedTotals(), comparedOffers(), 2)
	var text strings.Builder
	c.table(&text, storage.UsageQuery{From: 1, To: 2}, 0)
	want := `calls from 1970-01-02 to 1970-01-03 (UTC): 15, paid $18.00 + unknown
1,500,000 tokens in (0 of them cached), 1,500,000 out

   provider  model     cost  vs paid  price as of
   a         cheap    $3.00     -89%   2026-07-02
   c         used     $9.00     -67%   2026-07-02
*  gateway   used    $27.00      +0%   configured
*  relay     used   unknown        -
and 3 models listed elsewhere; --top N shows more

* is in your configuration. "vs paid" leaves out 33.3% of the tokens, where the price
of some calls is not known.
What this takes for granted:
`
	if !strings.HasPrefix(text.String(), want) {
		t.Errorf("table:\n%s\nwant it to begin with:\n%s", &text, want)
	}
	for _, want := range []string{"3 of 15 calls (20.0 %) are estimates", "price is not known: 5 of 15", "the oldest read on 2026-07-02"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the assumptions do not say %q:\n%s", want, &text)
		}
	}
	var fields []string
	for f := range c.fields {
		fields = append(fields, strings.Join(f, ","))
	}
	if want := []string{
		"a,cheap,false,3000000000,3.000000000,0.1111,2026-07-02,", "c,used,false,9000000000,9.000000000,0.3333,2026-07-02,",
		"gateway,used,true,27000000000,27.000000000,1.0000,,", "relay,used,true,,,,,",
	}; !slices.Equal(fields, want) {
		t.Errorf("CSV:\n%s\nwant:\n%s", strings.Join(fields, "\n"), strings.Join(want, "\n"))
	}
	var out bytes.Buffer
	if err := writeJSON(&out, c.json(storage.UsageQuery{})); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"cost_nano_usd": 27000000000`, `"cost_nano_usd": null`, `"against_paid": null`, "\"against_paid\": 1\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("JSON has no %s:\n%s", want, &out)
		}
	}
}

// Prices are compared where the bot's keys are not, and without a configuration.
func TestComparedProviders(t *testing.T) {
	t.Chdir(t.TempDir())
	none := &environment{getenv: func(string) string { return "" }}
	if list, err := comparedProviders(none); len(list) != 0 || err != nil {
		t.Errorf("without a configuration: %v, %v", list, err)
	}
	env := map[string]string{"OPENAI_API_KEY": "x"}
	if list, err := comparedProviders(&environment{getenv: func(name string) string { return env[name] }}); err != nil || len(list) != 1 || list[0].Model != "gpt-4o-mini" || list[0].Name == "" {
		t.Errorf("from the environment: %+v, %v", list, err)
	}
	write := func(provider string) {
		t.Helper()
		if err := os.WriteFile(defaultFile, fmt.Appendf(nil, "llm: {providers: [{base_url: 'https://api.openai.com/v1', api_key: '${NO_KEY}', %s}]}\n", provider), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("model: gpt-4o-mini")
	list, err := comparedProviders(none)
	if err != nil || len(list) != 1 || list[0].Name == "" {
		t.Fatalf("without keys: %+v, %v", list, err)
	}
	o := offers(list)
	if !o[0].Configured || o[0].Price == nil || o[0].AsOf == "" || len(o) != len(llm.Listings()) {
		t.Errorf("the first of %d offers: %+v, want the list price of the configured model, once", len(o), o[0])
	}
	write("modle: gpt-4o-mini")
	if _, err := comparedProviders(none); err == nil || !strings.Contains(err.Error(), `did you mean "model"`) {
		t.Errorf("a mistake in the file: %v", err)
	}
	if _, err := comparedProviders(&environment{getenv: none.getenv, configPath: filepath.Join("no", "file")}); err == nil {
		t.Error("a file that is not there was read")
	}
}
