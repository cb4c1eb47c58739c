package llm

import (
	"context"
	"iter"
	"slices"
)

// FitOptions say how much a model can read.
type FitOptions struct {
	// ContextWindow is the model's, in tokens. 0 is unknown: then only a
	// refusal tells that a request is too long.
	ContextWindow int
	// OutputTokens are kept free for an answer whose request names no limit.
	// 0 means 1024.
	OutputTokens int
	// Model is whose tokens the Estimator guesses when a request names none.
	Model     string
	Estimator *Estimator
}

// refusedShare of a request that was refused as too long is asked again. Counts
// are estimates, and whoever was wrong once should leave some room.
const refusedShare = 0.7

// Fit cuts requests to what p's model can read: whole exchanges are left out,
// oldest first; the system prompt and the last message always stay. If p
// refuses a request as too long all the same, it is cut to 0.7 of its length
// and asked once more. The answer says in Trimmed how much was left out.
//
// Whoever keeps the conversation should cut it before this has to, and less
// often: see the prompt cache note on [Request.System].
func Fit(p Provider, o FitOptions) Provider {
	if o.OutputTokens <= 0 {
		o.OutputTokens = 1024
	}
	return fit{p, o}
}

type fit struct {
	Provider
	o FitOptions
}

func (f fit) Stream(ctx context.Context, req Request) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) {
		all := len(req.Messages)
		if f.o.ContextWindow > 0 {
			req.Messages = f.cut(req, f.room(req))
		}
		for again := true; ; again = false {
			visible, err, stopped := relay(f.Provider.Stream(ctx, req), func(d Delta, err error) bool {
				if d.Response != nil && len(req.Messages) < all {
					r := *d.Response
					r.Trimmed += all - len(req.Messages)
					d.Response = &r
				}
				return yield(d, err)
			})
			if stopped || err == nil {
				return
			}
			shorter := req.Messages
			if again && !visible && ClassOf(err) == ClassContext && ctx.Err() == nil {
				shorter = f.cut(req, int(refusedShare*float64(f.tokens(req))))
			}
			if len(shorter) == len(req.Messages) {
				yield(Delta{}, err)
				return
			}
			req.Messages = shorter
		}
	}
}

func (f fit) tokens(req Request) int {
	model := f.o.Model
	if req.Model != "" {
		model = req.Model
	}
	return f.o.Estimator.Request(model, req)
}

// room is how many tokens the input may have.
func (f fit) room(req Request) int {
	output := f.o.OutputTokens
	if req.MaxOutputTokens > 0 {
		output = req.MaxOutputTokens
	}
	return max(f.o.ContextWindow-output, f.o.ContextWindow/4)
}

// cut returns the newest messages that have room.
func (f fit) cut(req Request, room int) []Message {
	for f.tokens(req) > room && len(req.Messages) > 1 {
		req.Messages = req.Messages[exchange(req.Messages):]
	}
	return req.Messages
}

// exchange is the length of the first question with its answer. Of messages
// that nobody has answered it is 1. It leaves one message at least.
func exchange(messages []Message) int {
	answer := slices.IndexFunc(messages, func(m Message) bool { return m.Role == RoleAssistant })
	if answer < 0 {
		return 1
	}
	end := answer + 1
	for end < len(messages) && messages[end].Role == RoleAssistant {
		end++
	}
	return min(end, len(messages)-1)
}
