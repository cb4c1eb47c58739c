package boltstore

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/bobbin-bot/bobbin/storage"
)

// rolling makes the cubes anew from the totals, which come in the order of their
// keys: it needs memory for a day and a quarter of them, however long the ledger.
type rolling struct {
	emit func(key []byte, sum *storage.UsageTotal)
	day  storage.Day
	sums [len(cubes)]map[string]*storage.UsageTotal // of the period so far
}

func newRolling(emit func(key []byte, sum *storage.UsageTotal)) *rolling {
	r := &rolling{emit: emit}
	for i := range r.sums {
		r.sums[i] = make(map[string]*storage.UsageTotal)
	}
	return r
}

func (r *rolling) add(t *storage.UsageTotal) {
	for i, q := range cubes {
		if t.Day != r.day && q.period(t.Day) != q.period(r.day) {
			r.flush(i)
		}
		key := string(q.key(t))
		sum := r.sums[i][key]
		if sum == nil {
			sum = new(storage.UsageTotal)
			r.sums[i][key] = sum
		}
		sum.Merge(t, 1)
	}
	r.day = t.Day
}

// end emits what is left.
func (r *rolling) end() {
	for i := range r.sums {
		r.flush(i)
	}
}

func (r *rolling) flush(i int) {
	for key, sum := range r.sums[i] {
		r.emit([]byte(key), sum)
	}
	clear(r.sums[i])
}

// batch collects new records and hands them on in the order of their keys. bbolt
// has one leaf for all that a transaction puts in one place, and a record into
// the middle of it moves the others: in no order it takes the square of their
// number.
type batch struct {
	ops  []op
	size int
}

func (b *batch) put(in bucket, key []byte, e *encoder) {
	b.ops = append(b.ops, op{in, key, e.seal(in, key)})
	b.size += len(key) + len(e.b) + elementSize
}

// cube collects a sum; it is what a rolling emits to.
func (b *batch) cube(key []byte, sum *storage.UsageTotal) {
	b.put(bucketCube, key, encodeUsageTotal(sum))
}

func (b *batch) full() bool { return b.size >= batchSize }

func (b *batch) flush(put func(b bucket, key, record []byte) error) error {
	slices.SortFunc(b.ops, func(x, y op) int { return cmp.Or(cmp.Compare(x.bucket, y.bucket), bytes.Compare(x.key, y.key)) })
	for _, o := range b.ops {
		if err := put(o.bucket, o.key, o.record); err != nil {
			return err
		}
	}
	b.ops, b.size = nil, 0
	return nil
}
