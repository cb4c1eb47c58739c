package boltstore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

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
	totals := make(map[string]*storage.UsageTotal, 1)
	for i := range rows {
		r := &rows[i]
		c.put(bucketLedger, ledgerKey(r.At.Unix(), s.unique()), encodeUsageRow(r))
		t := storage.UsageTotal{
			Day:       storage.DayOf(r.At),
			UserID:    r.UserID,
			ChannelID: r.ChannelID,
			Provider:  r.Provider,
			Model:     r.Model,
		}
		key := usageKey(&t)
		total, loaded := totals[string(key)]
		if !loaded {
			payload, ok, err := c.get(bucketUsage, key)
			if err != nil {
				return err
			}
			if ok {
				if t, err = decodeUsageTotal(key, payload); err != nil {
					return damaged(bucketUsage, key, err.Error())
				}
			}
			total = &t
			totals[string(key)] = total
		}
		total.Add(*r)
	}
	for key, total := range totals {
		c.put(bucketUsage, []byte(key), encodeUsageTotal(total))
	}
	return nil
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
	slices.SortFunc(totals, func(a, b storage.UsageTotal) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), strings.Compare(a.UserID, b.UserID),
			strings.Compare(a.ChannelID, b.ChannelID), strings.Compare(a.Provider, b.Provider),
			strings.Compare(a.Model, b.Model))
	})
	return totals, nil
}

func (v view) usage(q storage.UsageQuery) ([]storage.UsageTotal, error) {
	var first, end []byte
	if q.From != 0 {
		first = dayKey(int64(q.From))
		// A total whose key is damaged may have left the range on either side;
		// the loop below meets the other neighbour.
		if err := v.absent(bucketUsage, first); err != nil {
			return nil, err
		}
	}
	if q.To != 0 {
		end = dayKey(int64(q.To) + 1)
	}
	var totals []storage.UsageTotal
	c := v.cursor(bucketUsage)
	for k, record := c.Seek(first); k != nil; k, record = c.Next() {
		payload, err := unseal(bucketUsage, k, record)
		if err != nil {
			return nil, err
		}
		if end != nil && bytes.Compare(k, end) >= 0 {
			break
		}
		t, err := decodeUsageTotal(k, payload)
		if err != nil {
			return nil, damaged(bucketUsage, k, err.Error())
		}
		if (q.UserID == "" || q.UserID == t.UserID) && (q.ChannelID == "" || q.ChannelID == t.ChannelID) {
			totals = append(totals, t)
		}
	}
	return totals, nil
}
