package bot_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// socketsOf adds up the states of a bot's sockets.
func socketsOf(b *bot.Bot) (sum bot.SocketState, up int) {
	sum.Reconnects = map[string]int64{}
	for _, s := range b.Sockets() {
		if s.Connected {
			up++
		}
		sum.Received += s.Received
		sum.Redelivered += s.Redelivered
		sum.Unknown += s.Unknown
		sum.Unreadable += s.Unreadable
		sum.Acked += s.Acked
		sum.AcksFailed += s.AcksFailed
		sum.OpenFailed += s.OpenFailed
		for reason, n := range s.Reconnects {
			sum.Reconnects[reason] += n
		}
	}
	return sum, up
}

// chatter has people talk, which the bot has to acknowledge and not to answer,
// for a time, and returns how many events were sent more than once. Each must
// have been taken in, but for mayMiss.
func (w *world) chatter(every, during time.Duration, mayMiss int) (again int) {
	w.t.Helper()
	before, said, heard := len(w.slack.Deliveries()), 0, map[string]bool{}
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(every) {
		w.post(ben, random, "", "no question")
		said++
	}
	time.Sleep(7 * time.Minute) // beyond Slack's last redelivery
	for _, d := range w.slack.Deliveries()[before:] {
		if d.Attempt > 0 {
			again++
		}
		if !d.AckedAt.IsZero() {
			heard[d.TS] = true
		}
	}
	if len(heard) < said-mayMiss {
		w.t.Errorf("%d of %d messages were taken in", len(heard), said)
	}
	return again
}

// slowOpening makes the way to a new connection as long as it is in practice.
func (w *world) slowOpening() {
	w.slack.Fault(slacksim.Fault{Method: "apps.connections.open", Delay: 500 * time.Millisecond})
}

// One connection has no gap when Slack announces that it will end it. Where
// Slack ends it at once, what is sent during the opening comes again.
func TestOneSocketIsReplacedWithoutAGap(t *testing.T) {
	for _, c := range []struct {
		reason string
		again  func(n int) bool
		// With a gap each half minute all four of Slack's tries may meet one.
		mayMiss int
	}{
		{"warning", func(n int) bool { return n == 0 }, 0},
		// 20 refreshes, half a second of three messages a second each.
		{"refresh_requested", func(n int) bool { return n > 0 && n < 20*4 }, 2},
	} {
		t.Run(c.reason, func(t *testing.T) {
			inWorld(t, func(w *world, _ *slacksim.Options, _ *llmsim.Options) {
				w.options.Slack.Connections = 1
			}, func(w *world) {
				w.slowOpening()
				go func() {
					for range 20 {
						time.Sleep(28*time.Second + rand.N(4*time.Second)) // retries come after whole minutes
						w.slack.Disconnect(c.reason)
					}
				}()
				again := w.chatter(300*time.Millisecond, 11*time.Minute, c.mayMiss)
				s, _ := socketsOf(w.bot)
				t.Logf("20 times %s: %d of %d events had to be sent again; %+v", c.reason, again, s.Received, s)
				if !c.again(again) {
					t.Errorf("%d events had to be sent again", again)
				}
				if s.Reconnects[c.reason] != 20 || s.Acked != s.Received || s.AcksFailed != 0 {
					t.Errorf("%+v; want 20 reconnects and every envelope acknowledged", s)
				}
			})
		})
	}
}

// Ten connections, all that Slack allows, are replaced without an eleventh, one
// after the other before Slack would end them.
func TestTenSockets(t *testing.T) {
	inWorld(t, func(w *world, s *slacksim.Options, _ *llmsim.Options) {
		w.options.Slack.Connections = 10
		s.PingInterval = 30 * time.Second
	}, func(w *world) {
		w.slowOpening()
		w.wait("all sockets", func() bool { return w.slack.Sockets() == 10 })
		go func() {
			for range 30 {
				time.Sleep(time.Minute)
				w.slack.Disconnect("warning")
			}
		}()
		// What is on its way when a connection ends may come again.
		if again := w.chatter(3*time.Second, 6*time.Hour, 0); again > 7 {
			t.Errorf("%d events had to be sent again", again)
		}
		s, up := socketsOf(w.bot)
		t.Logf("%+v", s)
		if up != 10 || s.Reconnects["warning"] != 30 || s.Reconnects["age"] != 10 || len(s.Reconnects) != 2 || s.OpenFailed > 0 {
			t.Errorf("%d up, %+v; want 30 warnings heeded and each connection replaced once for its age", up, s)
		}
		var greeted []time.Time
		for _, s := range w.bot.Sockets() {
			greeted = append(greeted, s.Since)
		}
		slices.SortFunc(greeted, time.Time.Compare)
		for i := range len(greeted) - 1 {
			if apart := greeted[i+1].Sub(greeted[i]); apart < 9*time.Second {
				t.Errorf("two connections were replaced within %v", apart)
			}
		}
		if strings.Contains(w.logs.String(), "level=ERROR") {
			t.Errorf("log:\n%s", w.logs)
		}
	})
}

// opens counts the tries to open a connection.
func (w *world) opens() int { return len(w.calls("apps.connections.open")) }

func TestSocketModeSwitchedOff(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.wait("both sockets", func() bool { return w.slack.Sockets() == 2 })
		before := w.opens()
		w.slack.SocketMode(false)
		time.Sleep(10 * time.Minute)
		if n := w.opens() - before; n < 16 || n > 22 {
			t.Errorf("%d tries in ten minutes, want one a minute for each of two sockets", n)
		}
		if n := strings.Count(w.logs.String(), "Switch Socket Mode on again under"); n < 9 || n > 12 {
			t.Errorf("%d reports in ten minutes, want one a minute\n%s", n, w.logs)
		}
		w.slack.SocketMode(true)
		time.Sleep(70 * time.Second)
		if h := w.bot.Health(); h.Sockets != 2 {
			t.Errorf("%d sockets a minute after Socket Mode was switched on again", h.Sockets)
		}
		w.answered(general, w.post(ann, general, "", "@bobbin hello"), 1)
	})
}

// rivals opens connections as another program with the same app token does.
func (w *world) rivals(n int) (leave func()) {
	w.t.Helper()
	store, err := boltstore.Open(filepath.Join(w.t.TempDir(), "rival.db"), boltstore.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	o := w.options
	o.Slack.Connections, o.Store, o.Logger = n, store, nil
	b, err := bot.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	want := w.slack.Sockets() + n
	w.wait("the rivals", func() bool { return w.slack.Sockets() == want })
	return func() {
		cancel()
		if err := errors.Join(<-done, store.Close()); err != nil {
			w.t.Error(err)
		}
	}
}

func TestTooManySockets(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.halt()
		w.wait("our sockets to close", func() bool { return w.slack.Sockets() == 0 })
		leave := w.rivals(9)
		w.start()
		w.wait("our socket", func() bool { return w.slack.Sockets() == 10 })
		time.Sleep(time.Minute)
		before := w.opens()
		time.Sleep(10 * time.Minute)
		if n := w.opens() - before; n < 8 || n > 11 {
			t.Errorf("%d tries in ten minutes, want one a minute for the second socket", n)
		}
		if n := strings.Count(w.logs.String(), "Another program uses the same app token"); n < 9 || n > 12 {
			t.Errorf("%d reports, want one a minute\n%s", n, w.logs)
		}
		// Our only one is replaced all the same: it makes room for its successor.
		for range 60 {
			w.slack.Disconnect("warning")
			time.Sleep(time.Minute)
		}
		s, up := socketsOf(w.bot)
		if s.Reconnects["warning"] == 0 || up == 0 {
			t.Errorf("%d up, %+v; want a replacement in the place of the old one", up, s)
		}
		leave()
		time.Sleep(2 * time.Minute)
		if h := w.bot.Health(); h.Sockets != 2 {
			t.Errorf("%d sockets after the other program has left", h.Sockets)
		}
		w.answered(general, w.post(ann, general, "", "@bobbin hello"), 1)
	})
}

// A token that is revoked while the bot runs ends it.
func TestAppTokenIsRevoked(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.slack.Fault(slacksim.Fault{Method: "apps.connections.open", Error: "token_revoked"})
		w.slack.Disconnect("")
		if err := <-w.stopped; !errors.Is(err, bot.ErrSlackAppAuth) || !strings.Contains(err.Error(), "token_revoked") {
			t.Errorf("Run returned %v, want ErrSlackAppAuth", err)
		}
		w.slack.ClearFaults()
		w.stopped <- nil
		w.halt()
		w.start()
	})
}

// Whatever Slack sends is acknowledged, also what nobody understands.
func TestStrangeEnvelopesAreAcknowledged(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		for kind, payloads := range map[string][]string{
			"interactive": {`{"type":"block_actions","actions":"no list"}`, `["no object"]`, `null`,
				`{"type":"block_actions","actions":[{"action_id":7}],"message":{"blocks":[{"type":"from_the_future"}]}}`},
			"slash_commands":  {`"no object"`, `{"command":7}`},
			"events_api":      {`7`, `{"type":"event_callback","event":{"type":"message","text":{}}}`},
			"from_the_future": {`{}`, `null`},
		} {
			for _, payload := range payloads {
				w.slack.Envelope(kind, json.RawMessage(payload))
			}
		}
		for _, inner := range []string{`{"type":"from_the_future"}`, `{"type":"message","blocks":[{"type":7}]}`} {
			if _, err := w.slack.Event(json.RawMessage(inner)); err != nil {
				t.Fatal(err)
			}
		}
		for _, body := range []string{`{}`, `"text"`, `{"type":7}`} {
			w.slack.Frame(json.RawMessage(body))
		}
		w.settle()
		for _, d := range w.slack.Deliveries() {
			if d.AckedAt.IsZero() || d.Attempt > 0 {
				t.Errorf("not acknowledged at once: %+v", d)
			}
		}
		s, _ := socketsOf(w.bot)
		if s.Received != 12 || s.Acked != 12 || s.Unknown != 2 || s.Unreadable != 3 {
			t.Errorf("%+v; want 12 envelopes acknowledged, 2 of them unknown, and 3 frames unreadable", s)
		}
	})
}
