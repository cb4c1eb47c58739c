package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/llm"
)

// serveHealth serves /healthz (the process lives) and /readyz (it can answer:
// Slack is connected and a provider takes calls). stop waits for it to end. An
// empty address serves nothing.
func serveHealth(addr string, b *bot.Bot, m model, log *slog.Logger) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("http.listen: %w; choose another address, or leave it empty to switch it off", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if problems := notReady(b.Health(), m.states()); len(problems) > 0 {
			http.Error(w, strings.Join(problems, "\n"), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("health endpoint stopped", "err", err)
		}
	})
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			server.Close()
		}
		wg.Wait()
	}, nil
}

func notReady(h bot.Health, providers []llm.BreakerState) []string {
	var problems []string
	if h.Sockets == 0 {
		problems = append(problems, "slack: no connection")
	}
	for _, p := range providers {
		if p.Phase != llm.BreakerOpen {
			return problems
		}
	}
	return append(problems, "llm: every provider is paused after failures")
}
