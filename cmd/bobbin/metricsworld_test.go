package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/llm/llmsim/memnet"
)

// metricsWorld is a modelWorld that is counted, as run wires it.
type metricsWorld struct {
	*modelWorld
	metrics *metrics
}

// newMetricsWorld has two providers, of which the second has no price. Nothing is
// tried twice unless retries says so.
func newMetricsWorld(t *testing.T, gateway providerConfig, retries int) *metricsWorld {
	t.Helper()
	providers := []providerConfig{gateway, {}}
	w := &metricsWorld{modelWorld: &modelWorld{}}
	for i := range providers {
		sim, l := llmsim.New(llmsim.Options{Models: []string{llmsim.DefaultModel, "step-9"}, Answer: func(llmsim.Request) llmsim.Script {
			return paced(llmsim.StepFun("One two three four."))
		}}), memnet.Listen()
		sim.Start(l)
		w.sims, w.dials = append(w.sims, sim), append(w.dials, l)
		p := &providers[i]
		p.Name, p.Model, p.MaxRetries = []string{"gateway", "relay"}[i], llmsim.DefaultModel, &retries
		p.BaseURL, p.APIKey = fmt.Sprintf("http://%d.test/v1", i), "sk-test"
	}
	w.metrics = newMetrics(build{"v1", "abc", "go1.26"}, providers)
	m, err := wireModel(providers, wiring{recorder: recorders{w, w.metrics}, dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		i, _, _ := strings.Cut(addr, ".")
		return w.dials[slices.Index([]string{"0", "1"}, i)].DialContext(ctx, network, addr)
	}})
	if err != nil {
		t.Fatal(err)
	}
	m.provider = w.metrics.counted(m.provider)
	w.model = m
	w.metrics.watch(metricsSources{breakers: m.states, loads: m.loads})
	ctx, cancel := context.WithCancel(t.Context())
	w.stop = cancel
	w.wg.Go(func() { w.probe(ctx) })
	return w
}

// paced takes time, as everything does but simulated servers.
func paced(s llmsim.Script) llmsim.Script {
	s.FirstToken, s.Gap = time.Second, 100*time.Millisecond
	return s
}

// scrape returns what /metrics says, by series as it is written there.
func scrape(t *testing.T, m *metrics) map[string]float64 {
	t.Helper()
	r := httptest.NewRecorder()
	m.handler().ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if r.Code != http.StatusOK {
		t.Fatalf("status %d: %s", r.Code, r.Body)
	}
	series := map[string]float64{}
	for line := range strings.Lines(r.Body.String()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "} "); ok && line[0] != '#' {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			series[name+"}"] = n
		}
	}
	return series
}

// counts are the llm_* series that are not zero, without tokens, cost and times:
// each is what happened so often, or is so.
func counts(series map[string]float64) map[string]float64 {
	series = maps.Clone(series)
	maps.DeleteFunc(series, func(name string, n float64) bool {
		name, _, _ = strings.Cut(name, "{")
		return n == 0 || !strings.HasPrefix(name, "llm_") || name == "llm_tokens_total" || name == "llm_cost_usd_total" ||
			strings.HasSuffix(name, "_bucket") || strings.HasSuffix(name, "_sum")
	})
	return series
}

func shown(series map[string]float64) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(series)) {
		fmt.Fprintln(&b, name, series[name])
	}
	return b.String()
}

// checkBill: tokens are those that the servers billed, and the cost is theirs.
func (w *metricsWorld) checkBill(t *testing.T, series map[string]float64) {
	t.Helper()
	sum := func(name string, labels ...string) (sum float64) {
		for s, n := range series {
			matches := strings.HasPrefix(s, name+"{")
			for _, l := range labels {
				matches = matches && strings.Contains(s, l)
			}
			if matches {
				sum += n
			}
		}
		return sum
	}
	for i, name := range []string{`provider="gateway"`, `provider="relay"`} {
		tokens := func(kind string) int { return int(sum("llm_tokens_total", name, `type="`+kind+`"`)) }
		got := llmsim.Usage{PromptTokens: tokens("input"), CachedTokens: tokens("cached"),
			CompletionTokens: tokens("output"), ReasoningTokens: tokens("reasoning")}
		if billed := w.sims[i].Billed(); got != billed {
			t.Errorf("%s: counted %+v, billed %+v", name, got, billed)
		}
	}
	cost, want := sum("llm_cost_usd_total"), 0.42e-6*float64(w.sims[0].Billed().Total())
	if diff := cost - want; diff > 1e-12 || diff < -1e-12 {
		t.Errorf("counted $%v, billed $%v", cost, want)
	}
}
