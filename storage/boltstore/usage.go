package boltstore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/bobbin-bot/bobbin/storage"
)

// RecordUsage implements [storage.Store].
func (s *Store) RecordUsage(ctx context.Context, rows []storage.UsageRow) error {
	rows = cloneUsage(rows)
	err := s.writer.submit(ctx, func(c *change) error { return s.recordUsage(c, rows) })
	if err != nil {
		return fmt.Errorf("record usage: %w", err)
	}
	return nil
}

func cloneUsage(rows []storage.UsageRow) []storage.UsageRow {
	rows = slices.Clone(rows)
	for i, r := range rows {
		if r.Price != nil {
			price := *r.Price
			rows[i].Price = &price
		}
	}
	return rows
}

// recordUsage stages rows and the totals they belong to. Totals are kept
// because a question about a year must not read a year of rows.
func (s *Store) recordUsage(c *change, rows []storage.UsageRow) error {
	if len(rows) == 0 {
		return nil
	}
	sums := newTally(c)
	for i := range rows {
		r := &rows[i]
		c.put(bucketLedger, ledgerKey(r.At.Unix(), s.unique()), encodeLedgerRow(r))
		t := totalOf(r)
		t.Add(*r)
		if err := sums.spread(t, 1); err != nil {
			return err
		}
	}
	sums.flush()
	return nil
}

// totalOf is the empty total that a row belongs to.
func totalOf(r *storage.UsageRow) *storage.UsageTotal {
	return &storage.UsageTotal{
		Day: storage.DayOf(r.At), UserID: r.UserID, ChannelID: r.ChannelID, Provider: r.Provider, Model: r.Model,
	}
}

// tally collects what a change adds to totals, because a change does not see
// its own writes.
type tally struct {
	c       *change
	changed map[bucket]map[string]*storage.UsageTotal
}

func newTally(c *change) *tally {
	return &tally{c, map[bucket]map[string]*storage.UsageTotal{bucketUsage: {}, bucketCube: {}}}
}

// spread adds t, or with a sign of -1 takes it away, in the totals and in every
// cube.
func (s *tally) spread(t *storage.UsageTotal, sign int64) error {
	if err := s.add(cubeTotals, t, sign); err != nil {
		return err
	}
	for _, q := range cubes {
		if err := s.add(q, t, sign); err != nil {
			return err
		}
	}
	return nil
}

func (s *tally) add(q *cube, t *storage.UsageTotal, sign int64) error {
	b, key := q.bucket(), q.key(t)
	sum := s.changed[b][string(key)]
	if sum == nil {
		sum = new(storage.UsageTotal)
		payload, ok, err := s.c.get(b, key)
		if err != nil {
			return err
		}
		if ok {
			if err := addTotal(sum, payload); err != nil {
				return damaged(b, key, err.Error())
			}
		}
		s.changed[b][string(key)] = sum
	}
	sum.Merge(t, sign)
	return nil
}

// flush stages the sums. One without calls is gone.
func (s *tally) flush() {
	for b, sums := range s.changed {
		for key, sum := range sums {
			if sum.Calls == 0 {
				s.c.delete(b, []byte(key))
			} else {
				s.c.put(b, []byte(key), encodeUsageTotal(sum))
			}
		}
	}
}

// Usage implements [storage.Store].
func (s *Store) Usage(ctx context.Context, q storage.UsageQuery) ([]storage.UsageTotal, error) {
	var totals []storage.UsageTotal
	err := s.read(ctx, func(v view) (err error) {
		totals, err = v.usage(q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("usage: %w", err)
	}
	return totals, nil
}

func (v view) usage(q storage.UsageQuery) ([]storage.UsageTotal, error) {
	g := newGathering(q)
	for _, s := range plan(q) {
		if err := g.run(v, s); err != nil {
			return nil, err
		}
	}
	return g.totals(), nil
}

// Calls implements [storage.Store]. The cursor is a row's key.
func (s *Store) Calls(ctx context.Context, q storage.UsageQuery, after string, limit int) (rows []storage.UsageRow, next string, err error) {
	first, err := hex.DecodeString(after)
	if err != nil {
		return nil, "", errors.New("calls: the cursor is none of this store's")
	}
	if err := s.read(ctx, func(v view) error {
		rows, next, err = v.calls(q, first, cmp.Or(max(limit, 0), exportLimit))
		return err
	}); err != nil {
		return nil, "", fmt.Errorf("calls: %w", err)
	}
	return rows, next, nil
}

func (v view) calls(q storage.UsageQuery, from []byte, limit int) (rows []storage.UsageRow, next string, err error) {
	var end []byte
	if q.To != 0 {
		end = ledgerKey((q.To + 1).Time().Unix(), 0)
	}
	if q.From != 0 {
		if first := ledgerKey(q.From.Time().Unix(), 0); bytes.Compare(from, first) < 0 {
			from = first
		}
	}
	read := 0
	err = v.span(bucketLedger, from, end, func(k, payload []byte) (bool, error) {
		if len(rows) == limit || read == scanStep {
			next = hex.EncodeToString(k)
			return false, nil
		}
		read++
		row, err := decodeLedgerRow(payload)
		if err != nil {
			return false, damaged(bucketLedger, k, err.Error())
		}
		if (q.UserID == "" || q.UserID == row.UserID) && (q.ChannelID == "" || q.ChannelID == row.ChannelID) &&
			(q.Provider == "" || q.Provider == row.Provider) && (q.Model == "" || q.Model == row.Model) {
			rows = append(rows, row)
		}
		return true, nil
	})
	return rows, next, err
}
