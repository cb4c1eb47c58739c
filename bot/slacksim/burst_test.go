package slacksim_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

// How many of a burst are let through, and when the next one may come.
func TestBurstModels(t *testing.T) {
	for _, c := range []struct {
		burst, method string
		at            time.Duration // of the burst, since the start
		passes        int
		retryAfter    string
	}{
		{"", "chat.update", 30 * time.Second, 50, "60"},
		{slacksim.BurstWindow, "chat.update", 30 * time.Second, 50, "60"},
		{"no such model", "chat.update", 30 * time.Second, 50, "60"},
		{slacksim.BurstMinute, "chat.update", 0, 50, "60"},
		{slacksim.BurstMinute, "chat.update", 30 * time.Second, 50, "30"},
		{slacksim.BurstMinute, "chat.appendStream", 119500 * time.Millisecond, 100, "1"},
		{slacksim.BurstBucket, "chat.startStream", 0, 5, "3"},
		{slacksim.BurstBucket, "chat.update", 30 * time.Second, 12, "1"},
		{slacksim.BurstBucket, "chat.appendStream", time.Hour, 25, "1"},
		{slacksim.BurstBucket, "assistant.threads.setStatus", 0, 150, "1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := serve(t, slacksim.Options{Burst: c.burst})
			time.Sleep(c.at)
			passed := 0
			for ; passed <= 600; passed++ {
				if _, resp := r.callStatus("xoxb-sim", c.method); resp.StatusCode == 429 {
					if got := resp.Header.Get("Retry-After"); got != c.retryAfter {
						t.Errorf("%q, %s at %v: Retry-After %s, want %s", c.burst, c.method, c.at, got, c.retryAfter)
					}
					break
				}
			}
			if passed != c.passes {
				t.Errorf("%q, %s at %v: %d calls at once, want %d", c.burst, c.method, c.at, passed, c.passes)
			}
		})
	}
}

// What a caller gets who asks each 100 ms for two minutes.
func TestBurstModelsOverTime(t *testing.T) {
	for _, c := range []struct {
		burst string
		want  [3]int // calls let through in the first 15 s, the first and the second minute
	}{
		{slacksim.BurstWindow, [3]int{50, 50, 50}},
		{slacksim.BurstMinute, [3]int{50, 50, 50}},
		{slacksim.BurstBucket, [3]int{24, 62, 50}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := serve(t, slacksim.Options{Burst: c.burst})
			var got [3]int
			for i := range 1200 {
				if _, resp := r.callStatus("xoxb-sim", "chat.update"); resp.StatusCode != 429 {
					if i < 150 {
						got[0]++
					}
					got[1+i/600]++
				}
				time.Sleep(100 * time.Millisecond)
			}
			if got != c.want {
				t.Errorf("%s: %v calls in 15 s, minute 1, minute 2, want %v", c.burst, got, c.want)
			}
		})
	}
}

// Around the end of a calendar minute twice the tier fits.
func TestBurstMinuteStartsAfresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{Burst: slacksim.BurstMinute})
		time.Sleep(time.Minute - time.Millisecond)
		passed := 0
		for range 2 {
			for range 60 {
				if _, resp := r.callStatus("xoxb-sim", "chat.update"); resp.StatusCode != 429 {
					passed++
				}
			}
			time.Sleep(time.Millisecond)
		}
		if passed != 100 {
			t.Errorf("%d calls within a few milliseconds, want twice 50", passed)
		}
	})
}

// The limits of posting by channel stand beside every model.
func TestBurstBucketKeepsPostingLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{Burst: slacksim.BurstBucket})
		passed := map[string]int{}
		for range 20 {
			for _, channel := range []string{general, "C0RANDOM", "G0OPS"} {
				if _, resp := r.callStatus("xoxb-sim", "chat.postMessage", "channel", channel, "text", "x"); resp.StatusCode == 200 {
					passed[channel]++
				}
			}
		}
		for channel, n := range passed {
			if n != 5 {
				t.Errorf("%s: %d posts at once, want 5", channel, n)
			}
		}
	})
}
