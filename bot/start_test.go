package bot_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/llmsim/memnet"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// startBot runs a bot that is expected to give up, and returns why and when.
func startBot(ctx context.Context, t *testing.T, so bot.SlackOptions) (took time.Duration, err error) {
	t.Helper()
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "bobbin.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	so.APIURL = "http://slack.test/api/"
	b, err := bot.New(bot.Options{Slack: so, Provider: never{}, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	err = b.Run(ctx)
	return time.Since(begun), err
}

// never is a provider that must not be asked.
type never struct{ llm.Provider }

func (never) Name() string { return "never" }

func TestSlackRefusesATokenAtStart(t *testing.T) {
	for _, c := range []struct {
		name     string
		bot, app string
		want     error
	}{
		{"bot token", "xoxb-wrong", "xapp-sim", bot.ErrSlackAuth},
		{"app token", "xoxb-sim", "xapp-wrong", bot.ErrSlackAppAuth},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				workspace, l := slacksim.New(slacksim.Options{}), memnet.Listen()
				server := &http.Server{Handler: workspace}
				var wg sync.WaitGroup
				wg.Go(func() { server.Serve(l) })
				took, err := startBot(t.Context(), t, bot.SlackOptions{BotToken: c.bot, AppToken: c.app, DialContext: l.DialContext})
				if !errors.Is(err, c.want) || !strings.Contains(err.Error(), "invalid_auth") || took > time.Second {
					t.Errorf("Run returned %v after %v; want %v at once", err, took, c.want)
				}
				if strings.Contains(err.Error(), "wrong") {
					t.Errorf("the error shows the token: %v", err)
				}
				workspace.Close()
				server.Close()
				wg.Wait()
			})
		})
	}
}

// A network that comes up late is waited for; one that does not come up is
// reported.
func TestSlackUnreachableAtStart(t *testing.T) {
	refuse := func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
	synctest.Test(t, func(t *testing.T) {
		took, err := startBot(t.Context(), t, bot.SlackOptions{BotToken: "xoxb-sim", AppToken: "xapp-sim", DialContext: refuse})
		if !errors.Is(err, bot.ErrSlackUnreachable) || !errors.Is(err, syscall.ECONNREFUSED) || took < 15*time.Second || took > 31*time.Second {
			t.Errorf("Run returned %v after %v; want ErrSlackUnreachable with its cause, after about half a minute", err, took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		workspace, l := slacksim.New(slacksim.Options{}), memnet.Listen()
		server := &http.Server{Handler: workspace}
		var wg sync.WaitGroup
		wg.Go(func() { server.Serve(l) })
		up := time.Now().Add(10 * time.Second)
		late := func(ctx context.Context, network, addr string) (net.Conn, error) {
			if time.Now().Before(up) {
				return nil, syscall.ECONNREFUSED
			}
			return l.DialContext(ctx, network, addr)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		wg.Go(func() {
			if _, err := startBot(ctx, t, bot.SlackOptions{BotToken: "xoxb-sim", AppToken: "xapp-sim", DialContext: late}); err != nil {
				t.Error(err)
			}
		})
		if err := workspace.Wait(ctx, func() bool { return workspace.Sockets() > 0 }); err != nil {
			t.Errorf("no socket a minute after the network came up: %v", err)
		}
		cancel()
		workspace.Close()
		server.Close()
		wg.Wait()
	})
}
