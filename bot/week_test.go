package bot_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/storage"
)

// bill is what a model server has billed, or the ledger has booked.
type bill struct{ calls, input, cached, output, reasoning int64 }

func (b *bill) add(o bill) {
	b.calls += o.calls
	b.input += o.input
	b.cached += o.cached
	b.output += o.output
	b.reasoning += o.reasoning
}

func billedFor(u llmsim.Usage) bill {
	return bill{1, int64(u.PromptTokens), int64(u.CachedTokens), int64(u.CompletionTokens), int64(u.ReasoningTokens)}
}

func bookedFor(r storage.UsageRow) bill {
	return bill{1, r.InputTokens, r.CachedInputTokens, r.OutputTokens, r.ReasoningTokens}
}

// A week of people who ask and stop answers, of a first provider that refuses,
// breaks off and recovers, and of a process that is killed again and again. In the
// end the ledger has a row for each request that the model servers had, with the
// very tokens that they billed, and an estimate, marked as one, where nobody told
// them: for each call that a kill cut off, or a person where usage comes at the end
// alone. The totals are the sums of the rows.
func TestAWeek(t *testing.T) {
	dice := rand.New(rand.NewPCG(11, 12))
	var kills, stops, questions int
	inWorld(t, func(w *world, so *slacksim.Options, m *llmsim.Options) {
		so.NoLimits = true
		w.options.Offers = offersOfTheWorld
		n := 0
		m.Answer = func(r llmsim.Request) llmsim.Script {
			s := llmsim.StepFun(numbered(20 + len(r.Messages[len(r.Messages)-1].Content)*7%90))
			s.FirstToken, s.Gap, s.Cached = 700*time.Millisecond, 40*time.Millisecond, len(r.Messages)*3
			if n++; n%13 == 0 {
				s.Fault = llmsim.Fault{Kind: llmsim.Cut, After: 5}
			}
			return s
		}
	}, func(w *world) {
		begin := time.Now()
		w.halt()
		var c *crash
		rise := func() {
			c = crashing(immortal, dice.IntN(2) == 0)
			w.crashing(c)
			w.launch()
		}
		rise()
		threads := map[string]string{} // the last one by channel
		for time.Since(begin) < 7*24*time.Hour {
			time.Sleep(time.Duration(dice.ExpFloat64()*float64(25*time.Minute)) + 3*time.Microsecond)
			if dice.IntN(12) == 0 {
				w.model.SetDown(llmsim.Down{Status: []int{503, 429, 500}[dice.IntN(3)]})
			} else if dice.IntN(3) == 0 {
				w.model.SetDown(llmsim.Down{})
			}
			if dice.IntN(9) == 0 { // this question is one too many for the process
				c.at.Store(c.step.Load() + 1 + dice.Int64N(14))
			}
			channel, user := []string{general, random}[dice.IntN(2)], []string{ann, ben}[dice.IntN(2)]
			thread := threads[channel]
			if dice.IntN(4) == 0 {
				thread = ""
			}
			questions++
			ts := w.post(user, channel, thread, fmt.Sprintf("@bobbin question %d", questions))
			threads[channel] = cmp.Or(thread, ts)
			if dice.IntN(15) == 0 {
				time.Sleep(1500*time.Millisecond + 11*time.Microsecond)
				if w.slack.React(user, channel, ts, "octagonal_sign") == nil {
					stops++
				}
			}
			time.Sleep(2*time.Minute + 7*time.Microsecond)
			if c.dead() {
				kills++
				w.bury()
				time.Sleep(time.Duration(dice.IntN(20)) * time.Second)
				rise()
				time.Sleep(time.Minute)
			}
		}
		w.model.SetDown(llmsim.Down{})
		w.settle()
		w.noOpenTurns()
		w.reconcile(kills)
		t.Logf("%d questions, %d stopped, %d kills", questions, stops, kills)
	})
}

// reconcile holds the ledger against the servers' journals, call by call.
func (w *world) reconcile(kills int) {
	t := w.t
	t.Helper()
	type call struct {
		provider string
		at       int64 // microseconds
	}
	booked := map[call][]storage.UsageRow{}
	lost := 0
	var rowsSum, estimated bill
	for after := ""; ; {
		rows, next, err := w.store.Calls(t.Context(), storage.UsageQuery{}, after, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.TurnID == "" || r.ThreadTS == "" || r.UserID == "" {
				t.Errorf("a row of nobody: %+v", r)
			}
			rowsSum.add(bookedFor(r))
			if r.Outcome == storage.OutcomeLost {
				lost++
				estimated.add(bookedFor(r))
				continue
			}
			k := call{r.Provider, r.At.UnixMicro()}
			booked[k] = append(booked[k], r)
		}
		if after = next; next == "" {
			break
		}
	}
	var requests, measured, cut, stopped bill
	unbooked := 0
	outcomes := map[string]int{}
	for provider, server := range map[string]*llmsim.Server{"gateway": w.model, "relay": w.relay} {
		for _, r := range server.Requests() {
			billed := billedFor(r.Billed)
			requests.add(billed)
			k := call{provider, r.At.UnixMicro()}
			i := slices.IndexFunc(booked[k], func(row storage.UsageRow) bool { return bookedFor(row) == billed })
			if i < 0 {
				// A provider that reports usage at the end alone says nothing of an
				// answer that was stopped.
				i = slices.IndexFunc(booked[k], func(row storage.UsageRow) bool { return row.Estimated && row.Outcome == string(llm.ClassCancelled) })
				if i >= 0 {
					stopped.add(bookedFor(booked[k][i]))
					booked[k] = slices.Delete(booked[k], i, i+1)
					continue
				}
				if len(booked[k]) > 0 {
					t.Errorf("%s at %v (%s): billed %+v, booked %+v", provider, r.At, r.Outcome, billed, booked[k])
				}
				unbooked++
				cut.add(billed)
				continue
			}
			outcomes[booked[k][i].Outcome]++
			measured.add(billed)
			booked[k] = slices.Delete(booked[k], i, i+1)
		}
	}
	for k, rows := range booked {
		for _, r := range rows {
			t.Errorf("booked and never asked: %v %+v", k, r)
		}
	}
	if unbooked > lost || lost > kills {
		t.Errorf("%d requests were cut off by %d kills; %d are booked as estimates", unbooked, kills, lost)
	}
	all := w.spent(storage.UsageQuery{By: storage.ByProvider})
	totals := bill{all.Calls, all.InputTokens, all.CachedInputTokens, all.OutputTokens, all.ReasoningTokens}
	if totals != rowsSum {
		t.Errorf("totals %+v, rows %+v", totals, rowsSum)
	}
	want := measured
	want.add(estimated)
	want.add(stopped)
	if totals != want || all.EstimatedCalls != estimated.calls+stopped.calls {
		t.Errorf("totals %+v, %d of the calls estimated; measured %+v, stopped %+v, cut off %+v", totals, all.EstimatedCalls, measured, stopped, estimated)
	}
	price := llm.Price{Input: 420_000_000, Output: 420_000_000}
	if cost := price.Cost(llm.Usage{InputTokens: totals.input, CachedInputTokens: totals.cached, OutputTokens: totals.output}); all.CostNanoUSD != cost {
		t.Errorf("cost %d nano-USD, the same tokens cost %d", all.CostNanoUSD, cost)
	}
	t.Logf("the servers had %d requests; %d are booked with the tokens billed (%d in, %d cached, %d out), to the token: %v",
		requests.calls, measured.calls, measured.input, measured.cached, measured.output, outcomes)
	t.Logf("%d were stopped at a provider that reports usage at the end alone, and are booked as estimates", stopped.calls)
	t.Logf("%d were cut off by kills: %d billed tokens, booked as %d estimates of %d tokens", unbooked, cut.input+cut.output, lost, estimated.input+estimated.output)
}
