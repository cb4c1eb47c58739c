package bot

import (
	"context"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

const (
	purgeEvery = time.Hour
	purgeStep  = 100 // deletions in one write, so that turns need not wait
)

// purgeRegularly deletes what has expired until ctx ends.
func (b *Bot) purgeRegularly(ctx context.Context) {
	for {
		if err := b.purge(ctx, time.Now()); err != nil && ctx.Err() == nil {
			b.log.Error("purge", "err", b.storeError(err))
		}
		if err := b.settleAbandoned(ctx); err != nil && ctx.Err() == nil {
			b.log.Error("abandoned reservations not settled", "err", b.storeError(err))
		}
		if sleep(ctx, purgeEvery) != nil {
			return
		}
	}
}

func (b *Bot) purge(ctx context.Context, now time.Time) error {
	before := storage.Before{Dedupe: now.Add(-storage.DedupeTTL)}
	if d := b.o.Retention.Conversations; d > 0 {
		before.Conversations = now.Add(-d)
	}
	if d := b.o.Retention.Usage; d > 0 {
		before.Usage = now.Add(-d)
	}
	total := 0
	for {
		n, err := b.o.Store.Purge(ctx, before, purgeStep)
		total += n
		if err != nil {
			return err
		}
		if n < purgeStep {
			if total > 0 {
				b.log.Info("purged expired records", "count", total)
			}
			return nil
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}
