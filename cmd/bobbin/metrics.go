package main

import (
	"cmp"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

// metrics are what /metrics tells Prometheus: llm_* of the model side, bobbin_*
// of the bot, and those of the Go runtime and the process. It is ready before
// there is a bot; watch adds what is read from the bot's parts at each scrape.
//
// No label names a person. provider is one of the configuration, class and
// outcome are "ok" or one of llm's classes, and model is bounded by modelNames.
type metrics struct {
	registry *prometheus.Registry
	sources  atomic.Pointer[metricsSources] // nil until watch
	models   modelNames
	phases   phases
	first    string            // the provider that is asked first
	asked    map[string]string // the configured model of each provider

	// Of questions, each of which may take several calls: see counted.
	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
	restarts       *prometheus.CounterVec

	// Of calls to a provider: see Record.
	attempts        *prometheus.CounterVec
	probes          *prometheus.CounterVec
	firstToken      *prometheus.HistogramVec
	gap             *prometheus.HistogramVec
	tokens          *prometheus.CounterVec
	cost            *prometheus.CounterVec
	estimated       *prometheus.CounterVec
	unpriced        *prometheus.CounterVec
	transitions     *prometheus.CounterVec
	fallbacks       *prometheus.CounterVec
	budgetExhausted *prometheus.CounterVec
	queueWait       *prometheus.HistogramVec
	remaining       *prometheus.GaugeVec

	turns *prometheus.CounterVec
}

// newMetrics makes those of a bot with these providers, the first of which is
// asked first.
func newMetrics(b build, providers []providerConfig) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		models:   modelNames{known: map[string]map[string]string{}},
		phases:   phases{last: map[string]llm.BreakerPhase{}},
		asked:    map[string]string{},
	}
	for _, p := range providers {
		m.first = cmp.Or(m.first, p.Name)
		m.asked[p.Name] = p.Model
		m.models.known[p.Name] = map[string]string{p.Model: p.Model}
	}
	m.registry.MustRegister(newStateCollector(&m.sources),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.makeSeries(promauto.With(m.registry), b)
	m.startAtZero(providers)
	return m
}

// handler serves the metrics.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// watch makes each scrape from now on read s. It may be called at any time.
func (m *metrics) watch(s metricsSources) { m.sources.Store(&s) }

// observeTurn is for [bot.Options.Observe].
func (m *metrics) observeTurn(t storage.Turn) { m.turns.WithLabelValues(string(t.State)).Inc() }

// makeSeries registers what is counted as it happens.
func (m *metrics) makeSeries(make promauto.Factory, b build) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return make.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	seconds := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return make.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.01, 2, 14), // to 81.92 s
		}, labels)
	}
	m.requests = counter("llm_requests_total",
		"Questions, by who answered or failed last, the model that was asked for, and how it ended. Each may take several attempts.",
		"provider", "model", "outcome")
	m.requestSeconds = seconds("llm_request_seconds",
		"From a question to the end of its answer, with all queues, retries and fallbacks.", "provider", "outcome")
	m.restarts = counter("llm_restarts_total",
		"Answers begun again by this provider after text of another one had been shown, which failed with class.", "provider", "class")
	m.attempts = counter("llm_attempts_total", "Calls to a provider for a question. Probes are not in it.", "provider", "class")
	m.probes = counter("llm_probes_total",
		"Calls to a provider that has failed, to find out whether it is back. A look at its list of models alone is not in it.", "provider", "class")
	m.firstToken = seconds("llm_time_to_first_token_seconds",
		"From the start of a call to its first token. Time in the queue and probes are not in it.", "provider")
	m.gap = seconds("llm_stream_gap_seconds", "The longest silence in each streamed answer. Probes are not in it.", "provider")
	const reported = " By the model that the provider reports. Probes are in it: they are paid for."
	m.tokens = counter("llm_tokens_total",
		"Tokens. cached is part of input, reasoning of output: add up input and output alone."+reported, "provider", "model", "type")
	m.cost = counter("llm_cost_usd_total", "Cost of calls whose price is known, in USD."+reported, "provider", "model")
	m.estimated = counter("llm_usage_estimated_total", "Calls whose tokens are guessed, as the provider did not report them."+reported,
		"provider", "model")
	m.unpriced = counter("llm_unpriced_calls_total", "Calls that used tokens whose price is unknown: missing in llm_cost_usd_total."+reported,
		"provider", "model")
	m.transitions = counter("llm_breaker_transitions_total", "Moves of a provider's breaker from one phase to another.", "provider", "from", "to")
	m.fallbacks = counter("llm_fallbacks_total", "Turns to the next provider, and the class of the failure before.", "from", "to", "class")
	m.budgetExhausted = counter("llm_retry_budget_exhausted_total", "Retries not made, as there were too many already.", "provider")
	m.queueWait = seconds("llm_queue_wait_seconds",
		"Time in a provider's queue; outcome is granted, cancelled, the class of the refusal, or probe.", "provider", "outcome")
	m.remaining = make.NewGaugeVec(prometheus.GaugeOpts{Name: "llm_ratelimit_remaining",
		Help: "Requests or tokens left of the provider's limit, as it told with its latest answer."}, []string{"provider", "kind"})
	m.turns = counter("bobbin_turns_total", "Turns that have ended, by their last state.", "state")
	make.NewGaugeVec(prometheus.GaugeOpts{Name: "bobbin_info", Help: "What runs. Always 1."}, []string{"version", "commit", "go"}).
		WithLabelValues(b.version, b.commit, b.goVersion).Set(1)
}

// startAtZero makes the series that alerts are about: Prometheus sees no
// increase in a series that begins at 1. Cost is not among them, for an unknown
// price is not zero.
func (m *metrics) startAtZero(providers []providerConfig) {
	const ok = "ok"
	for _, p := range providers {
		model := m.models.label(p.Name, p.Model)
		m.requests.WithLabelValues(p.Name, model, ok)
		m.attempts.WithLabelValues(p.Name, ok)
		m.unpriced.WithLabelValues(p.Name, model)
		m.budgetExhausted.WithLabelValues(p.Name)
		for _, kind := range []string{"input", "cached", "output", "reasoning"} {
			m.tokens.WithLabelValues(p.Name, model, kind)
		}
		m.transitions.WithLabelValues(p.Name, string(llm.BreakerClosed), string(llm.BreakerOpen))
	}
	for _, s := range []storage.State{storage.StateDone, storage.StateFailed, storage.StateInterrupted, storage.StateCancelled, storage.StateRejected} {
		m.turns.WithLabelValues(string(s))
	}
}
