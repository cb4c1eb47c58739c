package boltstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/bobbin-bot/bobbin/storage"
)

// Finish implements [storage.Store].
func (s *Store) Finish(ctx context.Context, l storage.Lease, r storage.Result) (storage.Turn, error) {
	r.Messages, r.Usage = slices.Clone(r.Messages), cloneUsage(r.Usage)
	var turn storage.Turn
	if err := s.writer.submit(ctx, func(c *change) (err error) {
		turn, err = s.finish(c, l, r)
		return err
	}); err != nil {
		return storage.Turn{}, fmt.Errorf("finish turn %s: %w", r.TurnID, err)
	}
	return turn, nil
}

func (s *Store) finish(c *change, l storage.Lease, r storage.Result) (storage.Turn, error) {
	th, turn, err := s.leased(c, l, r.TurnID)
	if err != nil {
		return turn, err
	}
	if r.From == storage.StateFinal {
		// A second time would append and charge everything again.
		return turn, fmt.Errorf("%w: a turn is finished once", storage.ErrConflict)
	}
	if err := follows(&turn, r.From, storage.StateFinal); err != nil {
		return turn, err
	}
	turn.State, turn.UpdatedAt, turn.Answer = storage.StateFinal, r.At, r.Answer
	turn.Calls, turn.Prompt = r.Usage, r.Prompt
	c.putTurn(th, &turn)
	for i := range r.Messages {
		th.last++
		c.put(bucketThread, messageKey(th.key, th.last), encodeMessage(&r.Messages[i]))
	}
	if r.HistoryFrom != 0 {
		th.from = r.HistoryFrom
	}
	c.putThread(th)
	return turn, s.recordUsage(c, r.Usage)
}
