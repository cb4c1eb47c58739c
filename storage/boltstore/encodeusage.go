package boltstore

import "github.com/bobbin-bot/bobbin/storage"

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

// sumsBefore is how many numbers the totals of layouts 1 and 2 have.
const sumsBefore = 11

// addTotal adds a record's numbers to t, without a total in between: a query
// reads many of them.
func (d *decoder) addTotal(t *storage.UsageTotal) {
	for i, v := range t.Sums() {
		if i == sumsBefore && len(d.b) == 0 {
			return
		}
		*v += d.int()
	}
	d.addHistogram(&t.FirstToken)
	d.addHistogram(&t.Duration)
}

// decodeUsageTotal takes day, user, channel, provider and model from the key.
func decodeUsageTotal(key, payload []byte) (storage.UsageTotal, error) {
	var t storage.UsageTotal
	k, ok := cubeTotals.parse(key)
	if !ok {
		return t, errPayload
	}
	t.Day = storage.Day(k.period)
	for i, to := range [...]*string{&t.UserID, &t.ChannelID, &t.Provider, &t.Model} {
		*to = string(k.parts[i])
	}
	d := decoder{b: payload}
	d.addTotal(&t)
	return t, d.end()
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

func (d *decoder) addHistogram(h *storage.Histogram) {
	for range d.count() {
		class, count := d.uint(), d.int()
		if class >= uint64(len(h)) {
			d.fail()
			return
		}
		h[class] += count
	}
}
