package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// allSources have something for each series.
func allSources() metricsSources {
	return metricsSources{
		health: func() bot.Health { return bot.Health{Sockets: 1, WantSockets: 2, LiveReplies: 3} },
		pacer: func() []bot.MethodState {
			return []bot.MethodState{{Method: "chat.update", Budget: 25, Used: 4, Waiting: 5, Granted: 6, Refused: 7}}
		},
		breakers: func() []llm.BreakerState {
			return []llm.BreakerState{{Provider: "a", Phase: llm.BreakerClosed}, {Provider: "b", Phase: llm.BreakerHalfOpen}, {Provider: "c", Phase: llm.BreakerOpen}}
		},
		loads: func() []llm.ThrottleState { return []llm.ThrottleState{{Provider: "a", Running: 8, Waiting: 9}} },
		store: func() (boltstore.Stats, error) { return boltstore.Stats{FileBytes: 1 << 40, FreeBytes: 4096}, nil },
	}
}

// What is read at the scrape, word for word: dashboards and alerts are written
// against it.
func TestMetricsOfState(t *testing.T) {
	m := newMetrics(build{"v1.2.3", "abc", "go1.26"}, nil)
	names := []string{
		"bobbin_info", "bobbin_live_replies", "bobbin_slack_budget_limit", "bobbin_slack_budget_used", "bobbin_slack_budget_waiting",
		"bobbin_slack_calls_total", "bobbin_slack_sockets", "bobbin_slack_sockets_wanted", "bobbin_store_bytes", "bobbin_store_free_bytes",
		"bobbin_turns_total", "llm_breaker_state", "llm_inflight", "llm_queue_depth",
	}
	m.observeTurn(storage.Turn{State: storage.StateDone})
	m.observeTurn(storage.Turn{State: storage.StateFailed})
	m.watch(allSources())
	const want = `
# HELP bobbin_info What runs. Always 1.
# TYPE bobbin_info gauge
bobbin_info{commit="abc",go="go1.26",version="v1.2.3"} 1
# HELP bobbin_live_replies Replies that are being written.
# TYPE bobbin_live_replies gauge
bobbin_live_replies 3
# HELP bobbin_slack_budget_limit Calls a minute that the pacer allows at present: less after a 429.
# TYPE bobbin_slack_budget_limit gauge
bobbin_slack_budget_limit{method="chat.update"} 25
# HELP bobbin_slack_budget_used Calls to Slack's Web API in the last minute.
# TYPE bobbin_slack_budget_used gauge
bobbin_slack_budget_used{method="chat.update"} 4
# HELP bobbin_slack_budget_waiting Calls that wait for their turn.
# TYPE bobbin_slack_budget_waiting gauge
bobbin_slack_budget_waiting{method="chat.update"} 5
# HELP bobbin_slack_calls_total Calls to Slack's Web API: granted by the pacer, and those of them that Slack has refused with 429. Do not add them up.
# TYPE bobbin_slack_calls_total counter
bobbin_slack_calls_total{method="chat.update",outcome="granted"} 6
bobbin_slack_calls_total{method="chat.update",outcome="refused"} 7
# HELP bobbin_slack_sockets Socket Mode connections that Slack has greeted.
# TYPE bobbin_slack_sockets gauge
bobbin_slack_sockets 1
# HELP bobbin_slack_sockets_wanted Socket Mode connections that there should be.
# TYPE bobbin_slack_sockets_wanted gauge
bobbin_slack_sockets_wanted 2
# HELP bobbin_store_bytes Size of the store's file.
# TYPE bobbin_store_bytes gauge
bobbin_store_bytes 1.099511627776e+12
# HELP bobbin_store_free_bytes What of bobbin_store_bytes is free for the next writes.
# TYPE bobbin_store_free_bytes gauge
bobbin_store_free_bytes 4096
# HELP bobbin_turns_total Turns that have ended, by their last state.
# TYPE bobbin_turns_total counter
bobbin_turns_total{state="cancelled"} 0
bobbin_turns_total{state="done"} 1
bobbin_turns_total{state="failed"} 1
bobbin_turns_total{state="interrupted"} 0
bobbin_turns_total{state="rejected"} 0
# HELP llm_breaker_state Phase of the provider's breaker: 0 is closed (calls pass), 1 half-open (one call is tried), 2 open (none pass).
# TYPE llm_breaker_state gauge
llm_breaker_state{provider="a"} 0
llm_breaker_state{provider="b"} 1
llm_breaker_state{provider="c"} 2
# HELP llm_inflight Calls to the provider that are under way, probes included.
# TYPE llm_inflight gauge
llm_inflight{provider="a"} 8
# HELP llm_queue_depth Requests that wait in the provider's queue, probes included.
# TYPE llm_queue_depth gauge
llm_queue_depth{provider="a"} 9
`
	if err := testutil.GatherAndCompare(m.registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

// Without a bot yet, with a part of the sources, and with a store that is closed:
// a scrape tells what there is.
func TestMetricsWithoutSources(t *testing.T) {
	m := newMetrics(build{}, oneProvider())
	body := func() string {
		r := httptest.NewRecorder()
		m.handler().ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if r.Code != http.StatusOK {
			t.Fatalf("status %d: %s", r.Code, r.Body)
		}
		return r.Body.String()
	}
	expect := func(when string, present, absent []string) {
		t.Helper()
		text := body()
		for _, name := range present {
			if !strings.Contains(text, "\n"+name) {
				t.Errorf("%s: no %s", when, name)
			}
		}
		for _, name := range absent {
			if strings.Contains(text, name) {
				t.Errorf("%s: %s is there", when, name)
			}
		}
	}
	always := []string{"llm_attempts_total{", "bobbin_info{", "bobbin_turns_total{", "go_goroutines ", "process_start_time_seconds "}
	expect("before watch", always, []string{"bobbin_slack", "bobbin_store", "llm_breaker_state", "llm_inflight"})
	m.watch(metricsSources{})
	expect("no sources", always, []string{"bobbin_slack", "bobbin_store", "llm_breaker_state", "llm_inflight"})
	s := allSources()
	s.pacer = nil
	s.store = func() (boltstore.Stats, error) { return boltstore.Stats{}, storage.ErrClosed }
	m.watch(s)
	expect("a closed store", append(always, "bobbin_slack_sockets ", "llm_inflight{"), []string{"bobbin_slack_calls", "bobbin_store"})
}

// Prometheus' own rules for names and help. The llm_* names were given.
func TestMetricsLint(t *testing.T) {
	m := newMetrics(build{}, oneProvider())
	for _, e := range everyKind() {
		m.Record(t.Context(), e)
	}
	m.watch(allSources())
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
