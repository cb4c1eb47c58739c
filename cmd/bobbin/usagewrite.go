package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/bobbin-bot/bobbin/storage"
)

// writeCSV writes a header and rows (RFC 4180). A field that a spreadsheet would
// take for a formula gets an apostrophe: names come from outside. Numbers stay.
func writeCSV(w io.Writer, header []string, rows iter.Seq[[]string]) error {
	out := csv.NewWriter(w)
	if err := out.Write(header); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	for row := range rows {
		for i, field := range row {
			if isFormula(field) {
				row[i] = "'" + field
			}
		}
		if err := out.Write(row); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// isFormula tells what spreadsheets may calculate
// (owasp.org/www-community/attacks/CSV_Injection).
func isFormula(field string) bool {
	if field == "" || !strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(field)[0]) {
		return false
	}
	number := strings.TrimPrefix(field, "-")
	return len(number) == len(field) || number == "" || strings.Trim(number, "0123456789.") != ""
}

func writeJSON(w io.Writer, value any) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	if err := out.Encode(value); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// usageJSON is what --format json prints.
type usageJSON struct {
	From   string      `json:"from,omitempty"` // YYYY-MM-DD, UTC
	To     string      `json:"to,omitempty"`
	Totals []totalJSON `json:"totals"`
	Sum    totalJSON   `json:"sum"`
}

// totalJSON are the numbers of a total. What was not asked to be told apart is
// left out. Money that is not known is null.
type totalJSON struct {
	Day      string `json:"day,omitempty"`
	User     string `json:"user,omitempty"`
	Channel  string `json:"channel,omitempty"`
	Provider string `json:"provider,omitempty"`
	Model    string `json:"model,omitempty"`

	Answers           int64   `json:"answers"`
	Calls             int64   `json:"calls"`
	Failed            int64   `json:"failed"`
	FallbackAnswers   int64   `json:"fallback_answers"`
	InputTokens       int64   `json:"input_tokens"`
	CachedInputTokens int64   `json:"cached_input_tokens"`
	OutputTokens      int64   `json:"output_tokens"`
	ReasoningTokens   int64   `json:"reasoning_tokens"`
	CostNanoUSD       *int64  `json:"cost_nano_usd"`
	CostUSD           *string `json:"cost_usd"`
	UnpricedCalls     int64   `json:"unpriced_calls"`
	EstimatedCalls    int64   `json:"estimated_calls"`

	FirstToken *quantilesJSON `json:"first_token_ms"`
	Duration   *quantilesJSON `json:"duration_ms"`
}

// quantilesJSON are in milliseconds.
type quantilesJSON struct {
	P50 int64 `json:"p50"`
	P95 int64 `json:"p95"`
	P99 int64 `json:"p99"`
}

func jsonTotals(q storage.UsageQuery, totals []storage.UsageTotal, all *storage.UsageTotal) usageJSON {
	out := usageJSON{Totals: []totalJSON{}, Sum: jsonTotal(0, all)}
	if q.From != 0 {
		out.From = q.From.String()
	}
	if q.To != 0 {
		out.To = q.To.String()
	}
	for i := range totals {
		out.Totals = append(out.Totals, jsonTotal(q.By, &totals[i]))
	}
	return out
}

func jsonTotal(by storage.Dimension, t *storage.UsageTotal) totalJSON {
	out := totalJSON{
		User: t.UserID, Channel: t.ChannelID, Provider: t.Provider, Model: t.Model,
		Answers: t.Answers(), Calls: t.Calls, Failed: t.Failures, FallbackAnswers: t.Fallbacks,
		InputTokens: t.InputTokens, CachedInputTokens: t.CachedInputTokens, OutputTokens: t.OutputTokens, ReasoningTokens: t.ReasoningTokens,
		UnpricedCalls: t.UnpricedCalls, EstimatedCalls: t.EstimatedCalls,
		FirstToken: jsonQuantiles(&t.FirstToken), Duration: jsonQuantiles(&t.Duration),
	}
	if by&storage.ByDay > 0 {
		out.Day = t.Day.String()
	}
	if costKnown(t) {
		cost, dollars := t.CostNanoUSD, exactUSD(t.CostNanoUSD)
		out.CostNanoUSD, out.CostUSD = &cost, &dollars
	}
	return out
}

func jsonQuantiles(h *storage.Histogram) *quantilesJSON {
	p50, ok := h.Quantile(0.5)
	if !ok {
		return nil
	}
	p95, _ := h.Quantile(0.95)
	p99, _ := h.Quantile(0.99)
	return &quantilesJSON{p50.Milliseconds(), p95.Milliseconds(), p99.Milliseconds()}
}
