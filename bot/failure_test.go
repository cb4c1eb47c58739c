package bot_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/storage"
)

// When the first provider fails, the second answers within half a minute, and
// the reply says so.
func TestFallback(t *testing.T) {
	for _, down := range []struct {
		name string
		how  llmsim.Down
	}{
		{"gone", llmsim.Down{Refuse: true}},
		{"overloaded", llmsim.Down{Status: 503}},
		{"hanging", llmsim.Down{Hang: true}},
		{"refusing the key", llmsim.Down{Status: 401}},
		{"rate limited", llmsim.Down{Status: 429, RetryAfter: time.Minute}},
		{"without balance", llmsim.Down{Status: 402}},
	} {
		t.Run(down.name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				w.model.SetDown(down.how)
				asked := time.Now()
				ts := w.post(ann, general, "", "@bobbin hello")
				w.wait("the first text", func() bool { return len(w.replies(general, ts)) == 1 })
				if took := time.Since(asked); took > 30*time.Second {
					t.Errorf("first text after %v, want 30 s at most", took)
				}
				reply := w.answered(general, ts, 1)
				shown := ""
				for _, b := range reply.Blocks {
					shown += string(b)
				}
				if !strings.Contains(shown, "Answered by relay: gateway ") {
					t.Errorf("the reply does not say who answered and why:\n%s", shown)
				}
				w.noOpenTurns()
			})
		})
	}
}

// A provider that dies in the middle of an answer: the next one starts it over
// in the same message. Two halves of different answers are never joined.
func TestProviderDiesInTheMiddle(t *testing.T) {
	for _, mode := range []string{bot.ReplyAuto, bot.ReplyEdit} {
		t.Run(mode, func(t *testing.T) {
			inWorld(t, func(w *world, _ *slacksim.Options, _ *llmsim.Options) { w.options.Reply.Mode = mode }, func(w *world) {
				w.model.Enqueue(llmsim.Script{Text: "FIRST " + numbered(100), Gap: 100 * time.Millisecond,
					Fault: llmsim.Fault{Kind: llmsim.Cut, After: 50}})
				w.relay.Enqueue(llmsim.Script{Text: "The second answer.", FirstToken: 2 * time.Second})
				ts := w.post(ann, general, "", "@bobbin hello")
				w.wait("the first text", func() bool { return len(w.replies(general, ts)) == 1 })
				reply := w.answered(general, ts, 1)
				if reply.Markdown != "The second answer." {
					t.Errorf("shown: %q, want the second answer alone", reply.Markdown)
				}
				if n := len(w.replies(general, ts)); n != 1 {
					t.Errorf("%d replies, want the same message", n)
				}
			})
		})
	}
}

// With no provider left the person gets one calm sentence, and no half answer
// is remembered.
func TestNoAnswer(t *testing.T) {
	for _, f := range []struct {
		name string
		down llmsim.Down
		want string
	}{
		{"wrong key", llmsim.Down{Status: 401}, "refused my key"},
		{"outage", llmsim.Down{Status: 503}, "has a problem. Please ask again in a moment."},
		{"limits", llmsim.Down{Status: 429, RetryAfter: 40 * time.Second}, "too many requests. Please ask again in 40 s."},
		{"nothing comes", llmsim.Down{Hang: true}, "did not answer in time"},
	} {
		t.Run(f.name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				w.model.SetDown(f.down)
				w.relay.SetDown(f.down)
				asked := time.Now()
				ts := w.post(ann, general, "", "@bobbin hello")
				w.wait("the apology", func() bool { return len(w.replies(general, ts)) == 1 })
				if took := time.Since(asked); took > 30*time.Second {
					t.Errorf("an honest error took %v, want 30 s at most", took)
				}
				w.settle()
				got := w.replies(general, ts)
				if len(got) != 1 || !strings.Contains(got[0].Markdown, f.want) {
					t.Errorf("shown: %+v, want one message with %q", got, f.want)
				}
				w.noOpenTurns()
				h, err := w.store.History(w.t.Context(), storage.ConversationKey{TeamID: "T0SIM", ChannelID: general, ThreadTS: ts}, 0)
				if err != nil || len(h.Messages) != 0 {
					t.Errorf("history after a failure: %v, %v", h.Messages, err)
				}
			})
		})
	}
}

// Usage comes from the provider's own count, and so does the cost.
func TestUsageIsTheProvidersCount(t *testing.T) {
	inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) {
		m.Answer = func(llmsim.Request) llmsim.Script { return llmsim.StepFun("A short answer with cumulative usage.") }
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		w.model.SetDown(llmsim.Down{Status: 503})
		w.post(ann, general, ts, "@bobbin again")
		w.answered(general, ts, 2)
		totals, err := w.store.Usage(w.t.Context(), storage.UsageQuery{})
		if err != nil {
			t.Fatal(err)
		}
		billed := map[string]llmsim.Usage{"gateway": w.model.Billed(), "relay": w.relay.Billed()}
		for _, u := range totals {
			b := billed[u.Provider]
			if u.InputTokens != int64(b.PromptTokens) || u.OutputTokens != int64(b.CompletionTokens) || u.EstimatedCalls != 0 {
				t.Errorf("%s: recorded %d in, %d out, %d estimated; billed %+v", u.Provider, u.InputTokens, u.OutputTokens, u.EstimatedCalls, b)
			}
			if u.Provider == "gateway" && (u.Failures != 2 || u.Calls != 3) {
				t.Errorf("gateway: %d calls, %d failed; want both failed attempts in the ledger", u.Calls, u.Failures)
			}
			if want := (u.InputTokens - u.CachedInputTokens + u.OutputTokens) * 420; u.CostNanoUSD != want {
				t.Errorf("%s: cost %d nano-USD, want %d", u.Provider, u.CostNanoUSD, want)
			}
		}
	})
}

// A user whose day is spent is told so, and the model is not asked.
func TestBudget(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, _ *llmsim.Options) { w.options.Budget.User.DailyTokens = 100 }, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		w.post(ann, general, ts, "@bobbin again")
		w.settle()
		got := w.replies(general, ts)
		if len(got) != 2 || !strings.Contains(got[1].Markdown, "Your budget for today is used up: 210 of 100 tokens.") {
			t.Errorf("shown: %+v", got)
		}
		other := w.post(ben, general, "", "@bobbin hello")
		w.answered(general, other, 1)
		if n := len(w.model.Requests()); n != 2 {
			t.Errorf("%d requests, want 2: one each", n)
		}
	})
}

// An embedder's Prepare sees and changes each request; its error ends the turn
// without telling the person the details.
func TestPrepareAndObserve(t *testing.T) {
	var ended []storage.State
	inWorld(t, func(w *world, _ *slacksim.Options, _ *llmsim.Options) {
		w.options.Prepare = func(_ context.Context, r *llm.Request, turn storage.Turn) error {
			if strings.Contains(turn.Text, "forbidden") {
				return errors.New("secret policy 17")
			}
			r.System = "Prepared."
			return nil
		}
		w.options.Observe = func(turn storage.Turn) { ended = append(ended, turn.State) }
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		if got := w.model.Requests()[0].Messages[0].Content; got != "Prepared." {
			t.Errorf("system prompt %q, want what Prepare set", got)
		}
		ts = w.post(ann, general, "", "@bobbin forbidden")
		w.settle()
		if got := w.replies(general, ts); len(got) != 1 || strings.Contains(got[0].Markdown, "17") {
			t.Errorf("shown: %+v", got)
		}
	})
	if len(ended) != 2 || ended[0] != storage.StateDone || ended[1] != storage.StateFailed {
		t.Errorf("Observe saw %v, want done and failed", ended)
	}
}
