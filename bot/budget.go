package bot

import (
	"context"
	"fmt"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// budgetError refuses a turn; its text is for the person.
type budgetError string

func (e budgetError) Error() string { return string(e) }

// checkBudget refuses a turn of a user, or a workspace, whose day is spent.
func (b *Bot) checkBudget(ctx context.Context, userID string) error {
	limit := b.o.Budget
	if limit == (Budget{}) {
		return nil
	}
	now := time.Now()
	today := storage.DayOf(now)
	user, err := b.spent(ctx, storage.UsageQuery{From: today, To: today, UserID: userID})
	if err != nil {
		return err
	}
	reset := fmt.Sprintf("It starts anew in %s. Admins can raise it in my configuration.",
		roundUp((today + 1).Time().Sub(now)))
	switch {
	case limit.UserDailyTokens > 0 && user.InputTokens+user.OutputTokens >= limit.UserDailyTokens:
		return budgetError("You have used your tokens for today. " + reset)
	case limit.UserDailyNanoUSD > 0 && user.CostNanoUSD >= limit.UserDailyNanoUSD:
		return budgetError("You have used your budget for today. " + reset)
	case limit.WorkspaceDailyNanoUSD > 0:
		all, err := b.spent(ctx, storage.UsageQuery{From: today, To: today})
		if err != nil {
			return err
		}
		if all.CostNanoUSD >= limit.WorkspaceDailyNanoUSD {
			return budgetError("This workspace has used its budget for today. " + reset)
		}
	}
	return nil
}

func (b *Bot) spent(ctx context.Context, q storage.UsageQuery) (storage.UsageTotal, error) {
	totals, err := b.o.Store.Usage(ctx, q)
	if err != nil {
		return storage.UsageTotal{}, fmt.Errorf("read usage: %w", err)
	}
	return sum(totals), nil
}
