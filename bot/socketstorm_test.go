package bot_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/storage"
)

// answeredOnce fails the test unless each thread has one finished reply and the
// model was asked once for it.
func (w *world) answeredOnce(threads []string) {
	w.t.Helper()
	wrong := 0
	for i, ts := range threads {
		if r := w.replies(general, ts); len(r) != 1 || !isFinished(r[0]) {
			wrong++
			w.t.Errorf("message %d has %d replies, want one that is finished", i, len(r))
		}
	}
	if n := len(w.model.Requests()); n != len(threads) {
		w.t.Errorf("the model was asked %d times for %d messages", n, len(threads))
	}
	w.noOpenTurns()
	if wrong > 0 {
		w.t.Logf("log:\n%.20000s", w.logs)
	}
}

// A thousand ends of sockets of every kind while three hundred messages come:
// each is answered once. What Slack has sent into half-open ones until it gave up
// is found by reading the channel.
func TestSocketStorm(t *testing.T) {
	drops, messages := 1000, 300
	if testing.Short() {
		drops, messages = 100, 30
	}
	for _, c := range []struct{ connections, halfOpen int }{{1, 0}, {1, 2}, {2, 1}} {
		t.Run(fmt.Sprintf("connections %d, half-open %d", c.connections, c.halfOpen), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world, s *slacksim.Options, m *llmsim.Options) {
				w.options.Slack.Connections = c.connections
				s.Seed = 7
				m.Answer = script("Yes.")
			}, func(w *world) {
				w.slowOpening()
				rng := rand.New(rand.NewPCG(7, uint64(c.connections)))
				drop := func() {
					switch n := rng.IntN(10); {
					case n < c.halfOpen:
						w.slack.HalfOpen()
					case n < 4:
						w.slack.Disconnect("")
					case n < 7:
						w.slack.Disconnect("warning")
					default:
						w.slack.Disconnect("refresh_requested")
					}
				}
				pauses := make([]time.Duration, drops)
				span := time.Duration(0)
				for i := range pauses {
					pauses[i] = time.Duration(rng.Int64N(int64(time.Minute)))
					span += pauses[i]
				}
				var dropping sync.WaitGroup
				dropping.Go(func() {
					for _, pause := range pauses {
						time.Sleep(pause)
						drop()
					}
				})
				threads := make([]string, messages)
				for i := range threads {
					time.Sleep(span / time.Duration(messages))
					threads[i] = w.post(ann, general, "", fmt.Sprintf("@bobbin question %d", i))
				}
				dropping.Wait()
				w.settle()
				lastTry := map[int]int{}
				for _, d := range w.slack.Deliveries() {
					if !d.AckedAt.IsZero() {
						lastTry[d.Attempt]++
					}
				}
				s, up := socketsOf(w.bot)
				t.Logf("%d drops in %v: %d up in the end, reconnects %v, %d tries in vain; %d envelopes came, %d of them again, %d acks sent, %d failed; acknowledged by attempt: %v",
					drops, span.Round(time.Second), up, s.Reconnects, s.OpenFailed, s.Received, s.Redelivered, s.Acked, s.AcksFailed, lastTry)
				if up != c.connections || s.Reconnects["lost"] == 0 || (s.Reconnects["silent"] > 0) != (c.halfOpen > 0) {
					t.Errorf("%d of %d connections up, %+v", up, c.connections, s)
				}
				w.answeredOnce(threads)
			})
		})
	}
}

// Each event comes eleven times and more: under the same event id, as a twin
// with another one, under new ids, late, and on either socket.
func TestDuplicateStorm(t *testing.T) {
	const messages = 30
	inWorld(t, func(w *world, s *slacksim.Options, m *llmsim.Options) {
		s.Seed = 11
		m.Answer = script("Yes.")
	}, func(w *world) {
		w.wait("both sockets", func() bool { return w.slack.Sockets() == 2 })
		w.slack.Shuffle(true)
		again := func(ts string) {
			if err := w.slack.Redeliver(general, ts); err != nil {
				t.Error(err)
			}
		}
		stranger := func(ts string, i int) { // the same message under an event id that was never seen
			kind := []string{"app_mention", "message"}[i%2]
			inner := fmt.Sprintf(`{"type":%q,"user":%q,"channel":%q,"channel_type":"channel","text":"<@%s> question","ts":%q,"event_ts":%q}`,
				kind, ann, general, botUser, ts, ts)
			if _, err := w.slack.Event(json.RawMessage(inner)); err != nil {
				t.Error(err)
			}
		}
		threads := make([]string, messages)
		for i := range threads {
			w.slack.DropAcks(i % 3)
			ts := w.post(ann, general, "", "@bobbin question")
			threads[i] = ts
			for n := range 3 {
				again(ts)
				stranger(ts, n)
			}
			time.Sleep(time.Duration(i%5) * 700 * time.Millisecond) // before, during and after the answer
			again(ts)
			stranger(ts, i)
		}
		w.settle()
		time.Sleep(time.Hour)
		for i, ts := range threads {
			again(ts)
			stranger(ts, i)
		}
		w.settle()
		times, on := map[string]int{}, map[string]map[string]bool{}
		for _, d := range w.slack.Deliveries() {
			times[d.TS]++
			if on[d.TS] == nil {
				on[d.TS] = map[string]bool{}
			}
			on[d.TS][d.Socket] = true
		}
		fewest, split := 1000, 0
		for _, ts := range threads {
			fewest = min(fewest, times[ts])
			if len(on[ts]) == 2 {
				split++
			}
		}
		t.Logf("%d messages, each delivered %d times or more; %d of them over both sockets", messages, fewest, split)
		if fewest < 11 || split < messages/2 {
			t.Errorf("this was no storm")
		}
		w.answeredOnce(threads)
	})
}

// slowStore takes its time to accept a turn.
type slowStore struct{ storage.Store }

func (s slowStore) Accept(ctx context.Context, t storage.Turn, keys []storage.DedupeKey) (bool, error) {
	time.Sleep(4 * time.Second)
	return s.Store.Accept(ctx, t, keys)
}

// A store that is slower than Slack's patience: everything comes again, and is
// answered once.
func TestSlowStore(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
		m.Answer = script("Yes.")
		w.wrapStore = func(s storage.Store) storage.Store { return slowStore{s} }
	}, func(w *world) {
		threads := make([]string, 20)
		for i := range threads {
			threads[i] = w.post(ann, general, "", "@bobbin question")
		}
		w.settle()
		s, up := socketsOf(w.bot)
		t.Logf("%d envelopes, %d of them again, %d acks sent, %d failed", s.Received, s.Redelivered, s.Acked, s.AcksFailed)
		if up != 2 || s.Redelivered < 40 || s.Acked != s.Received || len(s.Reconnects) > 0 {
			t.Errorf("%d sockets up, %+v; want both, and every envelope come again and acknowledged", up, s)
		}
		w.answeredOnce(threads)
	})
}

// A store that hangs for minutes with more messages than are taken in at a
// time: an operator is told, and nothing is lost.
func TestStoreThatHangs(t *testing.T) {
	var hung chan struct{}
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
		m.Answer = script("Yes.")
		hung = make(chan struct{})
		w.wrapStore = func(s storage.Store) storage.Store { return hangingStore{s, hung} }
	}, func(w *world) {
		w.wait("both sockets", func() bool { return w.slack.Sockets() == 2 })
		threads := make([]string, 200) // two events each
		for i := range threads {
			threads[i] = w.post(ann, general, "", "@bobbin question")
		}
		time.Sleep(2 * time.Minute)
		if n := strings.Count(w.logs.String(), "the store is too slow"); n < 2 || n > 4 {
			t.Errorf("%d complaints in two minutes, want one a minute and socket", n)
		}
		close(hung)
		w.settle()
		s, up := socketsOf(w.bot)
		t.Logf("%d envelopes, %d of them again, %d acks sent, %d failed", s.Received, s.Redelivered, s.Acked, s.AcksFailed)
		// Slack gives up writing to a connection that is not read, but what it has
		// written is still there.
		if up != 2 || s.Acked != s.Received {
			t.Errorf("%d sockets up, %+v", up, s)
		}
		w.answeredOnce(threads)
	})
}

// hangingStore accepts no turn before a channel is closed.
type hangingStore struct {
	storage.Store
	hung <-chan struct{}
}

func (s hangingStore) Accept(ctx context.Context, t storage.Turn, keys []storage.DedupeKey) (bool, error) {
	<-s.hung
	return s.Store.Accept(ctx, t, keys)
}
