package boltstore

import (
	"github.com/bobbin-bot/bobbin/storage"
)

// ledger checks that no day's rows add up to more than its totals say. They may
// add up to less: rows expire before their total, and a salvage may have lost
// some.
func (v *verification) ledger() error {
	day := make(map[string]*storage.UsageTotal)
	var current storage.Day
	settle := func() {
		for key, sum := range day {
			v.total([]byte(key), sum)
		}
		clear(day)
	}
	if err := v.records(bucketLedger, func(key, payload []byte) error {
		if payload == nil {
			return nil
		}
		v.report.UsageRows++
		row, err := decodeLedgerRow(payload)
		k := keyReader{decoder{b: key}}
		if second := k.sortedInt(); err != nil || second != row.At.Unix() {
			v.report.problem("record %q in %s: not a usage row of that second", key, bucketLedger)
			return nil
		}
		total := totalOf(&row)
		if total.Day != current {
			settle()
			current = total.Day
		}
		of := string(cubeTotals.key(total))
		if day[of] == nil {
			day[of] = total
		}
		day[of].Add(row)
		return nil
	}); err != nil {
		return err
	}
	settle()
	return nil
}

func (v *verification) total(key []byte, sum *storage.UsageTotal) {
	payload, ok, err := v.get(bucketUsage, key)
	if err != nil {
		return // reported with the bucket
	}
	if !ok {
		v.report.problem("usage %q has rows and no total", key)
		return
	}
	total, err := decodeUsageTotal(key, payload)
	if err != nil {
		return
	}
	have := total.Sums()
	for i, n := range sum.Sums() {
		if *n > *have[i] {
			v.report.problem("usage %q: the rows add up to more than the total", key)
			return
		}
	}
}

// totals checks the totals, and that the cubes are the sums of them.
func (v *verification) totals() error {
	var want int64
	r := newRolling(func(key []byte, sum *storage.UsageTotal) {
		if !v.has(bucketCube) {
			return
		}
		want++
		payload, ok, err := v.get(bucketCube, key)
		switch {
		case err != nil: // reported with the bucket
		case !ok:
			v.report.problem("cube has no sum %q", key)
		default:
			var have storage.UsageTotal
			if addTotal(&have, payload) != nil || have != *sum {
				v.report.problem("cube: sum %q is not that of its totals", key)
			}
		}
	})
	whole := true
	if err := v.records(bucketUsage, func(key, payload []byte) error {
		v.report.UsageTotals++
		if payload == nil {
			whole = false
			return nil
		}
		t, err := decodeUsageTotal(key, payload)
		if err != nil {
			v.report.problem("record %q in %s: %v", key, bucketUsage, err)
			return nil
		}
		r.add(&t)
		return nil
	}); err != nil {
		return err
	}
	if r.end(); !whole {
		want = -1 // what is damaged is in the cubes still
	}
	return v.count(bucketCube, want)
}

func (v *verification) budgets() error {
	return v.records(bucketBudget, func(key, payload []byte) error {
		if payload == nil {
			return nil
		}
		var err error
		switch key[0] {
		case budgetReserved:
			_, err = decodeReservation(key, payload)
		case budgetLifted:
			d := decoder{b: payload}
			d.string()
			d.time()
			err = d.end()
		default:
			err = errPayload
		}
		if err != nil {
			v.report.problem("record %q in %s: %v", key, bucketBudget, err)
		}
		return nil
	})
}

// lists checks the entries alone; that each turn has its own is checked with the
// threads.
func (v *verification) lists() error {
	for _, b := range [...]bucket{bucketMine, bucketVerdict} {
		if err := v.records(b, func(key, payload []byte) error {
			if len(payload) > 0 {
				v.report.problem("record %q in %s: an entry with something in it", key, b)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
