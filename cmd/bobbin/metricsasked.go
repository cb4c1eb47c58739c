package main

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

// counted is p, each of whose streams counts as one request: what a person asked
// once, however many calls, providers and beginnings the answer took. p is the
// outermost provider, of those that newMetrics knows.
func (m *metrics) counted(p llm.Provider) llm.Provider { return &countedProvider{p, m} }

type countedProvider struct {
	llm.Provider
	m *metrics
}

// tracked is what is known of a request so far.
type tracked struct {
	begun    time.Time
	provider string // who is being asked
	outcome  string
}

func (c *countedProvider) Stream(ctx context.Context, req llm.Request) iter.Seq2[llm.Delta, error] {
	return func(yield func(llm.Delta, error) bool) {
		// Whoever leaves the loop before the end has cancelled.
		q := tracked{time.Now(), c.m.first, string(llm.ClassCancelled)}
		defer func() { c.m.ended(q, req.Model) }()
		for d, err := range c.Provider.Stream(ctx, req) {
			c.follow(ctx, &q, d, err)
			if !yield(d, err) {
				return
			}
		}
	}
}

func (c *countedProvider) follow(ctx context.Context, q *tracked, d llm.Delta, err error) {
	switch {
	case err != nil:
		q.outcome = outcomeOf(ctx, err)
		if e, ok := errors.AsType[*llm.Error](err); ok && c.m.asked[e.Provider] != "" {
			q.provider = e.Provider
		}
	case d.Response != nil:
		q.provider, q.outcome = d.Response.Provider, "ok"
	case d.Restart != nil:
		c.m.restarts.WithLabelValues(d.Restart.Provider, string(d.Restart.Class)).Inc()
	case d.Attempt != nil:
		q.provider = d.Attempt.Provider
	case d.Progress != nil && c.m.asked[d.Progress.Provider] != "":
		q.provider = d.Progress.Provider
	}
}

// ended counts a request for the model that was asked for: a name that only
// answers report would tear apart what succeeded and what failed.
func (m *metrics) ended(q tracked, model string) {
	if q.provider != m.first {
		model = "" // it was chosen for the first: see llm.Fallback
	}
	model = m.models.label(q.provider, cmp.Or(model, m.asked[q.provider]))
	m.requests.WithLabelValues(q.provider, model, q.outcome).Inc()
	m.requestSeconds.WithLabelValues(q.provider, q.outcome).Observe(time.Since(q.begun).Seconds())
}

// outcomeOf is the class of err. An error without one is the cause of a context
// that has ended, or of a foreign provider.
func outcomeOf(ctx context.Context, err error) string {
	if class := llm.ClassOf(err); class != "" {
		return string(class)
	}
	if ctx.Err() != nil {
		return string(llm.ClassCancelled)
	}
	return string(llm.ClassServer)
}
