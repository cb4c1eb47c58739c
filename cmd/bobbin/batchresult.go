package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

// batchResult is a line of the output.
type batchResult struct {
	ID     json.RawMessage `json:"id,omitempty"`
	Line   int             `json:"line"`
	Key    string          `json:"key"`
	Answer *string         `json:"answer,omitempty"`
	Error  *batchError     `json:"error,omitempty"`

	Provider     string `json:"provider,omitempty"`
	Model        string `json:"model,omitempty"`
	FinishReason string `json:"finish_reason,omitempty"`
	batchSpent
	Milliseconds int64 `json:"ms"`
}

type batchError struct {
	Class   llm.Class `json:"class"`
	Message string    `json:"message"`
}

// batchSpent is what calls used. The zero value is nothing.
type batchSpent struct {
	Input     int64    `json:"input_tokens"`
	Cached    int64    `json:"cached_input_tokens"`
	Output    int64    `json:"output_tokens"`
	Cost      nanoCost `json:"cost_usd"`
	Estimated bool     `json:"estimated,omitempty"`
	Calls     int      `json:"calls"`
}

func (s *batchSpent) add(o batchSpent) {
	s.Input += o.Input
	s.Cached += o.Cached
	s.Output += o.Output
	s.Cost.nano += o.Cost.nano
	s.Cost.unknown = s.Cost.unknown || o.Cost.unknown
	s.Estimated = s.Estimated || o.Estimated
	s.Calls += o.Calls
}

func (s batchSpent) tokens() int64 { return s.Input + s.Output }

// spentOn is what one call used. A call that used nothing cost nothing, also
// at an unknown price.
func spentOn(a llm.Attempt) batchSpent {
	u := a.Usage
	s := batchSpent{Input: u.InputTokens, Cached: u.CachedInputTokens, Output: u.OutputTokens, Estimated: u.Estimated, Calls: 1}
	switch {
	case a.Price != nil:
		s.Cost.nano = a.Price.Cost(u)
	case s.tokens() > 0:
		s.Cost.unknown = true
	}
	return s
}

// nanoCost is an amount in nano-USD. If it is unknown, nano is the part of it
// that is known.
type nanoCost struct {
	nano    int64
	unknown bool
}

// MarshalJSON writes the exact amount in USD, or null.
func (c nanoCost) MarshalJSON() ([]byte, error) {
	if c.unknown {
		return []byte("null"), nil
	}
	return []byte(decimalUSD(c.nano)), nil
}

func decimalUSD(nano int64) string {
	s := fmt.Sprintf("%d.%09d", nano/1e9, nano%1e9)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// UnmarshalJSON reads what MarshalJSON wrote, exactly, and what other tools
// make of it when they rewrite the file.
func (c *nanoCost) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*c = nanoCost{unknown: true}
		return nil
	}
	whole, fraction, _ := strings.Cut(string(text), ".")
	if len(fraction) <= 9 {
		nano, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", 9-len(fraction)), 10, 64)
		if err == nil && nano >= 0 {
			*c = nanoCost{nano: nano}
			return nil
		}
	}
	usd, err := strconv.ParseFloat(string(text), 64)
	if err != nil || usd < 0 || usd > 1e9 {
		return fmt.Errorf("cost_usd %s: want an amount", text)
	}
	*c = nanoCost{nano: int64(math.Round(usd * 1e9))}
	return nil
}

func (r *batchResult) append(b []byte) []byte {
	buf := bytes.NewBuffer(b)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		panic(err) // the id is JSON, and nothing else here can fail
	}
	return buf.Bytes()
}

var errNotOurs = errors.New("not a line that bobbin batch writes")

var keyShape = regexp.MustCompile(`^[0-9a-f]{16}$`)

func parseBatchResult(text []byte) (*batchResult, error) {
	var r batchResult
	if err := json.Unmarshal(text, &r); err != nil || !keyShape.MatchString(r.Key) || (r.Answer == nil) == (r.Error == nil) {
		return nil, errNotOurs
	}
	return &r, nil
}

// newBatchResult turns what happened to a line into its result. before is what
// earlier runs have spent on it in vain.
func newBatchResult(l batchLine, o outcome, before batchSpent) *batchResult {
	r := &batchResult{ID: l.id, Line: l.number, Key: l.key, Milliseconds: o.took.Round(time.Millisecond).Milliseconds()}
	r.batchSpent = before
	for _, a := range o.attempts {
		r.add(spentOn(a))
	}
	if o.err != nil {
		r.Error = &batchError{Class: llm.ClassOf(o.err), Message: llm.Redact(o.err.Error())}
		if e, ok := errors.AsType[*llm.Error](o.err); ok {
			r.Provider, r.Model = e.Provider, e.Model
		}
		if o.unfinished {
			r.Error.Class = llm.ClassCancelled
		}
		return r
	}
	r.Answer = &o.text
	r.Provider, r.Model, r.FinishReason = o.response.Provider, o.response.Model, o.response.FinishReason
	return r
}
