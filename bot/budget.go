package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

// Budget bounds what is spent. Zero limits nothing. Calls whose price is unknown
// count in tokens only.
type Budget struct {
	User      Limits // each user
	Channel   Limits // each channel, direct messages too
	Workspace Limits
}

// Limits bound a day (UTC) and a calendar month (UTC). 0 means no limit.
type Limits struct {
	DailyTokens, DailyNanoUSD     int64
	MonthlyTokens, MonthlyNanoUSD int64
}

// of is the list of limits that bind somebody.
func (l Limits) of(scope storage.Scope, id string) []storage.Limit {
	var list []storage.Limit
	if l.DailyTokens > 0 || l.DailyNanoUSD > 0 {
		list = append(list, storage.Limit{Scope: scope, ID: id, Period: storage.PerDay, Tokens: l.DailyTokens, NanoUSD: l.DailyNanoUSD})
	}
	if l.MonthlyTokens > 0 || l.MonthlyNanoUSD > 0 {
		list = append(list, storage.Limit{Scope: scope, ID: id, Period: storage.PerMonth, Tokens: l.MonthlyTokens, NanoUSD: l.MonthlyNanoUSD})
	}
	return list
}

// Limits are all that bind a question. "" leaves a scope out.
func (b Budget) Limits(userID, channelID string) []storage.Limit {
	var list []storage.Limit
	if userID != "" {
		list = b.User.of(storage.ScopeUser, userID)
	}
	if channelID != "" {
		list = append(list, b.Channel.of(storage.ScopeChannel, channelID)...)
	}
	return append(list, b.Workspace.of(storage.ScopeWorkspace, "")...)
}

// reserve notes what an answer may cost before the model is asked. That is one
// call: it is an estimate of the prompt and all the tokens an answer may have, at
// the dearest of the providers, any of which may have to answer. What a crash cuts
// off is found by it, so it is noted without limits too.
func (b *Bot) reserve(ctx context.Context, turn storage.Turn, req llm.Request) error {
	r := storage.Reservation{
		TurnID: turn.ID, UserID: turn.UserID, ChannelID: turn.Key.ChannelID, ThreadTS: turn.Key.ThreadTS,
		Provider: b.o.Provider.Name(), Model: req.Model, At: time.Now(),
		InputTokens: int64(b.o.Estimator.Request(req.Model, req)), OutputTokens: int64(b.o.Chat.MaxOutputTokens),
	}
	usage := llm.Usage{InputTokens: r.InputTokens, OutputTokens: r.OutputTokens}
	first := true
	for _, o := range b.o.Offers {
		if !o.Configured {
			continue
		}
		if first {
			r.Provider, r.Model, first = o.Provider, o.Model, false
			if o.Price != nil {
				price := storage.Price(*o.Price)
				r.Price = &price
			}
		}
		if o.Price != nil {
			r.NanoUSD = max(r.NanoUSD, o.Price.Cost(usage))
		}
	}
	err := b.o.Store.Reserve(ctx, r, b.o.Budget.Limits(turn.UserID, turn.Key.ChannelID))
	if over, ok := errors.AsType[*storage.OverBudgetError](err); ok {
		b.log.Info("over budget", "turn", turn.ID, "scope", over.Spend.Scope, "period", over.Spend.Period)
		return budgetError(b.overBudget(ctx, over.Spend, turn, time.Now()))
	}
	return err
}

// settle records what a turn's calls have cost and ends its reservation.
func (b *Bot) settle(ctx context.Context, turnID string, rows []storage.UsageRow) error {
	if err := b.o.Store.Settle(context.WithoutCancel(ctx), turnID, rows); err != nil {
		return fmt.Errorf("record usage: %w", err)
	}
	return nil
}

// settleAnswer does so for an answering that came to nothing.
func (b *Bot) settleAnswer(ctx context.Context, turn storage.Turn, a answer) error {
	if !a.reserved && len(a.usage) == 0 {
		return nil
	}
	return b.settle(ctx, turn.ID, a.usage)
}

// settleLost records the call that an earlier process was in the middle of. What
// it cost nobody knows: the prompt, as it was estimated, and the text that had
// been stored.
func (b *Bot) settleLost(ctx context.Context, r storage.Reservation, text string) error {
	turn := storage.Turn{ID: r.TurnID, UserID: r.UserID, Key: storage.ConversationKey{ChannelID: r.ChannelID, ThreadTS: r.ThreadTS}}
	row := UsageRow(turn, llm.Attempt{
		Provider: r.Provider, Model: r.Model, Start: r.At, Price: (*llm.Price)(r.Price),
		Usage: llm.Usage{
			InputTokens: r.InputTokens, OutputTokens: min(r.OutputTokens, int64(b.o.Estimator.Text(r.Model, len(text)))), Estimated: true,
		},
	})
	row.Outcome = storage.OutcomeLost
	b.log.Info("a model call was cut off; booked as an estimate", "turn", r.TurnID, "provider", r.Provider, "tokens", row.InputTokens+row.OutputTokens)
	return b.settle(ctx, r.TurnID, []storage.UsageRow{row})
}

// settleTurn does so for the turn that is being taken up again.
func (b *Bot) settleTurn(ctx context.Context, turn storage.Turn) error {
	list, err := b.o.Store.Reservations(ctx, time.Now())
	if err != nil {
		return fmt.Errorf("read reservations: %w", err)
	}
	for _, r := range list {
		if r.TurnID == turn.ID {
			return b.settleLost(ctx, r, turn.Answer)
		}
	}
	return nil
}

// longestTurn is more than any answer takes: a reservation that is older belongs
// to a turn that nobody will take up again, such as one whose question was deleted
// while we were down.
const longestTurn = time.Hour

func (b *Bot) settleAbandoned(ctx context.Context) error {
	list, err := b.o.Store.Reservations(ctx, time.Now().Add(-longestTurn))
	if err != nil {
		return fmt.Errorf("read reservations: %w", err)
	}
	for _, r := range list {
		if turn, err := b.o.Store.Turn(ctx, r.TurnID); err == nil && !turn.State.Terminal() {
			continue // waits for a provider, or will be taken up
		}
		if err := b.settleLost(ctx, r, ""); err != nil {
			return err
		}
	}
	return nil
}

// budgetError refuses a turn; its text is for the person.
type budgetError string

func (e budgetError) Error() string { return string(e) }

// overBudget says what is used up, until when, and whom to ask.
func (b *Bot) overBudget(ctx context.Context, s storage.Spend, turn storage.Turn, now time.Time) string {
	whose := whoseBudget(s.Scope)
	verb := "is used up"
	if s.Share() < 1 {
		verb = "has no room for this question"
	}
	text := strings.ToUpper(whose[:1]) + whose[1:] + " for " + periodName(s.Period) + " " + verb + ": " + spendText(s) + "."
	if s.ReservedTokens > 0 {
		text += " Answers being written may take the rest; it may fit when they are done."
	}
	return text + " It starts anew in " + untilAfter(s.Last, now) + " (" + momentAfter(s.Last) + "). " +
		b.whoLifts(ctx, s, turn.UserID)
}

// whoLifts says who can do something about a limit, by name: a mention would
// call them.
func (b *Bot) whoLifts(ctx context.Context, s storage.Spend, userID string) string {
	target := string(s.Scope)
	if s.Scope == storage.ScopeUser {
		target = "@" + b.nameOf(ctx, userID)
	}
	var names []string
	for _, id := range b.o.Access.Admins {
		names = append(names, b.nameOf(ctx, id))
	}
	if len(names) == 0 {
		return "Ask whoever runs me: the limits are in my configuration, under `budget`."
	}
	who := names[len(names)-1]
	if len(names) > 1 {
		who = strings.Join(names[:len(names)-1], ", ") + " or " + who
	}
	return "Ask " + who + ", who can lift it for today: `" + b.o.Command + " lift " + target + "`."
}

// whoseBudget is the limit's, for somebody whom it binds.
func whoseBudget(s storage.Scope) string {
	switch s {
	case storage.ScopeUser:
		return "your budget"
	case storage.ScopeChannel:
		return "this channel's budget"
	}
	return "the workspace's budget"
}

// momentAfter is when a day is over, and untilAfter how long that is from now.
func momentAfter(last storage.Day) string { return (last + 1).Time().Format("2 January, 15:04 MST") }

func untilAfter(last storage.Day, now time.Time) string { return roundUp((last + 1).Time().Sub(now)) }

func periodName(p storage.Period) string {
	if p == storage.PerMonth {
		return "this month"
	}
	return "today"
}

// spendText is what of a limit is spent.
func spendText(s storage.Spend) string {
	var parts []string
	if s.Tokens > 0 {
		parts = append(parts, thousands(s.SpentTokens)+" of "+count(s.Tokens, "token"))
	}
	if s.NanoUSD > 0 {
		parts = append(parts, usd(s.SpentNanoUSD)+" of "+usd(s.NanoUSD))
	}
	return strings.Join(parts, ", ")
}
