package bot_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/storage"
)

var offersOfTheWorld = []llm.Offer{
	{Provider: "gateway", Model: llmsim.DefaultModel, Price: &llm.Price{Input: 420_000_000, Output: 420_000_000}, Configured: true},
	{Provider: "relay", Model: llmsim.DefaultModel, Price: &llm.Price{Input: 420_000_000, Output: 420_000_000}, Configured: true},
	{Provider: "elsewhere.example", Model: "cheap", Price: &llm.Price{Input: 42_000_000, Output: 42_000_000}, AsOf: "2026-01-02", Source: "list"},
	{Provider: "unpriced.example", Model: "odd"},
}

func admins(ids ...string) *bot.Access {
	return &bot.Access{Users: []string{bot.Everyone}, Channels: []string{bot.Everyone}, Admins: ids}
}

// People are told once when a limit comes near, whoever is concerned.
func TestBudgetNotices(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
		m.Answer = script("Seven words that cost a little money.")
		w.options.Access, w.options.Offers = admins(ben), offersOfTheWorld
		w.options.Budget = bot.Budget{User: bot.Limits{DailyTokens: 95}, Workspace: bot.Limits{MonthlyNanoUSD: 60_000}}
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello") // about 70 tokens, 29,000 nano-USD
		w.answered(general, ts, 1)
		w.wait("a notice", func() bool { return len(w.slack.Ephemerals(ann, general)) == 1 })
		notice := w.slack.Ephemerals(ann, general)[0]
		for _, want := range []string{" % of your budget for today is used: ", " of 95 tokens.", "It starts anew in 24 h."} {
			if !strings.Contains(notice.Text, want) {
				t.Errorf("notice %q does not say %q", notice.Text, want)
			}
		}
		other := w.post(ben, random, "", "@bobbin hello")
		w.answered(random, other, 1)
		w.settle()
		direct := w.slack.Messages(w.slack.DM(ben))
		if len(direct) != 1 || !strings.Contains(direct[0].Text, "of the workspace's budget for this month is used: $") {
			t.Errorf("the admin was told %+v, want one notice about the workspace", direct)
		}
		if n := len(w.slack.Ephemerals(ann, general)); n != 1 {
			t.Errorf("ann has %d notices, want one a threshold", n)
		}
	})
}

// Only an admin lifts a limit, for the day alone.
func TestLift(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, _ *llmsim.Options) {
		w.options.Access = admins(ben)
		w.options.Budget.User.DailyTokens = 100
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		w.post(ann, general, ts, "@bobbin again")
		w.wait("a refusal", func() bool {
			return len(w.replies(general, ts)) == 2 && hasButton(w.replies(general, ts)[1], "Try again")
		})
		time.Sleep(time.Second) // nobody is as fast as the bot
		refused := w.replies(general, ts)[1]
		if want := "Ask ben, who can lift it for today: `/bobbin lift @ann`."; !strings.Contains(refused.Markdown, want) {
			t.Errorf("refusal %q does not say %q", refused.Markdown, want)
		}
		for _, c := range []struct{ user, text, want string }{
			{ann, "lift me", "Only admins may lift a budget."},
			{ben, "lift", "Whose limits?"},
			{ben, "lift everybody", "Whose limits?"},
			{ben, "lift <@" + ann + ">", "The limits of <@" + ann + "> are lifted until 2 January, 00:00 UTC, in 24 h."},
		} {
			m, err := w.slack.Command(w.t.Context(), c.user, general, c.text)
			if err != nil || !strings.Contains(m.Text, c.want) {
				t.Errorf("/bobbin %s by %s: %q, %v; want %q", c.text, c.user, m.Text, err, c.want)
			}
		}
		w.press(ann, general, refused, "bobbin_regenerate")
		w.answered(general, ts, 2)
		time.Sleep(24 * time.Hour)
		for n := range 2 { // one answer of the new day is let through
			w.post(ann, general, ts, fmt.Sprint("@bobbin on the next day ", n))
			w.settle()
		}
		got := w.replies(general, ts)
		if last := got[len(got)-1]; !strings.Contains(last.Markdown, "Your budget for today is used up") {
			t.Errorf("on the next day: %q; a limit is lifted for a day", last.Markdown)
		}
	})
}

// A crowd that asks at once spends no more than the limit and one reservation.
func TestBudgetFlood(t *testing.T) {
	const limit = 20_000_000 // nano-USD: of about 120 answers
	most := int64(0)
	inWorld(t, func(w *world, so *slacksim.Options, _ *llmsim.Options) {
		so.NoLimits = true
		for i := range 60 {
			so.People = append(so.People, slacksim.Person{ID: fmt.Sprintf("U1%04d", i), Name: fmt.Sprint("p", i)})
		}
		w.options.Offers = offersOfTheWorld
		w.options.Budget.Workspace.DailyNanoUSD = limit
		w.options.Chat.MaxOutputTokens = 400
		w.wrapStore = func(s storage.Store) storage.Store { return &reserves{Store: s} }
	}, func(w *world) {
		answered, refused := 0, 0
		for round := range 6 {
			for i := range 60 {
				w.post(fmt.Sprintf("U1%04d", i), general, "", fmt.Sprintf("@bobbin question %d", round))
			}
			w.settle()
		}
		most = w.options.Store.(*reserves).largest()
		for _, m := range w.slack.Messages(general) {
			if m.User == botUser {
				continue
			}
			for _, r := range w.replies(general, m.TS) {
				switch {
				case isFinished(r):
					answered++
				case strings.Contains(r.Markdown, "The workspace's budget for today"):
					refused++
				}
			}
		}
		spent := w.spent(storage.UsageQuery{})
		if spent.CostNanoUSD > limit+most {
			t.Errorf("spent %d nano-USD; the limit is %d and a reservation %d", spent.CostNanoUSD, limit, most)
		}
		if spent.CostNanoUSD < limit*8/10 {
			t.Errorf("spent %d nano-USD of %d: the limit keeps people from what is theirs", spent.CostNanoUSD, limit)
		}
		if answered+refused != 360 || refused < 100 {
			t.Errorf("%d answered and %d refused of 360", answered, refused)
		}
		left, err := w.store.Reservations(w.t.Context(), time.Now().Add(time.Hour))
		if err != nil || len(left) > 0 {
			t.Errorf("reservations left: %+v, %v", left, err)
		}
		t.Logf("360 questions of 60 people: %d answered, %d refused; spent %d nano-USD of %d, largest reservation %d", answered, refused, spent.CostNanoUSD, limit, most)
	})
}

// reserves notes what was reserved.
type reserves struct {
	storage.Store
	mu  sync.Mutex
	max int64
}

func (r *reserves) Reserve(ctx context.Context, res storage.Reservation, limits []storage.Limit) error {
	r.mu.Lock()
	r.max = max(r.max, res.NanoUSD)
	r.mu.Unlock()
	return r.Store.Reserve(ctx, res, limits)
}

func (r *reserves) largest() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.max
}

// spent is the sum of the ledger's totals.
func (w *world) spent(q storage.UsageQuery) storage.UsageTotal {
	w.t.Helper()
	totals, err := w.store.Usage(w.t.Context(), q)
	if err != nil {
		w.t.Fatal(err)
	}
	return storage.Sum(totals)
}

// A call that a crash cuts off is in the ledger, as what it is: an estimate.
func TestLostCall(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
		m.Answer = script(numbered(300))
		w.options.Offers = offersOfTheWorld
	}, func(w *world) {
		var ts string
		crashed := w.crashIn(crashing(1<<40, false), func() {
			ts = w.post(ann, general, "", "@bobbin count")
			w.growing(general, ts)
			c := w.options.Store.(*crash)
			c.at.Store(c.step.Load() + 1)
			time.Sleep(10 * time.Second)
		})
		if !crashed {
			t.Fatal("the story was over before the crash")
		}
		w.answered(general, ts, 1)
		rows, _, err := w.store.Calls(w.t.Context(), storage.UsageQuery{}, "", 10)
		if err != nil || len(rows) != len(w.model.Requests()) {
			t.Fatalf("%d rows (%v) for %d calls", len(rows), err, len(w.model.Requests()))
		}
		lost, whole := rows[0], rows[1]
		if lost.Outcome != storage.OutcomeLost || !lost.Estimated || lost.InputTokens == 0 || lost.CostNanoUSD == 0 || lost.ThreadTS != ts {
			t.Errorf("the call that was cut off: %+v", lost)
		}
		if whole.Outcome != storage.OutcomeOK || whole.Estimated {
			t.Errorf("the call that was made again: %+v", whole)
		}
	})
}

// Whoever has nothing left is told so before the model is asked, and nothing is
// reserved for them.
func TestOverBudgetReservesNothing(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, _ *llmsim.Options) { w.options.Budget.User.DailyTokens = 10 }, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		w.post(ann, general, ts, "@bobbin again")
		w.settle()
		if left, err := w.store.Reservations(w.t.Context(), time.Now()); err != nil || len(left) > 0 {
			t.Errorf("reservations %+v, %v", left, err)
		}
		err := w.store.Reserve(w.t.Context(), storage.Reservation{TurnID: "x", UserID: ann, InputTokens: 1, At: time.Now()},
			bot.Budget{User: bot.Limits{DailyTokens: 10}}.Limits(ann, ""))
		over, ok := errors.AsType[*storage.OverBudgetError](err)
		if !ok || over.Spend.SpentTokens < 10 {
			t.Errorf("Reserve: %v, want an OverBudgetError that says what is spent", err)
		}
	})
}
