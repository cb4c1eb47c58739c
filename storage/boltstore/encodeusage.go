package boltstore

import (
	"encoding/binary"

	"github.com/bobbin-bot/bobbin/storage"
)

func (e *encoder) price(p *storage.Price) {
	e.bool(p != nil)
	if p != nil {
		e.int(p.Input)
		e.int(p.CachedInput)
		e.int(p.Output)
	}
}

func (d *decoder) price() *storage.Price {
	if !d.bool() {
		return nil
	}
	return &storage.Price{Input: d.int(), CachedInput: d.int(), Output: d.int()}
}

func encodeUsageTotal(t *storage.UsageTotal) *encoder {
	e := newEncoder(96)
	for _, v := range t.Sums() {
		e.int(*v)
	}
	e.histogram(&t.FirstToken)
	e.histogram(&t.Duration)
	return e
}

// decodeUsageTotal takes day, user, channel, provider and model from the key.
func decodeUsageTotal(key, payload []byte) (storage.UsageTotal, error) {
	var t storage.UsageTotal
	var k cubeKey
	if !cubeTotals.parse(key, &k) {
		return t, errPayload
	}
	t.Day = storage.Day(k.period)
	for i, to := range [...]*string{&t.UserID, &t.ChannelID, &t.Provider, &t.Model} {
		*to = string(k.parts[i])
	}
	return t, addTotal(&t, payload)
}

// addTotal adds a record's numbers to t.
func addTotal(t *storage.UsageTotal, payload []byte) error {
	var n numbers
	if !n.add(payload, 1) {
		return errPayload
	}
	n.to(t)
	return nil
}

// numbers are what a total counts, one after the other: its sums, and behind them
// the classes of both histograms.
type numbers [sums + 2*classes]int64

const (
	sums    = 12
	classes = len(storage.Histogram{})

	sumsBefore = 11 // that totals of layouts 1 and 2 have, and no histograms
)

// add adds a record's numbers, times sign; false if it cannot be read. It is
// where a question about a year spends its time.
func (n *numbers) add(payload []byte, sign int64) bool {
	at, ok := 0, true
	next := func() uint64 {
		if at < len(payload) && payload[at] < 0x80 {
			at++
			return uint64(payload[at-1])
		}
		v, size := binary.Uvarint(payload[min(at, len(payload)):])
		if size <= 0 {
			ok, at = false, len(payload)
			return 0
		}
		at += size
		return v
	}
	for i := range sums {
		if i == sumsBefore && at == len(payload) {
			return ok
		}
		v := next()
		n[i] += sign * (int64(v>>1) ^ -int64(v&1))
	}
	for h := sums; h < len(n); h += classes {
		for range next() {
			class, v := next(), next()
			if class >= uint64(classes) || !ok {
				return false
			}
			n[h+int(class)] += sign * (int64(v>>1) ^ -int64(v&1))
		}
	}
	return ok && at == len(payload)
}

// to adds the numbers to t.
func (n *numbers) to(t *storage.UsageTotal) {
	for i, v := range [sums]*int64(t.Sums()) {
		*v += n[i]
	}
	for i := range classes {
		t.FirstToken[i] += n[sums+i]
		t.Duration[i] += n[sums+classes+i]
	}
}

// histogram writes the classes that are not empty, which are few.
func (e *encoder) histogram(h *storage.Histogram) {
	n := 0
	for _, count := range h {
		if count != 0 {
			n++
		}
	}
	e.uint(uint64(n))
	for class, count := range h {
		if count != 0 {
			e.uint(uint64(class))
			e.int(count)
		}
	}
}
