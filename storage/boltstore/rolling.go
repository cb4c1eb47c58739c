package boltstore

import "github.com/bobbin-bot/bobbin/storage"

// rolling makes the cubes anew from the totals, which come in the order of their
// keys: it needs memory for a day and a month of them, however long the ledger.
type rolling struct {
	emit func(key []byte, sum *storage.UsageTotal) error

	day    storage.Day
	days   map[string]*storage.UsageTotal
	months map[string]*storage.UsageTotal
}

func (r *rolling) add(t *storage.UsageTotal) error {
	if t.Day != r.day {
		if err := r.flush(&r.days); err != nil {
			return err
		}
		if monthOf(t.Day) != monthOf(r.day) {
			if err := r.flush(&r.months); err != nil {
				return err
			}
		}
		r.day = t.Day
	}
	for _, q := range cubes {
		sums := r.days
		if q.months {
			sums = r.months
		}
		key := string(q.key(t))
		if sums[key] == nil {
			sums[key] = new(storage.UsageTotal)
		}
		sums[key].Merge(t, 1)
	}
	return nil
}

// end emits what is left.
func (r *rolling) end() error {
	if err := r.flush(&r.days); err != nil {
		return err
	}
	return r.flush(&r.months)
}

func (r *rolling) flush(sums *map[string]*storage.UsageTotal) error {
	for key, sum := range *sums {
		if err := r.emit([]byte(key), sum); err != nil {
			return err
		}
	}
	*sums = make(map[string]*storage.UsageTotal)
	return nil
}

func newRolling(emit func(key []byte, sum *storage.UsageTotal) error) *rolling {
	r := &rolling{emit: emit}
	r.days, r.months = make(map[string]*storage.UsageTotal), make(map[string]*storage.UsageTotal)
	return r
}
