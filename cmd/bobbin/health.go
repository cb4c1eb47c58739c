package main

import (
	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// notReady is what is in the way of answering: /readyz says it.
func notReady(h bot.Health, providers []llm.BreakerState, store *boltstore.Store) []string {
	var problems []string
	if h.Sockets == 0 {
		problems = append(problems, "slack: no connection")
	}
	if err := store.Failed(); err != nil {
		problems = append(problems, "store: "+err.Error())
	}
	for _, p := range providers {
		if p.Phase != llm.BreakerOpen {
			return problems
		}
	}
	return append(problems, "llm: every provider is paused after failures")
}
