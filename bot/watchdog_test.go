package bot_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// A half-open connection is replaced within a minute, and what was sent into it
// is answered from Slack's next try.
func TestHalfOpenSocketIsReplaced(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, _ *llmsim.Options) {
		w.options.Slack.Connections = 1
	}, func(w *world) {
		time.Sleep(5 * time.Minute)
		first := w.bot.Sockets()[0]
		if quiet := time.Since(first.LastHeard); !first.Connected || quiet > 15*time.Second {
			t.Errorf("%+v: last heard %v ago, with pings every 10 s", first, quiet)
		}
		w.slack.HalfOpen()
		ts := w.post(ann, general, "", "@bobbin hello")
		time.Sleep(time.Minute)
		s := w.bot.Sockets()[0]
		if !s.Connected || s.Reconnects["silent"] != 1 || !s.Since.After(first.Since) {
			t.Errorf("a minute after the connection went silent: %+v", s)
		}
		if !strings.Contains(w.logs.String(), "reason=silent") || !strings.Contains(w.logs.String(), "nothing received") {
			t.Errorf("the log does not say why:\n%s", w.logs)
		}
		w.answered(general, ts, 1)
	})
}

// A quiet connection is asked before it is given up.
func TestSocketWithoutPingsIsKept(t *testing.T) {
	inWorld(t, func(_ *world, s *slacksim.Options, _ *llmsim.Options) {
		s.PingInterval = 24 * time.Hour
	}, func(w *world) {
		time.Sleep(time.Hour)
		if s, up := socketsOf(w.bot); up != 2 || len(s.Reconnects) > 0 {
			t.Errorf("%d up, %+v; want both kept: they answer our pings", up, s)
		}
		for _, s := range w.bot.Sockets() {
			if time.Since(s.LastHeard) > 30*time.Second {
				t.Errorf("%+v: last heard %v ago", s, time.Since(s.LastHeard))
			}
		}
	})
}

// A place whose opening hangs is filled soon after the network is back.
func TestOpeningThatHangs(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.halt()
		dial := w.slackIn.DialContext
		var hangs atomic.Bool
		w.options.Slack.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if hangs.Load() {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return dial(ctx, network, addr)
		}
		w.start()
		w.wait("both sockets", func() bool { return w.slack.Sockets() == 2 })
		hangs.Store(true)
		w.slack.Disconnect("")
		time.Sleep(5 * time.Minute)
		hangs.Store(false)
		begun := time.Now()
		w.wait("a socket", func() bool { return w.slack.Sockets() > 0 })
		if took := time.Since(begun); took > 45*time.Second {
			t.Errorf("a socket %v after the network was back", took)
		}
		w.answered(general, w.post(ann, general, "", "@bobbin hello"), 1)
	})
}
