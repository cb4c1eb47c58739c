package storage

import "time"

// Day counts days since 1970-01-01 in UTC.
type Day int32

// DayOf returns the UTC day of t.
func DayOf(t time.Time) Day {
	s := t.Unix()
	d := s / 86400
	if s%86400 < 0 { // before 1970: round down, not towards 0
		d--
	}
	return Day(d)
}

// Time returns the day's first moment.
func (d Day) Time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

func (d Day) String() string { return d.Time().Format(time.DateOnly) }

// Price is a model's price in nano-USD per million tokens.
type Price struct {
	Input       int64
	CachedInput int64
	Output      int64
}

// UsageRow is the ledger's line for one model call, failed ones included.
type UsageRow struct {
	TurnID    string
	UserID    string
	ChannelID string
	ThreadTS  string // "" for calls that belong to no turn, and in rows from before it was kept
	Provider  string
	Model     string
	At        time.Time // when the call began

	InputTokens       int64 // cached ones included
	CachedInputTokens int64
	OutputTokens      int64 // reasoning included
	ReasoningTokens   int64
	Estimated         bool // counted by us, not reported by the provider

	// CostNanoUSD is valid if Price is set; without it the cost is unknown,
	// which is not the same as 0.
	CostNanoUSD int64
	Price       *Price // the price at that time

	Outcome    string        // "ok", or the class of the failure, or OutcomeLost
	FirstToken time.Duration // 0 if none came
	Duration   time.Duration
	// Fallback: it gave the answer after an earlier provider could not.
	Fallback bool
}

// OutcomeOK is the Outcome of a call that gave a whole answer.
const OutcomeOK = "ok"

// OutcomeLost is the Outcome of a call that a crash cut off. What it cost is a
// guess, made from its [Reservation].
const OutcomeLost = "lost"

// Dimension is one of what totals are kept by, or a set of them.
type Dimension uint8

const (
	ByDay Dimension = 1 << iota
	ByUser
	ByChannel
	ByProvider
	ByModel

	ByAll = ByDay | ByUser | ByChannel | ByProvider | ByModel
)

// UsageQuery selects totals. Zero fields select everything.
type UsageQuery struct {
	From, To  Day // inclusive; To zero means no end
	UserID    string
	ChannelID string
	Provider  string
	Model     string
	// By is what the totals are told apart by; their other fields are zero. 0
	// means ByAll, which reads most. Without ByDay, whole calendar months are
	// cheap however many people there are.
	By Dimension
}

// UsageTotal sums the rows that agree in day, user, channel, provider and model,
// as far as the query told them apart.
type UsageTotal struct {
	Day       Day
	UserID    string
	ChannelID string
	Provider  string
	Model     string

	Calls             int64
	Failures          int64 // calls whose outcome was not "ok"
	Fallbacks         int64 // answers given after an earlier provider could not
	InputTokens       int64
	CachedInputTokens int64
	OutputTokens      int64
	ReasoningTokens   int64
	EstimatedCalls    int64
	CostNanoUSD       int64 // of the calls whose price was known
	UnpricedCalls     int64 // calls that used tokens, or succeeded, without a known price
	FirstTokenSum     time.Duration
	DurationSum       time.Duration

	FirstToken Histogram // of the calls that gave a whole answer
	Duration   Histogram // of the same
}

// Add counts r into t. It does not look at r's day, user, channel, provider
// or model: that is the caller's choice of total.
func (t *UsageTotal) Add(r UsageRow) {
	t.Calls++
	t.InputTokens += r.InputTokens
	t.CachedInputTokens += r.CachedInputTokens
	t.OutputTokens += r.OutputTokens
	t.ReasoningTokens += r.ReasoningTokens
	if r.Estimated {
		t.EstimatedCalls++
	}
	ok := r.Outcome == OutcomeOK
	switch {
	case r.Price != nil:
		t.CostNanoUSD += r.CostNanoUSD
	case ok || r.InputTokens+r.OutputTokens > 0:
		t.UnpricedCalls++
	}
	t.FirstTokenSum += r.FirstToken
	t.DurationSum += r.Duration
	if !ok {
		t.Failures++
		return
	}
	if r.Fallback {
		t.Fallbacks++
	}
	if r.FirstToken > 0 {
		t.FirstToken.Count(r.FirstToken)
	}
	t.Duration.Count(r.Duration)
}

// Sums are the numbers of t that add up, histograms aside, for code that treats
// them alike. Their order does not change; new ones come at the end.
func (t *UsageTotal) Sums() [12]*int64 {
	return [...]*int64{
		&t.Calls, &t.Failures, &t.InputTokens, &t.CachedInputTokens, &t.OutputTokens, &t.ReasoningTokens,
		&t.EstimatedCalls, &t.CostNanoUSD, &t.UnpricedCalls, (*int64)(&t.FirstTokenSum), (*int64)(&t.DurationSum),
		&t.Fallbacks,
	}
}

// Merge adds the numbers of o, times sign, which is 1 or -1.
func (t *UsageTotal) Merge(o *UsageTotal, sign int64) {
	to := t.Sums()
	for i, n := range o.Sums() {
		*to[i] += sign * *n
	}
	for i := range o.FirstToken {
		t.FirstToken[i] += sign * o.FirstToken[i]
		t.Duration[i] += sign * o.Duration[i]
	}
}

// Answers is the number of calls that gave a whole answer.
func (t *UsageTotal) Answers() int64 { return t.Calls - t.Failures }

// Tokens is what budgets count.
func (t *UsageTotal) Tokens() int64 { return t.InputTokens + t.OutputTokens }

// Sum adds totals up. Its day, user, channel, provider and model are zero.
func Sum(totals []UsageTotal) UsageTotal {
	var all UsageTotal
	for i := range totals {
		all.Merge(&totals[i], 1)
	}
	return all
}

// Group adds up the totals that have the same key. Like Sum's, they say nothing
// of day, user, channel, provider and model.
func Group[K comparable](totals []UsageTotal, key func(*UsageTotal) K) map[K]*UsageTotal {
	groups := make(map[K]*UsageTotal)
	for i := range totals {
		k := key(&totals[i])
		if groups[k] == nil {
			groups[k] = new(UsageTotal)
		}
		groups[k].Merge(&totals[i], 1)
	}
	return groups
}
