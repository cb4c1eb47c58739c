package llm

import (
	"fmt"
	"strings"
	"testing"
)

func TestListed(t *testing.T) {
	price := func(input, cached, output float64) Price {
		p, err := PerMillion(input, cached, output)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, tt := range []struct {
		name, host, model string
		want              string // the row's model, empty: unknown
		price             Price
	}{
		{"exact", "api.openai.com", "gpt-4o-mini", "gpt-4o-mini", price(0.15, 0.075, 0.60)},
		{"snapshot with dashes", "api.openai.com", "gpt-4o-mini-2024-07-18", "gpt-4o-mini", price(0.15, 0.075, 0.60)},
		{"snapshot without dashes", "api.anthropic.com", "claude-opus-4-6-20260205", "claude-opus-4-6", price(5, 0.5, 25)},
		{"snapshot with a price of its own", "api.openai.com", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13", price(5, 5, 15)},
		{"port and case", "API.StepFun.com:443", "step-2-16k", "step-2-16k", price(5.21, 1.04, 16.44)},
		{"no cached price published", "api.openai.com", "gpt-4-turbo", "gpt-4-turbo", price(10, 10, 30)},
		{"same model, other host, other price", "api.cerebras.ai", "gpt-oss-120b", "gpt-oss-120b", price(0.35, 0.35, 0.75)},

		{name: "snapshot at another host", host: "api.anthropic.com", model: "gpt-4o-mini-2024-07-18"},
		{name: "gateway", host: "api.holysheep.ai", model: "step-2-16k"},
		{name: "another host of the provider, which lists other models", host: "api.stepfun.ai", model: "step-2-16k"},
		{name: "host of the same name elsewhere", host: "api.openai.com.example.com", model: "gpt-4o-mini"},
		{name: "no host", model: "gpt-4o-mini"},
		{name: "no model", host: "api.openai.com"},
		{name: "case of the model", host: "api.openai.com", model: "GPT-4o-mini"},
		{name: "short date", host: "api.openai.com", model: "gpt-4-0613"},
		{name: "no date", host: "api.openai.com", model: "gpt-4o-mini-20241399"},
		{name: "another model with the name in front", host: "api.openai.com", model: "gpt-4o-mini-audio"},
		{name: "date only", host: "api.openai.com", model: "-2024-07-18"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := Listed(tt.host, tt.model)
			if ok != (tt.want != "") {
				t.Fatalf("Listed(%q, %q) = %+v, %v", tt.host, tt.model, got, ok)
			}
			if got.Model != tt.want || got.Price != tt.price {
				t.Errorf("Listed(%q, %q) = %s %+v, want %s %+v", tt.host, tt.model, got.Model, got.Price, tt.want, tt.price)
			}
		})
	}
}

// The strictness is parseListings's; here it meets the real table, and every
// row must be found by its own name.
func TestListings(t *testing.T) {
	list, err := parseListings(strings.NewReader(listingsCSV))
	if err != nil {
		t.Fatalf("listings.csv: %v", err)
	}
	if len(list) < 60 {
		t.Errorf("%d rows, want at least 60", len(list))
	}
	for _, want := range list {
		if got, ok := Listed(want.Host, want.Model); !ok || got != want {
			t.Errorf("Listed(%q, %q) = %+v, %v, want its row", want.Host, want.Model, got, ok)
		}
	}

	mine := Listings()
	mine[0].Price = Price{}
	if Listings()[0] != list[0] {
		t.Error("changing the result of Listings changed the table")
	}
}

func TestParseListings(t *testing.T) {
	const header = "host,model,input,cached,output,context,max_output,source,as_of\n"
	good := func(model string) string {
		return "api.example.com," + model + ",1,0.5,2,1000,100,test,2026-07-02\n"
	}
	if list, err := parseListings(strings.NewReader("# comment\n" + header + good("a") + good("b"))); err != nil || len(list) != 2 {
		t.Fatalf("well-formed table: %d rows, %v", len(list), err)
	}
	bare := "api.example.com,a,1,,2,,,test,2026-07-02\n"
	list, err := parseListings(strings.NewReader(header + bare))
	if err != nil {
		t.Fatal(err)
	}
	if got := list[0]; got.Price.CachedInput != got.Price.Input || got.ContextWindow != 0 || got.MaxOutputTokens != 0 {
		t.Errorf("what is not published: %+v", got)
	}

	for _, tt := range []struct{ name, table, want string }{
		{"empty", "", "header"},
		{"other columns", strings.Replace(header, "input,cached", "cached,input", 1), "header"},
		{"missing field", header + "api.example.com,a,1\n", "wrong number of fields"},
		{"duplicate", header + good("a") + good("a"), "line 3: api.example.com a is a duplicate"},
		{"out of order", header + good("b") + good("a"), "out of order"},
		{"host with port", header + strings.Replace(good("a"), ".com", ".com:443", 1), "host"},
		{"host in capitals", header + strings.Replace(good("a"), "api", "API", 1), "host"},
		{"no model", header + good(""), "model and source"},
		{"no source", header + strings.Replace(good("a"), "test", "", 1), "model and source"},
		{"free input", header + strings.Replace(good("a"), ",1,", ",0,", 1), "input"},
		{"price not a number", header + strings.Replace(good("a"), ",1,", ",NaN,", 1), "input"},
		{"no output price", header + strings.Replace(good("a"), ",2,", ",,", 1), "output"},
		{"price of a billion tokens", header + strings.Replace(good("a"), ",2,", ",2000,", 1), "output"},
		{"free cached input", header + strings.Replace(good("a"), ",0.5,", ",0,", 1), "cached"},
		{"cached above input", header + strings.Replace(good("a"), ",0.5,", ",1.5,", 1), "cached 1.5 is above input 1"},
		{"context of 0", header + strings.Replace(good("a"), ",1000,", ",0,", 1), "context"},
		{"negative output limit", header + strings.Replace(good("a"), ",100,", ",-1,", 1), "max_output"},
		{"no such day", header + strings.Replace(good("a"), "07-02", "02-30", 1), "as_of"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := parseListings(strings.NewReader(tt.table)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func ExampleListed() {
	usage := Usage{InputTokens: 2000, OutputTokens: 500}
	for _, host := range []string{"api.openai.com", "gateway.example.com"} {
		listing, ok := Listed(host, "gpt-4o-mini-2024-07-18")
		if !ok {
			fmt.Printf("%s: price unknown\n", host)
			continue
		}
		fmt.Printf("%s: %s, %d nano-USD\n", host, listing.Model, listing.Price.Cost(usage))
	}
	// Output:
	// api.openai.com: gpt-4o-mini, 600000 nano-USD
	// gateway.example.com: price unknown
}
