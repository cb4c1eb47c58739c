package storage

import (
	"fmt"
	"time"
)

// Scope is whom a [Limit] binds.
type Scope string

const (
	ScopeUser      Scope = "user"
	ScopeChannel   Scope = "channel"
	ScopeWorkspace Scope = "workspace"
)

// Period is how long a [Limit] counts before it starts anew, in UTC.
type Period string

const (
	PerDay   Period = "day"
	PerMonth Period = "month" // a calendar month
)

// Days returns the first and the last day of the period that at is in.
func (p Period) Days(at time.Time) (first, last Day) {
	day := DayOf(at)
	if p != PerMonth {
		return day, day
	}
	y, m, _ := at.UTC().Date()
	return DayOf(time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)), DayOf(time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC))
}

// Limit bounds what may be spent. A call whose price is unknown counts in Tokens
// only.
type Limit struct {
	Scope   Scope
	ID      string // of the user or channel; "" for the workspace
	Period  Period
	Tokens  int64 // input and output; 0: no limit
	NanoUSD int64 // 0: no limit
}

// Reservation is what an answer may cost, noted before the model is asked: it
// counts as spent until the answer's usage is recorded. One that is still there
// after a crash says that a call was cut off.
type Reservation struct {
	TurnID    string // its name: a turn has one reservation at a time
	UserID    string
	ChannelID string
	ThreadTS  string
	Provider  string // who is asked first
	Model     string
	Price     *Price
	At        time.Time

	InputTokens  int64
	OutputTokens int64
	NanoUSD      int64
}

func (r *Reservation) tokens() int64 { return r.InputTokens + r.OutputTokens }

// Binds reports whether l counts what the reservation's turn spends.
func (l Limit) Binds(r *Reservation) bool {
	switch l.Scope {
	case ScopeUser:
		return l.ID == r.UserID
	case ScopeChannel:
		return l.ID == r.ChannelID
	}
	return true
}

// Spend is how a [Limit] stands.
type Spend struct {
	Limit
	First, Last     Day // of the period
	SpentTokens     int64
	SpentNanoUSD    int64
	ReservedTokens  int64 // by answers under way
	ReservedNanoUSD int64
	Lifted          bool // by an admin, for the day
}

// Reserve adds a reservation, unless it is one too many. One that would go
// beyond the limit is let through if nothing else is reserved and something is
// left: whoever has a little left could never use it otherwise, and all together
// overspend by one reservation at most.
func (s *Spend) Reserve(r *Reservation) bool {
	fits := func(limit, spent, reserved, want int64) bool {
		return limit == 0 || spent < limit && (reserved == 0 || spent+reserved+want <= limit)
	}
	if !s.Lifted && !(fits(s.Tokens, s.SpentTokens, s.ReservedTokens, r.tokens()) &&
		fits(s.NanoUSD, s.SpentNanoUSD, s.ReservedNanoUSD, r.NanoUSD)) {
		return false
	}
	s.Add(r)
	return true
}

// Add counts a reservation.
func (s *Spend) Add(r *Reservation) {
	s.ReservedTokens += r.tokens()
	s.ReservedNanoUSD += r.NanoUSD
}

// Share is how much of the limit is spent, 1 being all of it; the larger one of
// tokens and money. What is reserved does not count.
func (s *Spend) Share() float64 {
	share := func(spent, limit int64) float64 {
		if limit == 0 {
			return 0
		}
		return float64(spent) / float64(limit)
	}
	return max(share(s.SpentTokens, s.Tokens), share(s.SpentNanoUSD, s.NanoUSD))
}

// OverBudgetError is the error of a reservation that a limit refuses.
type OverBudgetError struct{ Spend Spend }

func (e *OverBudgetError) Error() string {
	s := e.Spend
	return fmt.Sprintf("storage: %s budget of %s %s is spent: %d of %d tokens, %d of %d nano-USD, and %d tokens, %d nano-USD reserved",
		s.Period, s.Scope, s.ID, s.SpentTokens, s.Tokens, s.SpentNanoUSD, s.NanoUSD, s.ReservedTokens, s.ReservedNanoUSD)
}

// Lift lets somebody spend beyond their limits for a day (UTC).
type Lift struct {
	Scope Scope
	ID    string // as in [Limit]
	Day   Day
	By    string // Slack user id of the admin
	At    time.Time
}
