package boltstore

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// What a record in bucketBudget is; the first byte of its key.
const (
	budgetReserved = 0 // turn id
	budgetLifted   = 1 // day, scope, id
)

func reservationKey(turnID string) []byte { return appendString([]byte{budgetReserved}, turnID) }

func liftKey(day storage.Day, scope storage.Scope, id string) []byte {
	k := appendInt([]byte{budgetLifted}, int64(day))
	return appendString(appendString(k, string(scope)), id)
}

// Reserve implements [storage.Store]. The writer runs one call after the other,
// and each sees what those before it have reserved.
func (s *Store) Reserve(ctx context.Context, r storage.Reservation, limits []storage.Limit) error {
	limits = slices.Clone(limits)
	if r.Price != nil {
		price := *r.Price
		r.Price = &price
	}
	if err := s.writer.submit(ctx, func(c *change) error {
		for _, l := range limits {
			if !l.Binds(&r) {
				continue
			}
			spend, err := c.spend(l, r.At, r.TurnID)
			if err != nil {
				return err
			}
			if !spend.Reserve(&r) {
				return &storage.OverBudgetError{Spend: spend}
			}
		}
		c.put(bucketBudget, reservationKey(r.TurnID), encodeReservation(&r))
		return nil
	}); err != nil {
		return fmt.Errorf("reserve for turn %s: %w", r.TurnID, err)
	}
	return nil
}

// Settle implements [storage.Store].
func (s *Store) Settle(ctx context.Context, turnID string, rows []storage.UsageRow) error {
	rows = cloneUsage(rows)
	if err := s.writer.submit(ctx, func(c *change) error {
		c.release(turnID)
		return s.recordUsage(c, rows)
	}); err != nil {
		return fmt.Errorf("settle turn %s: %w", turnID, err)
	}
	return nil
}

// release stages the end of a turn's reservation, if it has one.
func (c *change) release(turnID string) {
	key := reservationKey(turnID)
	if c.exists(bucketBudget, key) {
		c.delete(bucketBudget, key)
	}
}

// Reservations implements [storage.Store].
func (s *Store) Reservations(ctx context.Context, before time.Time) ([]storage.Reservation, error) {
	var list []storage.Reservation
	if err := s.read(ctx, func(v view) error {
		for r, err := range v.reservations() {
			if err != nil {
				return err
			}
			if r.At.Before(before) {
				list = append(list, r)
			}
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("reservations: %w", err)
	}
	return list, nil
}

// Spent implements [storage.Store].
func (s *Store) Spent(ctx context.Context, limits []storage.Limit, at time.Time) ([]storage.Spend, error) {
	list := make([]storage.Spend, 0, len(limits))
	if err := s.read(ctx, func(v view) error {
		for _, l := range limits {
			spend, err := v.spend(l, at, "")
			if err != nil {
				return err
			}
			list = append(list, spend)
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("spent: %w", err)
	}
	return list, nil
}

// spend says how a limit stands, without what turn except has reserved.
func (v view) spend(l storage.Limit, at time.Time, except string) (storage.Spend, error) {
	spend := storage.Spend{Limit: l}
	spend.First, spend.Last = l.Period.Days(at)
	q := storage.UsageQuery{From: spend.First, To: spend.Last, By: storage.ByProvider}
	switch l.Scope {
	case storage.ScopeUser:
		q.UserID = l.ID
	case storage.ScopeChannel:
		q.ChannelID = l.ID
	}
	if l.Scope == storage.ScopeWorkspace || l.ID != "" { // "" would ask for everybody's
		totals, err := v.usage(q)
		if err != nil {
			return spend, err
		}
		sum := storage.Sum(totals)
		spend.SpentTokens, spend.SpentNanoUSD = sum.Tokens(), sum.CostNanoUSD
	}
	for r, err := range v.reservations() {
		if err != nil {
			return spend, err
		}
		if day := storage.DayOf(r.At); r.TurnID != except && l.Binds(&r) && day >= spend.First && day <= spend.Last {
			spend.Add(&r)
		}
	}
	var err error
	spend.Lifted, err = v.lifted(storage.DayOf(at), l)
	return spend, err
}

// reservations yields all, of which there are as many as answers under way. It
// ends with the first error.
func (v view) reservations() iter.Seq2[storage.Reservation, error] {
	return func(yield func(storage.Reservation, error) bool) {
		err := v.span(bucketBudget, []byte{budgetReserved}, []byte{budgetReserved + 1}, func(k, payload []byte) (bool, error) {
			r, err := decodeReservation(k, payload)
			if err != nil {
				return false, damaged(bucketBudget, k, err.Error())
			}
			return yield(r, nil), nil
		})
		if err != nil {
			yield(storage.Reservation{}, err)
		}
	}
}

func (v view) lifted(day storage.Day, l storage.Limit) (bool, error) {
	key := liftKey(day, l.Scope, l.ID)
	_, ok, err := v.get(bucketBudget, key)
	if err == nil && !ok {
		err = v.absent(bucketBudget, key)
	}
	return ok, err
}

// Lift implements [storage.Store].
func (s *Store) Lift(ctx context.Context, l storage.Lift) error {
	if err := s.writer.submit(ctx, func(c *change) error {
		e := newEncoder(32)
		e.string(l.By)
		e.time(l.At)
		c.put(bucketBudget, liftKey(l.Day, l.Scope, l.ID), e)
		return nil
	}); err != nil {
		return fmt.Errorf("lift: %w", err)
	}
	return nil
}

func encodeReservation(r *storage.Reservation) *encoder {
	e := newEncoder(128)
	for _, s := range [...]string{r.UserID, r.ChannelID, r.ThreadTS, r.Provider, r.Model} {
		e.string(s)
	}
	e.price(r.Price)
	e.time(r.At)
	for _, n := range [...]int64{r.InputTokens, r.OutputTokens, r.NanoUSD} {
		e.int(n)
	}
	return e
}

func decodeReservation(key, payload []byte) (storage.Reservation, error) {
	k := keyReader{decoder{b: key[1:]}}
	r := storage.Reservation{TurnID: k.string()}
	d := decoder{b: payload}
	for _, s := range [...]*string{&r.UserID, &r.ChannelID, &r.ThreadTS, &r.Provider, &r.Model} {
		*s = d.string()
	}
	r.Price = d.price()
	r.At = d.time()
	for _, n := range [...]*int64{&r.InputTokens, &r.OutputTokens, &r.NanoUSD} {
		*n = d.int()
	}
	if err := k.end(); err != nil {
		return r, err
	}
	return r, d.end()
}
