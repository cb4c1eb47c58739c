package llm

import (
	"context"
	"iter"
	"strings"
)

// Fallback asks the providers in order until one answers. Which failures move
// on is the class's business: an outage does, a refusal by moderation or a
// malformed request does not.
//
// When a provider dies after it has shown text, the next one starts the answer
// again (see [Restart]), once; a second death ends the stream with the error.
// The final Response says in Instead why the first provider did not answer.
//
// Fallback panics if called without a provider.
func Fallback(providers ...Provider) Provider {
	if len(providers) == 0 {
		panic("llm: Fallback without a provider")
	}
	if len(providers) == 1 {
		return providers[0]
	}
	return fallback(providers)
}

type fallback []Provider

func (f fallback) Name() string {
	names := make([]string, len(f))
	for i, p := range f {
		names[i] = p.Name()
	}
	return strings.Join(names, ", ")
}

func (f fallback) Stream(ctx context.Context, req Request) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) {
		var first, worst *Error // why the first did not answer; what to report
		restarted, shown := false, false
		for i, p := range f {
			if i > 0 {
				if !yield(Delta{Progress: &Progress{Stage: StageFallback, Provider: p.Name()}}, nil) {
					return
				}
				// A model id belongs to the provider it was chosen for.
				req.Model = ""
			}
			visible, err, stopped := relay(p.Stream(ctx, req), func(d Delta, err error) bool {
				if shown && !restarted && (d.Visible() || d.Response != nil) {
					// Only now: half an answer is better than none, should this
					// provider fail as well.
					restarted = true
					if !yield(Delta{Restart: &Restart{Provider: p.Name(), Class: worst.Class}}, nil) {
						return false
					}
				}
				if d.Response != nil && first != nil {
					r := *d.Response
					r.Instead = first
					d.Response = &r
				}
				return yield(d, err)
			})
			if stopped || err == nil {
				return
			}
			e := asError(err, p)
			if first == nil {
				first = e
			}
			// "Not attempted" explains nothing when another provider was.
			if worst == nil || e.Class != ClassLocal {
				worst = e
			}
			shown = shown || visible
			if ctx.Err() != nil || !policies[e.Class].fallback || restarted {
				yield(Delta{}, err)
				return
			}
		}
		yield(Delta{}, worst)
	}
}
