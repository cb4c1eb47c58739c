package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

func oneProvider() []providerConfig { return []providerConfig{{Name: "gateway", Model: "step-2-chat"}} }

// An unknown price is not zero: such a call adds nothing to the cost, and there
// is no series that says 0.
func TestMetricsOfUnknownPrices(t *testing.T) {
	m := newMetrics(build{}, oneProvider())
	record := func(u llm.Usage, p *llm.Price) {
		m.Record(t.Context(), llm.Event{Attempt: &llm.Attempt{Provider: "gateway", Model: "step-2-chat", Usage: u, Price: p}})
	}
	record(llm.Usage{InputTokens: 10, OutputTokens: 5, Estimated: true}, nil)
	record(llm.Usage{}, nil) // refused: costs nothing at any price
	if n := testutil.CollectAndCount(m.cost); n != 0 {
		t.Errorf("%d series of cost before anything with a price was bought", n)
	}
	record(llm.Usage{InputTokens: 1_000_000}, &llm.Price{Input: 420_000_000})
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"unpriced calls", testutil.ToFloat64(m.unpriced), 1},
		{"estimated", testutil.ToFloat64(m.estimated), 1},
		{"cost", testutil.ToFloat64(m.cost), 0.42},
		{"attempts", testutil.ToFloat64(m.attempts), 3},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}

// Whatever a provider reports: it makes no more series than there may be, and
// breaks neither the counting nor the scrape.
func TestMetricsBoundTheModels(t *testing.T) {
	m := newMetrics(build{}, oneProvider())
	report := func(model string, tokens int64) {
		m.Record(t.Context(), llm.Event{Attempt: &llm.Attempt{Provider: "gateway", Model: model,
			Usage: llm.Usage{InputTokens: tokens, CachedInputTokens: tokens, OutputTokens: tokens, ReasoningTokens: tokens},
			Price: &llm.Price{Input: 1e9, Output: 1e9}}})
	}
	for _, odd := range []string{"\xff\xfe", strings.Repeat("x", 1<<20), "a\nb\"c\\", ""} {
		report(odd, 1)
	}
	report("step-2-chat", -7)
	for i := range 10_000 {
		report(fmt.Sprint("model ", i), 1)
	}
	report("step-2-chat", 1)
	series := scrape(t, m)
	models, sum := 0, 0.0
	for name, n := range series {
		if strings.HasPrefix(name, "llm_tokens_total{") && strings.Contains(name, `type="input"`) {
			models++
			sum += n
		}
	}
	if models > maxModels+1 || sum != 10_005 {
		t.Errorf("%d models with %v tokens, want at most %d and all 10005 tokens", models, sum, maxModels+1)
	}
	if got := series[`llm_tokens_total{model="step-2-chat",provider="gateway",type="input"}`]; got != 1 {
		t.Errorf("the configured model has %v tokens, want 1", got)
	}
}

// Each move is counted with the phase that it left, also if two goroutines told
// of theirs in the wrong order.
func TestMetricsOfBreakerMoves(t *testing.T) {
	const closed, half, open = llm.BreakerClosed, llm.BreakerHalfOpen, llm.BreakerOpen
	for _, c := range []struct {
		name string
		told []llm.BreakerPhase
		want map[[2]llm.BreakerPhase]float64
	}{
		{"there and back", []llm.BreakerPhase{open, half, closed, open},
			map[[2]llm.BreakerPhase]float64{{closed, open}: 2, {open, half}: 1, {half, closed}: 1}},
		{"a trial fails", []llm.BreakerPhase{open, half, open, half, open},
			map[[2]llm.BreakerPhase]float64{{closed, open}: 1, {open, half}: 2, {half, open}: 2}},
		{"a trial that is told of late", []llm.BreakerPhase{open, open, half, half, closed, open},
			map[[2]llm.BreakerPhase]float64{{closed, open}: 2, {open, half}: 2, {half, open}: 1, {half, closed}: 1}},
	} {
		m := newMetrics(build{}, oneProvider())
		for _, phase := range c.told {
			m.Record(t.Context(), llm.Event{Breaker: &llm.BreakerState{Provider: "gateway", Phase: phase}})
		}
		for _, from := range []llm.BreakerPhase{closed, half, open} {
			for _, to := range []llm.BreakerPhase{closed, half, open} {
				got := testutil.ToFloat64(m.transitions.WithLabelValues("gateway", string(from), string(to)))
				if want := c.want[[2]llm.BreakerPhase{from, to}]; got != want {
					t.Errorf("%s: %s to %s %v times, want %v", c.name, from, to, got, want)
				}
			}
		}
	}
}

// everyKind has an event of each kind.
func everyKind() []llm.Event {
	quota := llm.Quota{Limit: 100, Remaining: 7, Reset: time.Second}
	failed := &llm.Error{Class: llm.ClassServer}
	usage := llm.Usage{InputTokens: 100, OutputTokens: 20}
	return []llm.Event{
		{},
		{Attempt: &llm.Attempt{Provider: "gateway", Model: "step-2-chat", Usage: usage, Price: &llm.Price{Input: 420_000_000},
			FirstToken: time.Second, LongestGap: time.Second}},
		{Attempt: &llm.Attempt{Provider: "gateway", Model: "another", Usage: usage, Err: failed}},
		{Attempt: &llm.Attempt{Provider: "gateway", Model: "step-2-chat", Probe: true}},
		{Wait: &llm.Wait{Provider: "gateway", Outcome: "granted"}},
		{Breaker: &llm.BreakerState{Provider: "gateway", Phase: llm.BreakerOpen}},
		{Switch: &llm.Switch{From: "gateway", To: "relay", Class: llm.ClassServer}},
		{Denied: &llm.Denied{Provider: "gateway", Class: llm.ClassServer}},
		{RateLimit: &llm.RateLimit{Provider: "gateway", Requests: quota}},
	}
}

// Events, turns, scrapes and the sources' coming may all be at the same time.
func TestMetricsAtTheSameTime(t *testing.T) {
	const each = 200
	m := newMetrics(build{}, oneProvider())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range each {
				for _, e := range everyKind() {
					m.Record(context.Background(), e)
				}
				m.observeTurn(storage.Turn{State: storage.StateDone})
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			scrape(t, m)
			m.watch(metricsSources{
				health: func() bot.Health { return bot.Health{Sockets: 2} },
				store:  func() (boltstore.Stats, error) { return boltstore.Stats{}, storage.ErrClosed },
			})
		}
	})
	wg.Wait()
	if n := testutil.ToFloat64(m.turns.WithLabelValues("done")); n != 4*each {
		t.Errorf("%v turns, want %d", n, 4*each)
	}
	if n := testutil.CollectAndCount(m.remaining); n != 1 {
		t.Errorf("%d quotas, want the one that was told", n)
	}
	if n := testutil.ToFloat64(m.attempts.WithLabelValues("gateway", "server")); n != 4*each {
		t.Errorf("%v failed attempts, want %d", n, 4*each)
	}
}

// What an event costs on the way of an answer.
func BenchmarkMetricsRecord(b *testing.B) {
	for _, e := range everyKind() {
		name := "nothing"
		switch {
		case e.Attempt != nil && e.Attempt.Probe:
			name = "probe"
		case e.Attempt != nil:
			name = "attempt " + e.Attempt.Outcome()
		case e.Wait != nil:
			name = "wait"
		case e.Breaker != nil:
			name = "breaker"
		case e.Switch != nil:
			name = "switch"
		case e.Denied != nil:
			name = "denied"
		case e.RateLimit != nil:
			name = "limit"
		}
		b.Run(name, func(b *testing.B) {
			m := newMetrics(build{}, oneProvider())
			b.ReportAllocs()
			for b.Loop() {
				m.Record(b.Context(), e)
			}
		})
	}
}
