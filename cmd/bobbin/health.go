package main

import (
	"context"
	"log/slog"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/llm"
)

// serveHealth serves /healthz (the process lives) and /readyz (it can answer:
// Slack is connected and a provider takes calls). stop waits for it to end. An
// empty address serves nothing.
func serveHealth(addr string, b *bot.Bot, m model, log *slog.Logger) (stop func(), err error) {
	return serveHTTP(httpOptions{
		Listen: addr, Log: log,
		Ready: func(context.Context) []string { return notReady(b.Health(), m.states()) },
	})
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
