package bot

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/storage"
)

// thresholds of a limit at which people are told that it comes near.
var thresholds = [...]float64{0.95, 0.75}

// noticeBudget tells those concerned, once in a period and threshold, that what a
// turn has just cost brings a limit near: whoever asked, and the admins if it is
// everybody's. A failure costs a notice, not the answer.
func (b *Bot) noticeBudget(ctx context.Context, turn storage.Turn, rows []storage.UsageRow) {
	limits := b.o.Budget.Limits(turn.UserID, turn.Key.ChannelID)
	if len(limits) == 0 || len(rows) == 0 {
		return
	}
	var cost storage.UsageTotal
	for _, r := range rows {
		cost.Add(r)
	}
	now := time.Now()
	spends, err := b.o.Store.Spent(ctx, limits, now)
	if err != nil {
		b.log.Error("budgets not read", "err", b.storeError(err))
		return
	}
	for _, s := range spends {
		before := s
		before.SpentTokens -= cost.Tokens()
		before.SpentNanoUSD -= cost.CostNanoUSD
		for _, at := range thresholds {
			if s.Lifted || s.Share() < at || before.Share() >= at {
				continue
			}
			if err := b.notice(ctx, turn, s, at, now); err != nil {
				b.log.Error("budget notice not given", "scope", s.Scope, "err", b.storeError(err))
			}
			break // the higher one says it all
		}
	}
}

func (b *Bot) notice(ctx context.Context, turn storage.Turn, s storage.Spend, at float64, now time.Time) error {
	key := storage.DedupeKey{Kind: "budget", Value: fmt.Sprintf("%s:%s:%s:%s:%v", s.Scope, s.ID, s.Period, s.First, at)}
	fresh, err := b.o.Store.Once(ctx, []storage.DedupeKey{key}, now)
	if err != nil || !fresh {
		return err
	}
	b.log.Info("a budget comes near", "scope", s.Scope, "id", s.ID, "period", s.Period, "share", at)
	text := fmt.Sprintf("%.0f %% of %s for %s is used: %s. It starts anew in %s.", 100*s.Share(), whoseBudget(s.Scope), periodName(s.Period),
		spendText(s), untilAfter(s.Last, now))
	if s.Scope != storage.ScopeWorkspace {
		b.whisper(ctx, turn.Key.ChannelID, turn.UserID, turn.Key.ThreadTS, text)
		return nil
	}
	for _, admin := range b.o.Access.Admins {
		if err := b.direct(ctx, admin, text); err != nil {
			b.log.Warn("admin not told of a budget", "user", admin, "err", err)
		}
	}
	return nil
}

// direct writes to somebody in their direct message with the bot.
func (b *Bot) direct(ctx context.Context, userID, text string) error {
	dm, err := b.openDirect(ctx, userID)
	if err != nil {
		return err
	}
	return b.sayIn(ctx, dm, text)
}

// sayIn writes a message of our own words into a channel.
func (b *Bot) sayIn(ctx context.Context, channelID, text string, blocks ...slack.Block) error {
	return b.insist(ctx, call{method: methodPost, channel: channelID, rank: rankMust}, func(ctx context.Context) error {
		opts := []slack.MsgOption{slack.MsgOptionText(text, false), slack.MsgOptionParse(false), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl()}
		if len(blocks) > 0 {
			opts = append(opts, slack.MsgOptionBlocks(blocks...))
		}
		_, _, err := b.api.PostMessageContext(ctx, channelID, opts...)
		return err
	})
}

// lift lets somebody spend beyond their limits until the day (UTC) is over.
func (b *Bot) lift(ctx context.Context, who actor, args []string) string {
	if !b.o.Access.admin(who.UserID) {
		return "Only admins may lift a budget. Admins are listed in my configuration."
	}
	if b.o.Budget == (Budget{}) {
		return "There is no budget to lift: my configuration sets none."
	}
	now := time.Now()
	l := storage.Lift{Day: storage.DayOf(now), By: who.UserID, At: now}
	whose := ""
	target := ""
	if len(args) == 1 {
		target = args[0]
	}
	switch m := userMention.FindStringSubmatch(strings.ToUpper(target)); {
	case target == "me":
		l.Scope, l.ID, whose = storage.ScopeUser, who.UserID, "Your limits are"
	case target == "channel":
		l.Scope, l.ID, whose = storage.ScopeChannel, who.ChannelID, "This channel's limits are"
	case target == "workspace":
		l.Scope, whose = storage.ScopeWorkspace, "The workspace's limits are"
	case m != nil:
		l.Scope, l.ID = storage.ScopeUser, m[1]
		whose = "The limits of <@" + l.ID + "> are"
	default:
		return "Whose limits? `" + b.o.Command + " lift me`, `channel`, `workspace`, or `@somebody`. They are lifted until the day is over (UTC)."
	}
	if err := b.o.Store.Lift(ctx, l); err != nil {
		b.log.Error("budget not lifted", "err", b.storeError(err))
		return "I cannot write to my records right now. Please try again in a moment."
	}
	b.log.Info("budget lifted", "scope", l.Scope, "id", l.ID, "by", who.UserID)
	return whose + " lifted until " + momentAfter(l.Day) + ", in " + untilAfter(l.Day, l.At) +
		". Other limits that bind the same question stay: each has to be lifted by itself."
}
