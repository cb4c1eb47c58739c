package main

import (
	"context"
	"sync"
	"time"
)

// dashboardFresh is how long a reading is good for everybody who looks.
const dashboardFresh = 2 * time.Second

// sharedDashboard lets all open pages of a period have the same reading: a wall of them
// costs no more than one.
type sharedDashboard struct {
	read func(ctx context.Context, days int) (dashboardData, error)

	mu      sync.Mutex
	periods map[int]*sharedReading // by days
}

// sharedReading is the last one of a period. Its place is taken by whoever reads,
// and the others wait for that.
type sharedReading struct {
	reading chan struct{}
	data    dashboardData
	at      time.Time
}

func newSharedDashboard(read func(context.Context, int) (dashboardData, error)) *sharedDashboard {
	return &sharedDashboard{read: read, periods: map[int]*sharedReading{}}
}

// get returns a reading that is not older than dashboardFresh. A reading that
// failed, or was given up by who asked for it, is not shared.
func (s *sharedDashboard) get(ctx context.Context, days int) (dashboardData, error) {
	s.mu.Lock()
	r := s.periods[days]
	if r == nil {
		r = &sharedReading{reading: make(chan struct{}, 1)}
		s.periods[days] = r
	}
	s.mu.Unlock()
	select {
	case r.reading <- struct{}{}:
	case <-ctx.Done():
		return dashboardData{}, ctx.Err()
	}
	defer func() { <-r.reading }()
	if !r.at.IsZero() && time.Since(r.at) < dashboardFresh {
		return r.data, nil
	}
	data, err := s.read(ctx, days)
	if err != nil {
		return data, err
	}
	r.data, r.at = data, time.Now()
	return data, nil
}
