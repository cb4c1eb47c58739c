package storage

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogramQuantile(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		var h Histogram
		all := make([]time.Duration, 1+rng.IntN(200))
		spread := 1 + 10*rng.Float64()
		for i := range all {
			all[i] = histogramLeast + time.Duration(float64(histogramLeast)*(math.Exp(spread*rng.Float64())-1))
			h.Count(all[i])
		}
		slices.Sort(all)
		for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 1} {
			want := all[max(int(math.Ceil(q*float64(len(all))))-1, 0)]
			got, ok := h.Quantile(q)
			if factor := float64(got) / float64(want); !ok || factor < 1/math.Sqrt2-1e-6 || factor > math.Sqrt2+1e-6 {
				t.Errorf("quantile %v of %d durations up to %v: %v, want %v", q, len(all), all[len(all)-1], got, want)
			}
		}
	}
}

func TestHistogramEdges(t *testing.T) {
	var h Histogram
	if d, ok := h.Quantile(0.5); ok || d != 0 {
		t.Errorf("of nothing: %v, %v", d, ok)
	}
	for i, d := range []time.Duration{-time.Second, 0, 1, histogramLeast, histogramLeast + 1, 2 * histogramLeast, 2*histogramLeast + time.Microsecond, 11 * time.Minute, math.MaxInt64} {
		before := h
		h.Count(d)
		want := []int{0, 0, 0, 0, 1, 2, 3, 32, 32}[i]
		if h[want] != before[want]+1 || h.Total() != int64(i+1) {
			t.Errorf("%v is not in class %d: %v", d, want, h)
		}
	}
	var fast, slow Histogram
	for range 99 {
		fast.Count(time.Second)
	}
	slow.Count(time.Minute)
	a, b := UsageTotal{Duration: fast}, UsageTotal{Duration: slow}
	a.Merge(&b, 1)
	if d, _ := a.Duration.Quantile(0.5); d < time.Second/2 || d > 2*time.Second {
		t.Errorf("median of both: %v", d)
	}
	if d, _ := a.Duration.Quantile(1); d < 30*time.Second || d > 2*time.Minute {
		t.Errorf("slowest of both: %v", d)
	}
	if a.Merge(&b, -1); a.Duration != fast {
		t.Errorf("taken away again: %v", a.Duration)
	}
}
