package boltstore

import (
	"bytes"

	"github.com/bobbin-bot/bobbin/storage"
)

// putEncoded stores a record that was made anew.
func (s *salvage) putEncoded(b bucket, key []byte, e *encoder) error {
	return s.out.put(b, key, e.seal(b, key))
}

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
	for key, sum := range sums {
		if old := s.out.get(bucketUsage, []byte(key)); old != nil {
			if total, err := decodeUsageTotal([]byte(key), old[recordHeader:]); err == nil {
				atLeast(sum, &total)
			}
		}
		if err := s.putEncoded(bucketUsage, []byte(key), encodeUsageTotal(sum)); err != nil {
			return err
		}
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
	r := newRolling(func(key []byte, sum *storage.UsageTotal) error {
		return s.putEncoded(bucketCube, key, encodeUsageTotal(sum))
	})
	for next := []byte{}; next != nil; {
		// Read some, then write: a cursor does not outlive a write.
		var some []storage.UsageTotal
		c := (view{s.out.tx}).cursor(bucketUsage)
		k, record := c.Seek(next)
		for ; k != nil && len(some) < 1000; k, record = c.Next() {
			if t, err := decodeUsageTotal(k, record[recordHeader:]); err == nil {
				some = append(some, t)
			}
		}
		next = bytes.Clone(k)
		for i := range some {
			if err := r.add(&some[i]); err != nil {
				return err
			}
		}
	}
	return r.end()
}
