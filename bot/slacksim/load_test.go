package slacksim_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

// Everybody at once: people, the bot, pages, faults and dying connections.
// The race detector is the judge, and the sums at the end.
func TestManyAtOnce(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	for range 3 {
		r.connect(true)
	}
	p := r.follow("?since=0")
	go func() {
		for kind := "x"; kind != ""; {
			kind, _, _ = p.next()
		}
	}()
	const n = 300
	r.http.Transport.(interface{ CloseIdleConnections() }).CloseIdleConnections()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			user := []string{ann, ben, "U0CHIDI", "U0DANA"}[i%4]
			channel := []string{general, "C0RANDOM", "G0OPS"}[i%3]
			root, err := r.Post(user, channel, "", "@bobbin "+strconv.Itoa(i))
			if err != nil {
				t.Error(err)
				return
			}
			start := r.call("chat.startStream", "channel", channel, "thread_ts", root,
				"recipient_user_id", user, "recipient_team_id", "T0SIM")
			ts := str(start, "ts")
			for k := range 5 {
				r.call("chat.appendStream", "channel", channel, "ts", ts, "chunks", chunk(fmt.Sprintf("%d ", k)))
			}
			r.call("chat.stopStream", "channel", channel, "ts", ts)
			r.call("conversations.replies", "channel", channel, "ts", root)
			if m, _ := r.Message(channel, ts); m.Markdown != "0 1 2 3 4 " || m.StreamingState != "completed" {
				t.Errorf("answer %d is %+v", i, m)
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			undo := r.Fault(slacksim.Fault{Method: "team.info", Error: "x"})
			r.call("team.info")
			r.Calls()
			r.get("/sim/state")
			undo()
		}
	})
	wg.Wait()
	total := 0
	for _, c := range []string{general, "C0RANDOM", "G0OPS"} {
		total += len(r.Messages(c))
	}
	if total != 2*n {
		t.Errorf("%d messages, want %d questions and answers", total, 2*n)
	}
	// A question is two events; an answer is one and six changes. On a slow
	// machine an acknowledgement may be late and the event come twice.
	seen := map[string]bool{}
	r.until("all acknowledgements", func() bool {
		acked := 0
		clear(seen)
		for _, d := range r.Deliveries() {
			if !seen[d.EventID] && !d.AckedAt.IsZero() {
				acked++
				seen[d.EventID] = true
			}
		}
		return acked >= n*9
	})
	if len(seen) != n*9 {
		t.Errorf("%d events, want %d", len(seen), n*9)
	}
}

func TestTimestampsAreUniqueAndRise(t *testing.T) {
	w := slacksim.New(slacksim.Options{})
	defer w.Close()
	var mu sync.Mutex
	seen := map[string]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			last := ""
			for range 500 {
				ts, err := w.Post(ann, general, "", "x")
				if err != nil || ts <= last {
					t.Errorf("ts %s after %s, %v", ts, last, err)
				}
				last = ts
				mu.Lock()
				if seen[ts] {
					t.Errorf("ts %s twice", ts)
				}
				seen[ts] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	list := w.Messages(general)
	if len(list) != 4000 {
		t.Fatalf("%d messages, want 4000", len(list))
	}
	first, _ := strconv.ParseFloat(list[0].TS, 64)
	if d := time.Since(time.UnixMicro(int64(first * 1e6))); d < 0 || d > time.Minute {
		t.Errorf("first ts %s is %v off the clock", list[0].TS, d)
	}
}

func BenchmarkAppendStream(b *testing.B) {
	r := serve(b, slacksim.Options{NoLimits: true})
	r.connect(true)
	root := r.post(ann, general, "", "q")
	ts := ""
	for n := 0; b.Loop(); n++ {
		if n%100 == 0 {
			ts = str(r.ok("chat.startStream", "channel", general, "thread_ts", root,
				"recipient_user_id", ann, "recipient_team_id", "T0SIM"), "ts")
		}
		r.call("chat.appendStream", "channel", general, "ts", ts, "chunks", chunk("some words of an answer "))
	}
}
