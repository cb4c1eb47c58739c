package main

import (
	"context"
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// What happens is counted, each thing where it belongs and nothing elsewhere;
// and the tokens are those that were billed.
func TestMetricsOfWhatHappens(t *testing.T) {
	const model = `model="step-2-chat"`
	question := func(w *metricsWorld) { w.ask(context.Background(), "U1", "How are you?") }
	down := func(d llmsim.Down) func(*metricsWorld) {
		return func(w *metricsWorld) { w.sims[0].SetDown(d); question(w) }
	}
	// One question whose one call gave text in several pieces.
	one := func(provider, outcome, class string) map[string]float64 {
		return map[string]float64{
			`llm_requests_total{` + model + `,outcome="` + outcome + `",provider="` + provider + `"}`: 1,
			`llm_request_seconds_count{outcome="` + outcome + `",provider="` + provider + `"}`:        1,
			`llm_attempts_total{class="` + class + `",provider="` + provider + `"}`:                   1,
			`llm_queue_wait_seconds_count{outcome="granted",provider="` + provider + `"}`:             1,
			`llm_time_to_first_token_seconds_count{provider="` + provider + `"}`:                      1,
			`llm_stream_gap_seconds_count{provider="` + provider + `"}`:                               1,
		}
	}
	with := func(base, more map[string]float64) map[string]float64 {
		base = maps.Clone(base)
		maps.Copy(base, more)
		return base
	}
	without := func(base map[string]float64, series string) map[string]float64 {
		base = maps.Clone(base)
		delete(base, series)
		return base
	}
	answered, cancelled := one("gateway", "ok", "ok"), one("gateway", "cancelled", "cancelled")
	relayed := with(one("relay", "ok", "ok"), map[string]float64{
		`llm_unpriced_calls_total{` + model + `,provider="relay"}`:           1,
		`llm_queue_wait_seconds_count{outcome="granted",provider="gateway"}`: 1,
	})
	for _, c := range []struct {
		name    string
		config  providerConfig
		retries int
		do      func(*metricsWorld)
		want    map[string]float64
	}{
		{"an answer", providerConfig{}, 0, func(w *metricsWorld) {
			s := paced(llmsim.StepFun("One two three."))
			s.Reasoning, s.Cached = "They want to know how I am.", 2
			w.sims[0].Enqueue(s)
			question(w)
		}, answered},
		{"503, then the other", providerConfig{}, 0, down(llmsim.Down{Status: 503}), with(relayed, map[string]float64{
			`llm_attempts_total{class="server",provider="gateway"}`:         1,
			`llm_fallbacks_total{class="server",from="gateway",to="relay"}`: 1,
		})},
		{"429, then again", providerConfig{}, 3, func(w *metricsWorld) {
			w.sims[0].Enqueue(llmsim.RateLimited(time.Second))
			question(w)
		}, with(answered, map[string]float64{
			`llm_attempts_total{class="rate_limit",provider="gateway"}`:          1,
			`llm_queue_wait_seconds_count{outcome="granted",provider="gateway"}`: 2,
		})},
		{"the breaker opens", providerConfig{}, 0, down(llmsim.Down{Status: 401}), with(relayed, map[string]float64{
			`llm_attempts_total{class="auth",provider="gateway"}`:                       1,
			`llm_fallbacks_total{class="auth",from="gateway",to="relay"}`:               1,
			`llm_breaker_transitions_total{from="closed",provider="gateway",to="open"}`: 1,
			`llm_breaker_state{provider="gateway"}`:                                     2,
		})},
		{"a cut stream begins again", providerConfig{}, 0, func(w *metricsWorld) {
			w.sims[0].Enqueue(paced(llmsim.Script{Text: "one two three four", UsageIn: llmsim.UsageCumulative, Fault: llmsim.Fault{Kind: llmsim.Cut, After: 2}}))
			question(w)
		}, with(relayed, map[string]float64{
			`llm_attempts_total{class="truncated",provider="gateway"}`:         1,
			`llm_fallbacks_total{class="truncated",from="gateway",to="relay"}`: 1,
			`llm_restarts_total{class="truncated",provider="relay"}`:           1,
			`llm_time_to_first_token_seconds_count{provider="gateway"}`:        1,
			`llm_stream_gap_seconds_count{provider="gateway"}`:                 1,
		})},
		{"a stop in the middle", providerConfig{}, 0, func(w *metricsWorld) {
			ctx, stop := context.WithCancelCause(context.Background())
			time.AfterFunc(1150*time.Millisecond, func() { stop(errors.New("somebody pressed Stop")) })
			w.ask(ctx, "U1", "How are you?")
		}, cancelled},
		{"a reader that leaves", providerConfig{}, 0, func(w *metricsWorld) {
			for d := range w.provider.Stream(context.Background(), llm.Request{Messages: []llm.Message{{Content: "?"}}}) {
				if d.Text != "" {
					break
				}
			}
		}, without(cancelled, `llm_stream_gap_seconds_count{provider="gateway"}`)},
		{"a chosen model that the first does not know", providerConfig{}, 0, func(w *metricsWorld) {
			for range w.provider.Stream(context.Background(), llm.Request{Model: "step-10", Messages: []llm.Message{{Content: "?"}}}) {
			}
		}, with(relayed, map[string]float64{
			`llm_attempts_total{class="model",provider="gateway"}`:         1,
			`llm_fallbacks_total{class="model",from="gateway",to="relay"}`: 1,
		})},
		{"a chosen model, refused by moderation", providerConfig{}, 0, func(w *metricsWorld) {
			w.sims[0].Enqueue(llmsim.ContentBlocked())
			for range w.provider.Stream(context.Background(), llm.Request{Model: "step-9", Messages: []llm.Message{{Content: "?"}}}) {
			}
		}, map[string]float64{
			`llm_requests_total{model="step-9",outcome="content",provider="gateway"}`: 1,
			`llm_request_seconds_count{outcome="content",provider="gateway"}`:         1,
			`llm_attempts_total{class="content",provider="gateway"}`:                  1,
			`llm_queue_wait_seconds_count{outcome="granted",provider="gateway"}`:      1,
		}},
		{"nobody answers", providerConfig{}, 0, func(w *metricsWorld) {
			w.sims[1].SetDown(llmsim.Down{Status: 503})
			down(llmsim.Down{Status: 401})(w)
		}, map[string]float64{
			`llm_requests_total{` + model + `,outcome="server",provider="relay"}`:       1,
			`llm_request_seconds_count{outcome="server",provider="relay"}`:              1,
			`llm_attempts_total{class="auth",provider="gateway"}`:                       1,
			`llm_attempts_total{class="server",provider="relay"}`:                       1,
			`llm_fallbacks_total{class="auth",from="gateway",to="relay"}`:               1,
			`llm_breaker_transitions_total{from="closed",provider="gateway",to="open"}`: 1,
			`llm_breaker_state{provider="gateway"}`:                                     2,
			`llm_queue_wait_seconds_count{outcome="granted",provider="gateway"}`:        1,
			`llm_queue_wait_seconds_count{outcome="granted",provider="relay"}`:          1,
		}},
		{"nobody may be asked", providerConfig{}, 0, func(w *metricsWorld) {
			w.sims[1].SetDown(llmsim.Down{Status: 401})
			down(llmsim.Down{Status: 401})(w)
			question(w)
		}, map[string]float64{
			`llm_requests_total{` + model + `,outcome="auth",provider="relay"}`:            1,
			`llm_request_seconds_count{outcome="auth",provider="relay"}`:                   1,
			`llm_requests_total{` + model + `,outcome="not_attempted",provider="gateway"}`: 1,
			`llm_request_seconds_count{outcome="not_attempted",provider="gateway"}`:        1,
			`llm_attempts_total{class="auth",provider="gateway"}`:                          1,
			`llm_attempts_total{class="auth",provider="relay"}`:                            1,
			`llm_fallbacks_total{class="auth",from="gateway",to="relay"}`:                  1,
			`llm_fallbacks_total{class="not_attempted",from="gateway",to="relay"}`:         1,
			`llm_breaker_transitions_total{from="closed",provider="gateway",to="open"}`:    1,
			`llm_breaker_transitions_total{from="closed",provider="relay",to="open"}`:      1,
			`llm_breaker_state{provider="gateway"}`:                                        2,
			`llm_breaker_state{provider="relay"}`:                                          2,
			`llm_queue_wait_seconds_count{outcome="granted",provider="gateway"}`:           1,
			`llm_queue_wait_seconds_count{outcome="granted",provider="relay"}`:             1,
		}},
		{"limits in the headers, another name for the model", providerConfig{}, 0, func(w *metricsWorld) {
			s := paced(llmsim.Groq("Fine."))
			s.Model = "step-2-chat-0901"
			w.sims[0].Enqueue(s)
			question(w)
		}, with(without(answered, `llm_stream_gap_seconds_count{provider="gateway"}`), map[string]float64{
			`llm_ratelimit_remaining{kind="requests",provider="gateway"}`: 14370,
			`llm_ratelimit_remaining{kind="tokens",provider="gateway"}`:   900,
		})},
		{"one runs, one waits", providerConfig{Concurrency: 1}, 0, func(w *metricsWorld) {
			for range 2 {
				w.wg.Go(func() { question(w) })
				synctest.Wait()
			}
		}, map[string]float64{
			`llm_queue_depth{provider="gateway"}`:                                1,
			`llm_inflight{provider="gateway"}`:                                   1,
			`llm_queue_wait_seconds_count{outcome="granted",provider="gateway"}`: 1,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.config.Price = &priceConfig{Input: 0.42, Output: 0.42}
				w := newMetricsWorld(t, c.config, c.retries)
				defer w.close()
				c.do(w)
				synctest.Wait()
				series := scrape(t, w.metrics)
				if got := counts(series); !maps.Equal(got, c.want) {
					t.Errorf("got\n%s\nwant\n%s", shown(got), shown(c.want))
				}
				w.checkBill(t, series)
			})
		})
	}
}

// An outage from its beginning to its end: what probes cost is in the bill, and
// nobody takes them for questions.
func TestMetricsOfAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newMetricsWorld(t, providerConfig{Price: &priceConfig{Input: 0.42, Output: 0.42}}, 0)
		defer w.close()
		expect := func(when string, want map[string]float64) {
			t.Helper()
			synctest.Wait()
			series := scrape(t, w.metrics)
			for name, n := range want {
				if got, ok := series[name]; got != n || !ok {
					t.Errorf("%s: %s is %v, %v, want %v", when, name, got, ok, n)
				}
			}
		}
		const gateway = `provider="gateway"`
		expect("before", map[string]float64{`llm_breaker_state{` + gateway + `}`: 0,
			`llm_breaker_transitions_total{from="closed",` + gateway + `,to="open"}`: 0})
		w.sims[0].SetDown(llmsim.Down{Status: 503})
		for range 7 {
			w.ask(t.Context(), "U1", "?")
		}
		expect("down", map[string]float64{
			`llm_breaker_state{` + gateway + `}`:                                     2,
			`llm_attempts_total{class="server",` + gateway + `}`:                     5,
			`llm_fallbacks_total{class="server",from="gateway",to="relay"}`:          5,
			`llm_fallbacks_total{class="not_attempted",from="gateway",to="relay"}`:   2,
			`llm_requests_total{model="step-2-chat",outcome="ok",provider="relay"}`:  7,
			`llm_requests_total{model="step-2-chat",outcome="ok",` + gateway + `}`:   0,
			`llm_breaker_transitions_total{from="closed",` + gateway + `,to="open"}`: 1,
		})
		w.sims[0].SetDown(llmsim.Down{})
		time.Sleep(time.Minute)
		expect("probed", map[string]float64{
			`llm_breaker_state{` + gateway + `}`:                                        1,
			`llm_probes_total{class="ok",` + gateway + `}`:                              1,
			`llm_queue_wait_seconds_count{outcome="probe",` + gateway + `}`:             1,
			`llm_attempts_total{class="ok",` + gateway + `}`:                            0,
			`llm_breaker_transitions_total{from="open",` + gateway + `,to="half-open"}`: 1,
		})
		w.ask(t.Context(), "U1", "?")
		expect("well", map[string]float64{
			`llm_breaker_state{` + gateway + `}`:                                          0,
			`llm_attempts_total{class="ok",` + gateway + `}`:                              1,
			`llm_breaker_transitions_total{from="half-open",` + gateway + `,to="closed"}`: 1,
		})
		if w.sims[0].Billed().Total() == 0 {
			t.Error("the probe was not billed")
		}
		w.checkBill(t, scrape(t, w.metrics))
	})
}
