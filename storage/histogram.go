package storage

import (
	"math"
	"time"
)

// Histogram counts durations in classes that grow by the square root of two,
// from 10 ms to 11 minutes: a quantile between them is off by that factor at most,
// and if a class is filled evenly by much less. The zero value is empty.
// Histograms add up, which medians do not.
type Histogram [histogramClasses]int64

const (
	histogramClasses = 33
	histogramLeast   = 10 * time.Millisecond
)

// Count adds one duration.
func (h *Histogram) Count(d time.Duration) {
	class := 0
	if d > histogramLeast {
		class = min(int(math.Ceil(2*math.Log2(float64(d)/float64(histogramLeast))-1e-9)), histogramClasses-1)
	}
	h[class]++
}

// Total is how many durations were counted.
func (h *Histogram) Total() (n int64) {
	for _, c := range h {
		n += c
	}
	return n
}

// Quantile returns the duration that a share q, 0 to 1, of those counted do not
// exceed; false if there are none.
func (h *Histogram) Quantile(q float64) (time.Duration, bool) {
	total := h.Total()
	if total <= 0 {
		return 0, false
	}
	want := q * float64(total)
	before := 0.0
	for class, n := range h {
		if n == 0 || before+float64(n) < want {
			before += float64(n)
			continue
		}
		// Within a class durations are taken to be spread evenly by ratio.
		within := min(max((want-before)/float64(n), 0), 1)
		exponent := (float64(class) - 1 + within) / 2
		return time.Duration(float64(histogramLeast) * math.Exp2(exponent)), true
	}
	return 0, false
}
