package main

import (
	"fmt"
	"net/url"

	"github.com/bobbin-bot/bobbin/llm"
)

// listing is what the provider publishes about a model. A gateway has its own
// prices for other providers' models, so the host counts, not the name alone.
func (c providerConfig) listing(model string) (llm.Listing, bool) {
	u, err := url.Parse(c.BaseURL)
	if err != nil {
		return llm.Listing{}, false
	}
	return llm.Listed(u.Host, model)
}

// priceOf is the configured price for the configured model, else what the
// provider publishes.
func (c providerConfig) priceOf(model string) (llm.Price, bool) {
	if c.Price != nil && model == c.Model {
		price, err := c.Price.price()
		return price, err == nil
	}
	listing, ok := c.listing(model)
	return listing.Price, ok
}

// offers are what the configured models cost, and what is listed elsewhere.
func offers(providers []providerConfig) []llm.Offer {
	var list []llm.Offer
	own := map[llm.Listing]bool{}
	for _, c := range providers {
		o := llm.Offer{Provider: c.Name, Model: c.Model, Configured: true}
		if price, ok := c.priceOf(c.Model); ok {
			o.Price = &price
		}
		if l, ok := c.listing(c.Model); ok && c.Price == nil {
			o.AsOf, o.Source = l.AsOf, l.Source
			own[l] = true
		}
		list = append(list, o)
	}
	for _, l := range llm.Listings() {
		if own[l] {
			continue
		}
		price := l.Price
		list = append(list, llm.Offer{Provider: l.Host, Model: l.Model, Price: &price, AsOf: l.AsOf, Source: l.Source})
	}
	return list
}

// describePrice is for people.
func (c providerConfig) describePrice() string {
	price, ok := c.priceOf(c.Model)
	if !ok {
		return "unknown; set price to see what it costs"
	}
	text := fmt.Sprintf("%s in, %s cached, %s out, USD per million tokens", dollars(price.Input), dollars(price.CachedInput), dollars(price.Output))
	if listing, _ := c.listing(c.Model); c.Price == nil {
		return fmt.Sprintf("%s (list price, %s of %s; price overrides it)", text, listing.Source, listing.AsOf)
	}
	return text + " (configured)"
}

// price is what the configuration says. Without a price for cached tokens they
// cost like others.
func (p *priceConfig) price() (llm.Price, error) {
	cached := p.Input
	if p.Cached != nil {
		cached = *p.Cached
	}
	return llm.PerMillion(p.Input, cached, p.Output)
}

// dollars writes nano-USD without a fraction that says nothing.
func dollars(nano int64) string {
	return fmt.Sprintf("$%g", float64(nano)/1e9)
}
