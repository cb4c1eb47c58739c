package llm_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

// order runs requests of the named users, all at once and in this order, through
// a throttle that serves one at a time, and returns who was served when.
func order(t *testing.T, users []string, o llm.ThrottleOptions) (served []string, outcomes []outcome) {
	p := &scripted{name: "p", steps: []step{{wait: time.Second, text: "x"}}}
	o.Concurrency, o.MaxWait = 1, time.Hour
	throttled := llm.Throttle(p, o)
	outcomes = make([]outcome, len(users))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, user := range users {
		wg.Go(func() {
			outcomes[i] = askAs(t.Context(), throttled, user)
			mu.Lock()
			defer mu.Unlock()
			if outcomes[i].err == nil {
				served = append(served, user)
			}
		})
		synctest.Wait()
	}
	wg.Wait()
	if s := throttled.State(); s.Running != 0 || s.Waiting != 0 {
		t.Errorf("%+v after everybody has left", s)
	}
	return served, outcomes
}

// Whoever asks a lot waits for themselves, not others for them.
func TestQueueIsFairByUser(t *testing.T) {
	for _, c := range []struct {
		name         string
		users, order []string
	}{
		{"one user", []string{"a", "a", "a"}, []string{"a", "a", "a"}},
		{"a flood, then two others", []string{"a", "a", "a", "a", "b", "c"}, []string{"a", "b", "c", "a", "a", "a"}},
		{"turns go round", []string{"a", "a", "a", "b", "b", "b"}, []string{"a", "b", "a", "b", "a", "b"}},
		{"who comes later does not overtake for ever", []string{"a", "b", "a", "c", "b"}, []string{"a", "b", "c", "a", "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got, _ := order(t, c.users, llm.ThrottleOptions{UserQueue: 10}); !slices.Equal(got, c.order) {
					t.Errorf("served %v, want %v", got, c.order)
				}
			})
		})
	}
}

// The place that people are told is the number of the turn they get.
func TestQueueTellsThePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, outcomes := order(t, []string{"a", "a", "a", "a", "a", "b"}, llm.ThrottleOptions{})
		for i, want := range []int{0, 1, 2, 3, 4, 1} {
			first := 0
			if places := outcomes[i].places; len(places) > 0 {
				first = places[0]
			}
			if first != want {
				t.Errorf("request %d was told place %d at first, want %d", i, first, want)
			}
		}
		if places := outcomes[4].places; !slices.IsSortedFunc(places, func(a, b int) int { return b - a }) || len(places) < 2 {
			t.Errorf("the last one of the flood was told the places %v, want a few that go down", places)
		}
	})
}

// The queue is bounded, for one user and in all, and says so.
func TestQueueRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, outcomes := order(t, []string{"a", "a", "a", "a", "b", "c", "d"}, llm.ThrottleOptions{UserQueue: 2, Queue: 4})
		want := []llm.Class{"", "", "", llm.ClassFlood, "", "", llm.ClassLocal}
		for i, o := range outcomes {
			if llm.ClassOf(o.err) != want[i] {
				t.Errorf("request %d: %v, want class %q", i, o.err, want[i])
			}
		}
	})
}

// A place that is given up costs nobody anything.
func TestQueueGivesPlacesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{name: "p", steps: []step{{text: "x"}}}
		throttled := llm.Throttle(p, llm.ThrottleOptions{RequestsPerMinute: 6, MaxWait: time.Hour})
		ask(t.Context(), throttled) // uses up the burst of one
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() { ask(ctx, throttled) })
			if i == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		ask(t.Context(), throttled)
		if gap := p.calls[1].Sub(p.calls[0]); gap > 11*time.Second {
			t.Errorf("after five places were given up the next request waited %v, want one place's 10 s", gap)
		}
	})
}

func BenchmarkThrottle(b *testing.B) {
	for _, users := range []int{1, 50} {
		b.Run(fmt.Sprintf("users=%d", users), func(b *testing.B) {
			p := llm.Throttle(&instant{}, llm.ThrottleOptions{RequestsPerMinute: 1e12, TokensPerMinute: 1e15, Concurrency: 1000})
			b.ReportAllocs()
			for b.Loop() {
				for range p.Stream(b.Context(), llm.Request{User: "u"}) {
				}
			}
		})
	}
}
