package boltstore

import (
	"bytes"

	"github.com/bobbin-bot/bobbin/storage"
)

// totals makes sure that no usage total is less than its rows. One that is more
// stays: rows may have been lost, and what was spent was spent.
func (s *salvage) totals() error {
	sums := make(map[string]*storage.UsageTotal)
	c := (view{s.out.tx}).cursor(bucketLedger)
	for k, record := c.First(); k != nil; k, record = c.Next() {
		row, err := decodeLedgerRow(record[recordHeader:])
		if err != nil {
			continue
		}
		sum := totalOf(&row)
		key := string(cubeTotals.key(sum))
		if sums[key] == nil {
			sums[key] = sum
		}
		sums[key].Add(row)
	}
	var made batch
	for key, sum := range sums {
		if old := s.out.get(bucketUsage, []byte(key)); old != nil {
			if total, err := decodeUsageTotal([]byte(key), old[recordHeader:]); err == nil {
				atLeast(sum, &total)
			}
		}
		made.put(bucketUsage, []byte(key), encodeUsageTotal(sum))
	}
	if err := made.flush(s.out.put); err != nil {
		return err
	}
	return s.cubes()
}

// atLeast raises what is less in t than in o.
func atLeast(t, o *storage.UsageTotal) {
	have := o.Sums()
	for i, n := range t.Sums() {
		*n = max(*n, *have[i])
	}
	for i := range t.FirstToken {
		t.FirstToken[i] = max(t.FirstToken[i], o.FirstToken[i])
		t.Duration[i] = max(t.Duration[i], o.Duration[i])
	}
}

// cubes makes them of the totals.
func (s *salvage) cubes() error {
	var made batch
	r := newRolling(made.cube)
	for next := []byte{}; next != nil; {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		// Read some, then write: a cursor does not outlive a write.
		c := (view{s.out.tx}).cursor(bucketUsage)
		k, record := c.Seek(next)
		for ; k != nil && !made.full(); k, record = c.Next() {
			if t, err := decodeUsageTotal(k, record[recordHeader:]); err == nil {
				r.add(&t)
			}
		}
		if next = bytes.Clone(k); k == nil {
			r.end()
		}
		if err := made.flush(s.out.put); err != nil {
			return err
		}
	}
	return nil
}
