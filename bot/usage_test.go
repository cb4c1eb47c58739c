package bot_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// A report of more than a day has a chart; in a workspace without charts it has
// bars, and the next one is not refused first.
func TestUsageChart(t *testing.T) {
	for _, mode := range []string{"command", "mention"} {
		for _, charts := range []bool{true, false} {
			t.Run(mode+map[bool]string{true: "", false: " without charts"}[charts], func(t *testing.T) {
				inWorld(t, func(w *world, _ *slacksim.Options, _ *llmsim.Options) {
					w.options.Offers = offersOfTheWorld
				}, func(w *world) {
					w.slack.SetCharts(charts)
					ts := w.post(ann, general, "", "@bobbin hello")
					w.answered(general, ts, 1)
					for n := 1; n <= 2; n++ {
						if mode == "command" {
							if _, err := w.slack.Command(w.t.Context(), ann, general, "usage week"); err != nil {
								t.Fatal(err)
							}
						} else {
							w.post(ann, general, ts, "@bobbin usage week")
						}
						w.wait("a report", func() bool { return len(w.slack.Ephemerals(ann, general)) == n })
						m := w.slack.Ephemerals(ann, general)[n-1]
						chart := false
						for _, b := range m.Blocks {
							chart = chart || strings.Contains(string(b), "data_visualization")
						}
						if chart != charts || strings.Contains(m.Text, "█") == charts {
							t.Errorf("report %d: chart %v, text %q", n, chart, m.Text)
						}
					}
					refused := 0
					for _, c := range w.slack.Calls() {
						if (c.Method == "response_url" || c.Method == methodEphemerals) && (c.Error != "" || c.HTTPStatus >= 400) {
							refused++
						}
					}
					if want := map[bool]int{true: 0, false: 1}[charts]; refused != want {
						t.Errorf("%d reports were refused, want %d", refused, want)
					}
				})
			})
		}
	}
}

// The comparison prices what was measured at every provider, and says what it
// takes for granted.
func TestCostCommand(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, _ *llmsim.Options) {
		w.options.Access, w.options.Offers = admins(ben), offersOfTheWorld
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		m, err := w.slack.Command(w.t.Context(), ann, general, "cost")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"*What your traffic in January 2000 would have cost elsewhere*", "Paid: *$0.00009* for 1 request",
			"elsewhere.example/cheap", "-90 %", "* gateway/step-2-chat", "+0 %", "unpriced.example/odd", "unknown", "the oldest read on 2026-01-02"} {
			if !strings.Contains(m.Text, want) {
				t.Errorf("the comparison does not say %q:\n%s", want, m.Text)
			}
		}
		if m, _ := w.slack.Command(w.t.Context(), ann, general, "cost workspace"); !strings.Contains(m.Text, "Only admins") {
			t.Errorf("cost workspace by somebody: %q", m.Text)
		}
		if m, _ := w.slack.Command(w.t.Context(), ben, general, "cost"); !strings.Contains(m.Text, "the workspace's traffic") {
			t.Errorf("cost by an admin: %q", m.Text)
		}
	})
}

// The share of fallbacks and the failed calls are in the figures.
func TestUsageOfFallbacks(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.model.SetDown(llmsim.Down{Status: 503})
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		m, err := w.slack.Command(w.t.Context(), ann, general, "usage")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"3 requests; 2 of them failed; 1 answer by fallback (100 %)", "relay/step-2-chat"} {
			if !strings.Contains(m.Text, want) {
				t.Errorf("usage does not say %q:\n%s", want, m.Text)
			}
		}
	})
}

// The week's summary comes once, also over a restart, and is made up for when we
// were away.
func TestWeeklyReport(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, _ *llmsim.Options) {
		w.options.Report = bot.Report{ChannelID: random, Weekday: time.Monday, At: 9 * time.Hour} // the bubble begins on a Saturday
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		w.halt()
		time.Sleep(time.Until(time.Date(2000, 1, 3, 11, 0, 0, 0, time.UTC)))
		w.start()
		time.Sleep(time.Hour)
		w.halt()
		w.start()
		time.Sleep(time.Hour)
		got := w.slack.Messages(random)
		if len(got) != 1 || !strings.Contains(got[0].Text, "*The week from 27 December to 2 January* (UTC)") || !strings.Contains(got[0].Text, "for 1 answer") {
			t.Fatalf("reports: %+v", got)
		}
		time.Sleep(7 * 24 * time.Hour)
		got = w.slack.Messages(random)
		if len(got) != 2 || !strings.Contains(got[1].Text, "nobody asked me anything") {
			t.Errorf("reports after a week more: %d", len(got))
		}
	})
}
