package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// callsPage is how many rows are read at a time.
const callsPage = 1000

// allCalls yields the ledger's rows, page by page.
func allCalls(ctx context.Context, s storage.Store, q storage.UsageQuery) iter.Seq2[storage.UsageRow, error] {
	return func(yield func(storage.UsageRow, error) bool) {
		for after := ""; ; {
			rows, next, err := s.Calls(ctx, q, after, callsPage)
			if err != nil {
				yield(storage.UsageRow{}, err)
				return
			}
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
			if after = next; next == "" {
				return
			}
		}
	}
}

var callColumns = []string{
	"time", "turn", "user", "channel", "thread", "provider", "model", "outcome", "fallback", "estimated",
	"input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens",
	"price_input_nano_usd", "price_cached_nano_usd", "price_output_nano_usd", "cost_nano_usd", "cost_usd", "first_token_ms", "duration_ms",
}

// callJSON is a line of --calls --format json. Prices are in nano-USD per million
// tokens; what is not known is null.
type callJSON struct {
	Time              string  `json:"time"`
	Turn              string  `json:"turn,omitempty"`
	User              string  `json:"user,omitempty"`
	Channel           string  `json:"channel,omitempty"`
	Thread            string  `json:"thread,omitempty"`
	Provider          string  `json:"provider"`
	Model             string  `json:"model"`
	Outcome           string  `json:"outcome"`
	Fallback          bool    `json:"fallback"`
	Estimated         bool    `json:"estimated"`
	InputTokens       int64   `json:"input_tokens"`
	CachedInputTokens int64   `json:"cached_input_tokens"`
	OutputTokens      int64   `json:"output_tokens"`
	ReasoningTokens   int64   `json:"reasoning_tokens"`
	Price             *price3 `json:"price_nano_usd"`
	CostNanoUSD       *int64  `json:"cost_nano_usd"`
	CostUSD           *string `json:"cost_usd"`
	FirstTokenMS      *int64  `json:"first_token_ms"`
	DurationMS        int64   `json:"duration_ms"`
}

type price3 struct {
	Input  int64 `json:"input"`
	Cached int64 `json:"cached"`
	Output int64 `json:"output"`
}

// writeCalls streams the ledger: there is no telling how long it is.
func (o *usageOptions) writeCalls(ctx context.Context, s storage.Store, q storage.UsageQuery, env *environment) error {
	var failed error
	n := 0
	rows := func(yield func(storage.UsageRow) bool) {
		for r, err := range allCalls(ctx, s, q) {
			if err != nil {
				failed = err
				return
			}
			if n++; !yield(r) || n == o.top {
				return
			}
		}
		if n == 0 {
			sayEmpty(o, q, env)
		}
	}
	if o.format == "json" {
		out := json.NewEncoder(env.stdout)
		out.SetEscapeHTML(false)
		for r := range rows {
			if err := out.Encode(jsonCall(r)); err != nil {
				return fmt.Errorf("write: %w", err)
			}
		}
		return failed
	}
	if err := writeCSV(env.stdout, callColumns, func(yield func([]string) bool) {
		for r := range rows {
			if !yield(callFields(r)) {
				return
			}
		}
	}); err != nil {
		return err
	}
	return failed
}

func callFields(r storage.UsageRow) []string {
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	fields := []string{
		r.At.UTC().Format(time.RFC3339Nano), r.TurnID, r.UserID, r.ChannelID, r.ThreadTS, r.Provider, r.Model, r.Outcome,
		strconv.FormatBool(r.Fallback), strconv.FormatBool(r.Estimated),
		n(r.InputTokens), n(r.CachedInputTokens), n(r.OutputTokens), n(r.ReasoningTokens),
	}
	if r.Price != nil {
		fields = append(fields, n(r.Price.Input), n(r.Price.CachedInput), n(r.Price.Output), n(r.CostNanoUSD), exactUSD(r.CostNanoUSD))
	} else {
		fields = append(fields, "", "", "", "", "")
	}
	first := ""
	if r.FirstToken > 0 {
		first = n(r.FirstToken.Milliseconds())
	}
	return append(fields, first, n(r.Duration.Milliseconds()))
}

func jsonCall(r storage.UsageRow) callJSON {
	c := callJSON{
		Time: r.At.UTC().Format(time.RFC3339Nano), Turn: r.TurnID, User: r.UserID, Channel: r.ChannelID, Thread: r.ThreadTS,
		Provider: r.Provider, Model: r.Model, Outcome: r.Outcome, Fallback: r.Fallback, Estimated: r.Estimated,
		InputTokens: r.InputTokens, CachedInputTokens: r.CachedInputTokens, OutputTokens: r.OutputTokens, ReasoningTokens: r.ReasoningTokens,
		DurationMS: r.Duration.Milliseconds(),
	}
	if r.Price != nil {
		dollars := exactUSD(r.CostNanoUSD)
		c.Price, c.CostNanoUSD, c.CostUSD = &price3{r.Price.Input, r.Price.CachedInput, r.Price.Output}, &r.CostNanoUSD, &dollars
	}
	if r.FirstToken > 0 {
		ms := r.FirstToken.Milliseconds()
		c.FirstTokenMS = &ms
	}
	return c
}
