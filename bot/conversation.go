package bot

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

const (
	leaseTTL   = 15 * time.Second
	leaseRenew = 5 * time.Second
)

// conversations knows which conversation has a worker.
type conversations struct {
	mu      sync.Mutex
	woken   map[storage.ConversationKey]bool // a worker is at it: was it woken again?
	closing bool
}

// enter makes the caller the conversation's worker. If there is one already it
// is told to look again, and enter returns false.
func (c *conversations) enter(key storage.ConversationKey) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, busy := c.woken[key]
	c.woken[key] = busy
	return !busy
}

// leave ends the caller's work on the conversation, or returns false if it was
// woken meanwhile and has to look again.
func (c *conversations) leave(key storage.ConversationKey, final bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.woken[key] && !final && !c.closing {
		c.woken[key] = false
		return false
	}
	delete(c.woken, key)
	return true
}

// close lets workers finish the turn they are at, and no other.
func (c *conversations) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
}

func (c *conversations) closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// wake makes sure that a worker looks at the conversation after this call.
func (b *Bot) wake(key storage.ConversationKey) {
	b.spawn <- func(ctx context.Context) {
		b.sockets.rush.wait(ctx, rushPatience)
		b.converse(ctx, key)
	}
}

// converse answers the conversation's turns until none is open, unless another
// worker does.
func (b *Bot) converse(ctx context.Context, key storage.ConversationKey) {
	c := &b.conversations
	if !c.enter(key) {
		return
	}
	for {
		err := b.workThrough(ctx, key)
		if errors.Is(err, storage.ErrConflict) && ctx.Err() == nil && sleep(ctx, 100*time.Millisecond) == nil && !c.closed() {
			b.log.Info("a turn was changed meanwhile, looking again", "conversation", key, "err", err)
			continue
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, storage.ErrFailed) {
			b.log.Error("conversation stopped, trying again", "conversation", key, "err", err)
			if sleep(ctx, 5*time.Second) == nil && !c.closed() {
				continue
			}
		}
		if c.leave(key, err != nil) {
			return
		}
	}
}

// workThrough leases the conversation and answers its open turns in the order
// of their Slack ts.
func (b *Bot) workThrough(ctx context.Context, key storage.ConversationKey) error {
	lease, err := b.o.Store.Acquire(ctx, key, b.owner, time.Now(), leaseTTL)
	if err != nil {
		return b.storeError(fmt.Errorf("lease: %w", err))
	}
	ctx, release := b.keepLease(ctx, lease)
	defer release()
	for !b.conversations.closed() {
		turn, err := b.nextOpenTurn(ctx, lease)
		if err != nil || turn == nil {
			return b.storeError(err)
		}
		if err := b.runTurn(ctx, lease, *turn); err != nil {
			return b.storeError(err)
		}
	}
	return nil
}

// nextOpenTurn returns the oldest open turn, or nil. Messages that waited
// while another was answered become one turn: their authors want one answer
// that knows them all. One that was stopped is not part of it, and goes first.
func (b *Bot) nextOpenTurn(ctx context.Context, lease storage.Lease) (*storage.Turn, error) {
	turns, err := b.o.Store.Open(ctx, lease.Key)
	if err != nil || len(turns) == 0 {
		return nil, err
	}
	n := 0
	for n < len(turns) && turns[n].State == storage.StateReceived {
		if turns[n].Stopped || b.live.isDoomed(turns[n].ID) {
			return &turns[n], nil
		}
		n++
	}
	if n < 2 {
		return &turns[0], nil
	}
	from := make([]string, n-1)
	for i := range from {
		from[i] = turns[i].ID
	}
	joined, err := b.o.Store.Join(ctx, lease, turns[n-1].ID, from, time.Now())
	return &joined, err
}

// keepLease renews the lease until release is called. The context it returns
// ends if the lease is lost.
func (b *Bot) keepLease(ctx context.Context, lease storage.Lease) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(leaseRenew)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				if _, err := b.o.Store.Renew(ctx, lease, now, leaseTTL); err != nil && ctx.Err() == nil {
					cancel(fmt.Errorf("renew lease: %w", err))
					return
				}
			}
		}
	})
	return ctx, func() {
		cancel(nil)
		wg.Wait()
		if err := b.o.Store.Release(context.WithoutCancel(ctx), lease); err != nil {
			b.storeError(err)
		}
	}
}

// storeError ends the bot if the store cannot be trusted any more: only a
// restart can tell what was stored. It returns err.
func (b *Bot) storeError(err error) error {
	if errors.Is(err, storage.ErrFailed) {
		b.fail(err)
	}
	return err
}
