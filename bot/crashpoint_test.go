package bot_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/storage"
)

// crash kills the bot, as far as the world can tell, at the n-th step: a write
// to the store or a call to Slack. From then on neither reaches it. With after,
// the step itself still takes effect, but the bot never learns of it.
type crash struct {
	storage.Store
	step  atomic.Int64
	at    atomic.Int64
	after bool
}

func crashing(at int64, after bool) *crash {
	c := &crash{after: after}
	c.at.Store(at)
	return c
}

var errCrash = errors.New("the process is dead")

// alive counts a step and reports whether it may be carried out and whether
// its outcome may be told.
func (c *crash) alive() (do, tell bool) {
	n := c.step.Add(1)
	at := c.at.Load()
	return n < at || n == at && c.after, n < at
}

func (c *crash) dead() bool { return c.step.Load() >= c.at.Load() }

// step carries out a write, or what is left of it.
func step[T any](c *crash, do func() (T, error)) (T, error) {
	var out, nothing T
	var err error
	alive, tell := c.alive()
	if alive {
		out, err = do()
	}
	if !tell {
		return nothing, errCrash
	}
	return out, err
}

func (c *crash) Accept(ctx context.Context, t storage.Turn, keys []storage.DedupeKey) (bool, error) {
	return step(c, func() (bool, error) { return c.Store.Accept(ctx, t, keys) })
}

func (c *crash) Advance(ctx context.Context, l storage.Lease, change storage.Change) (storage.Turn, error) {
	return step(c, func() (storage.Turn, error) { return c.Store.Advance(ctx, l, change) })
}

func (c *crash) Finish(ctx context.Context, l storage.Lease, r storage.Result) (storage.Turn, error) {
	return step(c, func() (storage.Turn, error) { return c.Store.Finish(ctx, l, r) })
}

func (c *crash) Join(ctx context.Context, l storage.Lease, into string, from []string, at time.Time) (storage.Turn, error) {
	return step(c, func() (storage.Turn, error) { return c.Store.Join(ctx, l, into, from, at) })
}

func (c *crash) Once(ctx context.Context, keys []storage.DedupeKey, at time.Time) (bool, error) {
	return step(c, func() (bool, error) { return c.Store.Once(ctx, keys, at) })
}

func (c *crash) Amend(ctx context.Context, key storage.ConversationKey, ts string, a storage.Amendment, at time.Time) ([]storage.Turn, error) {
	return step(c, func() ([]storage.Turn, error) { return c.Store.Amend(ctx, key, ts, a, at) })
}

func (c *crash) Reopen(ctx context.Context, r storage.Reopening) (storage.Turn, bool, error) {
	fresh := false
	t, err := step(c, func() (t storage.Turn, err error) {
		t, fresh, err = c.Store.Reopen(ctx, r)
		return t, err
	})
	return t, fresh && err == nil, err
}

func (c *crash) RecordUsage(ctx context.Context, rows []storage.UsageRow) error {
	_, err := step(c, func() (struct{}, error) { return struct{}{}, c.Store.RecordUsage(ctx, rows) })
	return err
}

func (c *crash) Reserve(ctx context.Context, r storage.Reservation, limits []storage.Limit) error {
	_, err := step(c, func() (struct{}, error) { return struct{}{}, c.Store.Reserve(ctx, r, limits) })
	return err
}

func (c *crash) Settle(ctx context.Context, turnID string, rows []storage.UsageRow) error {
	_, err := step(c, func() (struct{}, error) { return struct{}{}, c.Store.Settle(ctx, turnID, rows) })
	return err
}

func (c *crash) SetWatermarks(ctx context.Context, marks []storage.Watermark) error {
	if c.dead() {
		return errCrash
	}
	return c.Store.SetWatermarks(ctx, marks)
}

// crashing puts c between the bot and the world, from the next start on.
func (w *world) crashing(c *crash) {
	w.wrapStore = func(s storage.Store) storage.Store { c.Store = s; return c }
	w.gate = func(r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/chat.") {
			return !c.dead()
		}
		do, tell := c.alive()
		if do && !tell { // it takes effect, and nobody is told
			w.slack.Fault(slacksim.Fault{Method: strings.TrimPrefix(r.URL.Path, "/api/"), LoseResponse: true, Times: 1})
		}
		return do
	}
}

// bury takes away what is left of the dead process.
func (w *world) bury() {
	w.stop()
	<-w.stopped
	w.store.(interface{ Close() error }).Close()
	w.wrapStore, w.gate = nil, nil
}
