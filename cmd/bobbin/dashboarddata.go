package main

import "time"

// dashboardData is what /dashboard.json tells the page. It has no text of a
// message and no key. Money is integer nano-USD, of the calls whose price is
// known. Days are UTC. null is "unknown" or "none"; the page takes null for an
// empty list.
type dashboardData struct {
	Now     time.Time       `json:"now"`
	Started time.Time       `json:"started"` // of this process
	Version string          `json:"version"`
	Team    string          `json:"team"` // the workspace's name; "" until Slack has said it
	Period  dashboardPeriod `json:"period"`

	Totals   dashboardTotals `json:"totals"`
	Previous dashboardTotals `json:"previous"` // of as many days just before the period
	Today    dashboardTotals `json:"today"`
	Days     []dashboardDay  `json:"days"` // oldest first, those without traffic too

	Users     []dashboardSpender  `json:"users"`    // dearest first, 20 at most
	Channels  []dashboardSpender  `json:"channels"` // the same
	Models    []dashboardModel    `json:"models"`
	Providers []dashboardProvider `json:"providers"` // in the order they are asked
	Slack     dashboardSlack      `json:"slack"`
	Feedback  dashboardFeedback   `json:"feedback"`
	Budgets   []dashboardBudget   `json:"budgets"`
	Store     dashboardStore      `json:"store"`

	Notes []string `json:"notes"` // for the operator, each a sentence
}

// dashboardPeriod is what was asked for: To is the last day that counts.
type dashboardPeriod struct {
	From string `json:"from"` // 2006-01-02
	To   string `json:"to"`
	Days int    `json:"days"`
}

// dashboardTotals are sums of the ledger. Cached tokens are among the input's,
// reasoning among the output's.
type dashboardTotals struct {
	Calls           int64 `json:"calls"`
	Answers         int64 `json:"answers"`
	Failures        int64 `json:"failures"`
	FallbackAnswers int64 `json:"fallback_answers"` // of the answers
	InputTokens     int64 `json:"input_tokens"`
	CachedTokens    int64 `json:"cached_tokens"`
	OutputTokens    int64 `json:"output_tokens"`
	ReasoningTokens int64 `json:"reasoning_tokens"`
	CostNanoUSD     int64 `json:"cost_nano_usd"`
	UnpricedCalls   int64 `json:"unpriced_calls"`  // that used tokens and whose price is unknown
	EstimatedCalls  int64 `json:"estimated_calls"` // whose tokens we counted ourselves

	FirstToken *quantilesJSON `json:"first_token_ms"` // null: nothing measured
	Duration   *quantilesJSON `json:"duration_ms"`
}

type dashboardDay struct {
	Day       string                     `json:"day"`       // 2006-01-02
	Providers map[string]dashboardTotals `json:"providers"` // by name; those without traffic are left out
}

// dashboardSpender is a user or a channel.
type dashboardSpender struct {
	ID     string          `json:"id"`
	Name   string          `json:"name"` // "": not known
	Link   string          `json:"link"` // to Slack; "": none
	Totals dashboardTotals `json:"totals"`
}

type dashboardModel struct {
	Provider string          `json:"provider"`
	Model    string          `json:"model"`
	Totals   dashboardTotals `json:"totals"`
}

// dashboardProvider is a provider as it is now.
type dashboardProvider struct {
	Name     string     `json:"name"`
	Model    string     `json:"model"`
	Phase    string     `json:"phase"`    // of its breaker: closed, open or half_open
	Failures int        `json:"failures"` // in a row
	Error    string     `json:"error"`    // that opened the breaker
	Until    *time.Time `json:"until"`    // the earliest next trial
	Queue    int        `json:"queue"`    // calls that wait for their turn
	InFlight int        `json:"in_flight"`
}

type dashboardSlack struct {
	Sockets     int               `json:"sockets"`
	WantSockets int               `json:"want_sockets"`
	LiveReplies int               `json:"live_replies"`
	Queue       int               `json:"queue"` // turns that nobody works on yet
	Methods     []dashboardMethod `json:"methods"`
}

// dashboardMethod is a method of Slack's Web API as the pacer sees it.
type dashboardMethod struct {
	Method      string     `json:"method"`
	Limit       int        `json:"limit"` // calls a minute
	Used        int        `json:"used"`  // in the last 60 s
	Waiting     int        `json:"waiting"`
	FrozenUntil *time.Time `json:"frozen_until"` // after a 429; null: not frozen
	Granted     uint64     `json:"granted"`      // since the start
	Refused     uint64     `json:"refused"`      // answered 429
}

type dashboardFeedback struct {
	Up     int                `json:"up"`
	Down   int                `json:"down"`
	Recent []dashboardVerdict `json:"recent"` // 👎 first, then the newest
}

type dashboardVerdict struct {
	At        time.Time `json:"at"`
	Verdict   int       `json:"verdict"` // 1: 👍, -1: 👎
	TurnID    string    `json:"turn_id"`
	UserID    string    `json:"user_id"`
	User      string    `json:"user"` // name; "": not known
	ChannelID string    `json:"channel_id"`
	Provider  string    `json:"provider"`
	Model     string    `json:"model"`
	Link      string    `json:"link"` // to the message in Slack; "": none
}

// dashboardBudget is a limit and what is spent of it. A limit of 0 does not bind.
type dashboardBudget struct {
	Scope           string     `json:"scope"` // user, channel or workspace
	ID              string     `json:"id"`
	Name            string     `json:"name"`
	Link            string     `json:"link"`
	Period          string     `json:"period"` // day or month
	Tokens          int64      `json:"tokens"`
	TokenLimit      int64      `json:"token_limit"`
	NanoUSD         int64      `json:"nano_usd"`
	NanoUSDLimit    int64      `json:"nano_usd_limit"`
	ReservedTokens  int64      `json:"reserved_tokens"` // by answers under way, beside what is spent
	ReservedNanoUSD int64      `json:"reserved_nano_usd"`
	Lifted          bool       `json:"lifted"` // by an admin
	Until           *time.Time `json:"until"`  // of the lifting
}

type dashboardStore struct {
	Bytes     int64  `json:"bytes"`
	FreeBytes int64  `json:"free_bytes"`    // of bytes, for the next writes
	CommitP50 int64  `json:"commit_p50_us"` // since the start
	CommitP99 int64  `json:"commit_p99_us"`
	Problem   string `json:"problem"` // "": none
}
