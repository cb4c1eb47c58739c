package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

// recorder writes what the model side does to the log, and into the ledger what
// was spent without a question: the bot records those itself.
type recorder struct {
	log   *slog.Logger
	store storage.Store // nil if nothing is probed
}

func (r *recorder) Record(ctx context.Context, e llm.Event) {
	switch {
	case e.Breaker != nil:
		logBreaker(r.log, *e.Breaker)
	case e.Denied != nil:
		r.log.Warn("not tried again: too many retries already", "provider", e.Denied.Provider, "class", e.Denied.Class)
	case e.Switch != nil:
		level := slog.LevelInfo
		if e.Switch.Class == llm.ClassLocal {
			level = slog.LevelDebug // the breaker's line has said so
		}
		r.log.Log(ctx, level, "asking another provider", "from", e.Switch.From, "to", e.Switch.To, "class", e.Switch.Class, "restart", e.Switch.Restart)
	case e.Attempt != nil && e.Attempt.Probe:
		r.log.Debug("provider probed", "provider", e.Attempt.Provider, "outcome", e.Attempt.Outcome())
		row := bot.UsageRow(storage.Turn{}, *e.Attempt)
		// A probe that shutdown cuts off was paid for like any other.
		if err := r.store.RecordUsage(context.WithoutCancel(ctx), []storage.UsageRow{row}); err != nil {
			r.log.Error("usage of a probe not recorded", "err", err)
		}
	}
}

// recorders pass an event on to each of them, in order.
type recorders []llm.Recorder

func (rs recorders) Record(ctx context.Context, e llm.Event) {
	for _, r := range rs {
		r.Record(ctx, e)
	}
}

func logBreaker(log *slog.Logger, s llm.BreakerState) {
	attrs := []any{"provider", s.Provider, "phase", s.Phase}
	if s.LastErr != nil {
		attrs = append(attrs, "err", s.LastErr)
	}
	if s.Phase == llm.BreakerOpen {
		log.Warn("provider paused", append(attrs, "until", s.Until.Format(time.RFC3339))...)
		return
	}
	log.Info("provider breaker", attrs...)
}
