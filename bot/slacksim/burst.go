package slacksim

import "time"

// The values of [Options].Burst.
const (
	BurstWindow = "window" // any 60 s hold at most the tier's calls; the default
	BurstMinute = "minute" // each full minute since the start is counted afresh
	BurstBucket = "bucket" // a quarter of the tier at once, then the tier spread evenly over the minute
)

// meter counts the calls of one method that were let through.
type meter interface {
	// wait returns 0 if one more call fits at now, else how long until one does.
	wait(now time.Time) time.Duration
	take(now time.Time) // only after wait(now) has returned 0
}

func (w *Workspace) newMeter(perMinute int) meter {
	switch w.opt.Burst {
	case BurstMinute:
		return &minutes{limit: perMinute, start: w.born}
	case BurstBucket:
		every := time.Minute / time.Duration(perMinute)
		return &bucket{every: every, depth: max(every, time.Minute/4)}
	}
	return &window{limit: perMinute}
}

// window holds the times of the calls of the last 60 s.
type window struct {
	limit int
	times []time.Time
}

func (v *window) wait(now time.Time) time.Duration {
	old := now.Add(-time.Minute)
	for len(v.times) > 0 && !v.times[0].After(old) {
		v.times = v.times[1:]
	}
	if len(v.times) < v.limit {
		return 0
	}
	return v.times[0].Sub(old)
}

func (v *window) take(now time.Time) { v.times = append(v.times, now) }

// minutes counts the calls of the minute that runs.
type minutes struct {
	limit, used int
	start       time.Time // of that minute
}

func (v *minutes) wait(now time.Time) time.Duration {
	if past := now.Sub(v.start).Truncate(time.Minute); past > 0 {
		v.start, v.used = v.start.Add(past), 0
	}
	if v.used < v.limit {
		return 0
	}
	return v.start.Add(time.Minute).Sub(now)
}

func (v *minutes) take(time.Time) { v.used++ }

// bucket is a token bucket, kept as the time when it will be full: a call costs
// every, and depth is what it holds. Whole durations leave nothing to rounding.
type bucket struct {
	every, depth time.Duration
	full         time.Time
}

func (b *bucket) wait(now time.Time) time.Duration {
	if b.full.Before(now) {
		b.full = now
	}
	return max(0, b.full.Sub(now)-(b.depth-b.every))
}

func (b *bucket) take(time.Time) { b.full = b.full.Add(b.every) }
