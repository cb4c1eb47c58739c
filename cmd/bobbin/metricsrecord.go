package main

import (
	"context"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/bobbin-bot/bobbin/llm"
)

var _ llm.Recorder = (*metrics)(nil)

// Record counts what the policies and adapters tell.
func (m *metrics) Record(_ context.Context, e llm.Event) {
	switch {
	case e.Attempt != nil:
		m.recordAttempt(e.Attempt)
	case e.Wait != nil:
		outcome := e.Wait.Outcome
		if e.Wait.Probe {
			outcome = "probe"
		}
		m.queueWait.WithLabelValues(e.Wait.Provider, outcome).Observe(e.Wait.Waited.Seconds())
	case e.RateLimit != nil:
		m.recordQuota(e.RateLimit.Provider, "requests", e.RateLimit.Requests)
		m.recordQuota(e.RateLimit.Provider, "tokens", e.RateLimit.Tokens)
	case e.Breaker != nil:
		from, to := m.phases.move(e.Breaker.Provider, e.Breaker.Phase), e.Breaker.Phase
		m.transitions.WithLabelValues(e.Breaker.Provider, string(from), string(to)).Inc()
	case e.Switch != nil:
		m.fallbacks.WithLabelValues(e.Switch.From, e.Switch.To, string(e.Switch.Class)).Inc()
	case e.Denied != nil:
		m.budgetExhausted.WithLabelValues(e.Denied.Provider).Inc()
	}
}

func (m *metrics) recordAttempt(a *llm.Attempt) {
	if a.Probe {
		m.probes.WithLabelValues(a.Provider, a.Outcome()).Inc()
	} else {
		m.attempts.WithLabelValues(a.Provider, a.Outcome()).Inc()
		if a.FirstToken > 0 {
			m.firstToken.WithLabelValues(a.Provider).Observe(a.FirstToken.Seconds())
		}
		if a.LongestGap > 0 {
			m.gap.WithLabelValues(a.Provider).Observe(a.LongestGap.Seconds())
		}
	}
	u := a.Usage
	if u == (llm.Usage{}) {
		return // refused before any work
	}
	model := m.models.label(a.Provider, a.Model)
	add := func(kind string, n int64) {
		// A counter panics on what a confused server may report.
		m.tokens.WithLabelValues(a.Provider, model, kind).Add(float64(max(0, n)))
	}
	add("input", u.InputTokens)
	add("cached", u.CachedInputTokens)
	add("output", u.OutputTokens)
	add("reasoning", u.ReasoningTokens)
	if u.Estimated {
		m.estimated.WithLabelValues(a.Provider, model).Inc()
	}
	if a.Price == nil {
		m.unpriced.WithLabelValues(a.Provider, model).Inc()
		return
	}
	m.cost.WithLabelValues(a.Provider, model).Add(float64(max(0, a.Price.Cost(u))) / 1e9)
}

// recordQuota keeps what was told last. A quota that says nothing changes nothing.
func (m *metrics) recordQuota(provider, kind string, q llm.Quota) {
	if q.Reset > 0 {
		m.remaining.WithLabelValues(provider, kind).Set(float64(q.Remaining))
	}
}

// modelNames bounds the values of the label model. A configured name is always
// itself, beside it the first few others of each provider: a gateway reports
// whatever it likes, and people may ask for models that do not exist. All
// further ones, and those that are no sane label, are otherModel.
type modelNames struct {
	mu    sync.RWMutex
	known map[string]map[string]string // by provider: its names
}

const (
	otherModel   = "other"
	maxModels    = 20 // of a provider
	maxModelName = 100
)

func (n *modelNames) label(provider, model string) string {
	n.mu.RLock()
	known, ok := n.known[provider][model]
	n.mu.RUnlock()
	if ok {
		return known
	}
	if len(model) > maxModelName || !utf8.ValidString(model) {
		return otherModel
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	names := n.known[provider]
	if names == nil {
		names = map[string]string{}
		n.known[provider] = names
	}
	if len(names) >= maxModels {
		return otherModel
	}
	model = strings.Clone(model) // it may be a part of a long line
	names[model] = model
	return model
}

// phases knows the phase that each breaker has told of last.
type phases struct {
	mu   sync.Mutex
	last map[string]llm.BreakerPhase
}

// move takes in a move and returns the phase that it left. Breakers tell from
// many goroutines, hardly ever in another order than they moved; and only to
// open lead two ways, so an order that was mixed up is forgotten at once.
func (p *phases) move(provider string, to llm.BreakerPhase) (from llm.BreakerPhase) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.last[provider]
	p.last[provider] = to
	switch {
	case to == llm.BreakerHalfOpen:
		return llm.BreakerOpen
	case to == llm.BreakerClosed || last == llm.BreakerHalfOpen || last == llm.BreakerOpen:
		return llm.BreakerHalfOpen
	}
	return llm.BreakerClosed
}
