package main

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// metricsSources are what a scrape reads. Each is called from several goroutines
// at once; one that is nil has no series.
type metricsSources struct {
	health   func() bot.Health
	pacer    func() []bot.MethodState
	breakers func() []llm.BreakerState
	loads    func() []llm.ThrottleState
	// store has no series while it returns an error either, such as after the
	// store was closed: the scrape still tells everything else.
	store func() (boltstore.Stats, error)
}

// stateCollector reads the sources at each scrape. It tells nothing before there
// are any.
type stateCollector struct {
	sources *atomic.Pointer[metricsSources] // points to nil until there are
	all     []*prometheus.Desc

	sockets, socketsWanted, liveReplies             *prometheus.Desc
	slackCalls, slackUsed, slackLimit, slackWaiting *prometheus.Desc
	breaker, queueDepth, inflight                   *prometheus.Desc
	storeBytes, storeFreeBytes                      *prometheus.Desc
}

var _ prometheus.Collector = (*stateCollector)(nil)

func newStateCollector(sources *atomic.Pointer[metricsSources]) *stateCollector {
	c := &stateCollector{sources: sources}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		d := prometheus.NewDesc(name, help, labels, nil)
		c.all = append(c.all, d)
		return d
	}
	c.sockets = desc("bobbin_slack_sockets", "Socket Mode connections that Slack has greeted.")
	c.socketsWanted = desc("bobbin_slack_sockets_wanted", "Socket Mode connections that there should be.")
	c.liveReplies = desc("bobbin_live_replies", "Replies that are being written.")
	c.slackCalls = desc("bobbin_slack_calls_total",
		"Calls to Slack's Web API: granted by the pacer, and those of them that Slack has refused with 429. Do not add them up.", "method", "outcome")
	c.slackUsed = desc("bobbin_slack_budget_used", "Calls to Slack's Web API in the last minute.", "method")
	c.slackLimit = desc("bobbin_slack_budget_limit", "Calls a minute that the pacer allows at present: less after a 429.", "method")
	c.slackWaiting = desc("bobbin_slack_budget_waiting", "Calls that wait for their turn.", "method")
	c.breaker = desc("llm_breaker_state",
		"Phase of the provider's breaker: 0 is closed (calls pass), 1 half-open (one call is tried), 2 open (none pass).", "provider")
	c.queueDepth = desc("llm_queue_depth", "Requests that wait in the provider's queue, probes included.", "provider")
	c.inflight = desc("llm_inflight", "Calls to the provider that are under way, probes included.", "provider")
	c.storeBytes = desc("bobbin_store_bytes", "Size of the store's file.")
	c.storeFreeBytes = desc("bobbin_store_free_bytes", "What of bobbin_store_bytes is free for the next writes.")
	return c
}

// Describe implements [prometheus.Collector].
func (c *stateCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.all {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *stateCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.sources.Load()
	if s == nil {
		return
	}
	gauge := func(d *prometheus.Desc, n int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
	}
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	if s.health != nil {
		h := s.health()
		gauge(c.sockets, h.Sockets)
		gauge(c.socketsWanted, h.WantSockets)
		gauge(c.liveReplies, h.LiveReplies)
	}
	if s.pacer != nil {
		for _, m := range s.pacer() {
			counter(c.slackCalls, m.Granted, m.Method, "granted")
			counter(c.slackCalls, m.Refused, m.Method, "refused")
			gauge(c.slackUsed, m.Used, m.Method)
			gauge(c.slackLimit, m.Budget, m.Method)
			gauge(c.slackWaiting, m.Waiting, m.Method)
		}
	}
	if s.breakers != nil {
		for _, b := range s.breakers() {
			gauge(c.breaker, breakerNumber(b.Phase), b.Provider)
		}
	}
	if s.loads != nil {
		for _, l := range s.loads() {
			gauge(c.queueDepth, l.Waiting, l.Provider)
			gauge(c.inflight, l.Running, l.Provider)
		}
	}
	if s.store != nil {
		if st, err := s.store(); err == nil {
			gauge(c.storeBytes, int(st.FileBytes))
			gauge(c.storeFreeBytes, int(st.FreeBytes))
		}
	}
}

// breakerNumber is what the help of llm_breaker_state says.
func breakerNumber(p llm.BreakerPhase) int {
	switch p {
	case llm.BreakerClosed:
		return 0
	case llm.BreakerHalfOpen:
		return 1
	}
	return 2
}
