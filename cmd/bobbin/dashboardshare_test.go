package main

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Many pages that are open cost one reading a period and two seconds, and a
// reading that fails or is given up is nobody else's.
func TestSharedDashboard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads, broken := map[int]int{}, false
		s := newSharedDashboard(func(ctx context.Context, days int) (dashboardData, error) {
			reads[days]++ // one at a time, or the race detector tells
			n := reads[days]
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return dashboardData{}, ctx.Err()
			}
			if broken {
				return dashboardData{}, errors.New("the disk is on fire")
			}
			return dashboardData{Totals: dashboardTotals{Calls: int64(n)}}, nil
		})
		look := func(pages int) {
			var wg sync.WaitGroup
			for range pages {
				wg.Go(func() {
					if d, err := s.get(t.Context(), 30); err != nil || d.Totals.Calls != int64(reads[30]) {
						t.Errorf("%d calls, %v after %d readings", d.Totals.Calls, err, reads[30])
					}
				})
			}
			wg.Wait()
		}
		look(50)
		look(50)
		if reads[30] != 1 {
			t.Errorf("%d readings for pages that are open together", reads[30])
		}
		time.Sleep(dashboardFresh)
		look(50)
		if reads[30] != 2 {
			t.Errorf("%d readings, want a second one after %v", reads[30], dashboardFresh)
		}

		// Somebody who leaves does not take the others' reading with them.
		time.Sleep(dashboardFresh)
		leaving, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.get(leaving, 30); !errors.Is(err, context.Canceled) {
				t.Errorf("who left got %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() { look(2) })
		synctest.Wait()
		leave()
		wg.Wait()
		if reads[30] != 4 {
			t.Errorf("%d readings, want one that was given up and one more", reads[30])
		}

		broken = true
		for range 2 {
			if _, err := s.get(t.Context(), 7); err == nil {
				t.Error("a reading that failed is shown as one")
			}
		}
		if reads[7] != 2 {
			t.Errorf("%d readings of a week, want two: none was any good", reads[7])
		}
	})
}
