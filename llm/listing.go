package llm

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Listing is what a provider publishes about one of its models.
type Listing struct {
	// Host is the provider's API host, for example "api.openai.com". A model
	// has a price only at a host: gateways ask their own for the same name.
	Host  string
	Model string
	// Price has CachedInput equal to Input where no cached price is published.
	// Where long prompts cost more, it is the price of short ones.
	Price           Price
	ContextWindow   int    // tokens, 0: not published
	MaxOutputTokens int    // tokens, 0: not published
	Source          string // the catalogue it was read from, for example "models.dev"
	AsOf            string // date of what was read, YYYY-MM-DD
}

// Listed returns what the provider at host publishes about model. The case of
// host and a port after it do not matter. A model id with the date of a
// snapshot (-2024-07-18 or -20240718) that has no row of its own is answered
// with the row of the id without it; Listing.Model says which.
//
// It returns false for anything else. The price is unknown then, not zero.
// Safe for concurrent use.
func Listed(host, model string) (Listing, bool) {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	for _, id := range []string{model, undated(model)} {
		want := Listing{Host: host, Model: id}
		if i, ok := slices.BinarySearchFunc(listings(), want, compareListings); ok {
			return listings()[i], true
		}
	}
	return Listing{}, false
}

// Listings returns the whole table, sorted by host and model. The slice is
// the caller's. Safe for concurrent use.
func Listings() []Listing {
	return slices.Clone(listings())
}

// undated returns model without the date at its end. Shorter suffixes such as
// -2507 or -0613 stay: at several providers they tell models apart that are
// priced apart.
func undated(model string) string {
	for _, layout := range []string{"-" + time.DateOnly, "-20060102"} {
		if i := len(model) - len(layout); i > 0 {
			if _, err := time.Parse(layout, model[i:]); err == nil {
				return model[:i]
			}
		}
	}
	return model
}

func compareListings(a, b Listing) int {
	if c := strings.Compare(a.Host, b.Host); c != 0 {
		return c
	}
	return strings.Compare(a.Model, b.Model)
}

//go:embed listings.csv
var listingsCSV string

// listings panics on a malformed table; it is part of the program and its
// test reads it whole.
var listings = sync.OnceValue(func() []Listing {
	list, err := parseListings(strings.NewReader(listingsCSV))
	if err != nil {
		panic(fmt.Sprintf("llm: listings.csv: %v", err))
	}
	return list
})

var listingsHeader = []string{"host", "model", "input", "cached", "output", "context", "max_output", "source", "as_of"}

// parseListings refuses whatever would give a wrong price or an order Listed
// cannot search: the rows must ascend by host and model.
func parseListings(r io.Reader) ([]Listing, error) {
	table := csv.NewReader(r)
	table.Comment = '#'
	table.FieldsPerRecord = len(listingsHeader)
	header, err := table.Read()
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if !slices.Equal(header, listingsHeader) {
		return nil, fmt.Errorf("header %q: want %q", header, listingsHeader)
	}
	var list []Listing
	for {
		record, err := table.Read()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := table.FieldPos(0)
		listing, err := parseListing(record)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if n := len(list); n > 0 && compareListings(list[n-1], listing) >= 0 {
			return nil, fmt.Errorf("line %d: %s %s is a duplicate or out of order", line, listing.Host, listing.Model)
		}
		list = append(list, listing)
	}
}

func parseListing(record []string) (Listing, error) {
	l := Listing{Host: record[0], Model: record[1], Source: record[7], AsOf: record[8]}
	if l.Host == "" || l.Host != strings.ToLower(l.Host) || strings.ContainsAny(l.Host, ":/ ") {
		return Listing{}, fmt.Errorf("host %q: want a lower-case host name without port", l.Host)
	}
	if l.Model == "" || l.Source == "" {
		return Listing{}, errors.New("model and source must be given")
	}
	if _, err := time.Parse(time.DateOnly, l.AsOf); err != nil {
		return Listing{}, fmt.Errorf("as_of: %w", err)
	}
	input, err := parseUSD(record[2])
	if err != nil {
		return Listing{}, fmt.Errorf("input: %w", err)
	}
	cached := input
	if record[3] != "" {
		if cached, err = parseUSD(record[3]); err != nil {
			return Listing{}, fmt.Errorf("cached: %w", err)
		}
		if cached > input {
			return Listing{}, fmt.Errorf("cached %v is above input %v", cached, input)
		}
	}
	output, err := parseUSD(record[4])
	if err != nil {
		return Listing{}, fmt.Errorf("output: %w", err)
	}
	if l.Price, err = PerMillion(input, cached, output); err != nil {
		return Listing{}, err
	}
	if l.ContextWindow, err = parseTokens(record[5]); err != nil {
		return Listing{}, fmt.Errorf("context: %w", err)
	}
	if l.MaxOutputTokens, err = parseTokens(record[6]); err != nil {
		return Listing{}, fmt.Errorf("max_output: %w", err)
	}
	return l, nil
}

// parseUSD refuses 0, which catalogues write for both free and unknown, and
// 1000, which no model costs but a price per token in the wrong unit does.
func parseUSD(s string) (float64, error) {
	usd, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, err
	}
	if !(usd > 0 && usd < 1000) {
		return 0, fmt.Errorf("%v USD per million tokens: want more than 0 and less than 1000", usd)
	}
	return usd, nil
}

func parseTokens(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, err
	}
	if n <= 0 {
		return 0, fmt.Errorf("%d tokens: want more than 0, or nothing if not published", n)
	}
	return n, nil
}
