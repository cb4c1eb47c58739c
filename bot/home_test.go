package bot_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/storage"
)

// home opens somebody's Home tab and returns what it shows after a while.
func (w *world) home(user string) string {
	w.t.Helper()
	if err := w.slack.OpenHome(user); err != nil {
		w.t.Fatal(err)
	}
	time.Sleep(20 * time.Second)
	return string(w.slack.Home(user))
}

// The App Home shows people their own, and admins the workspace beside.
func TestHome(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, _ *llmsim.Options) {
		w.options.Access, w.options.Offers = admins(ben), offersOfTheWorld
		w.options.Budget.User.DailyTokens = 1000
		w.options.Providers = func() []llm.BreakerState { return []llm.BreakerState{{Provider: "gateway"}} }
		w.options.Chat.SystemPrompt = "Answer like a pirate."
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin how do we deploy on a <quiet> day?")
		first := w.answered(general, ts, 1)
		if err := w.slack.Click(ben, general, first.TS, "bobbin_feedback", "down:"+w.turnOf(ts).ID); err != nil {
			t.Fatal(err)
		}
		view := w.home(ann)
		for _, want := range []string{"My usage", "Today: *$0.000", "My budget", " of 1,000 tokens", ":large_green_circle: *gateway* working", "Answer like a pirate.",
			`\u003c#C0GENERAL\u003e, 1 question`, "how do we deploy on a", "bobbin_home_forget", "/archives/C0GENERAL/p", "where it cannot answer *relay*"} {
			if !strings.Contains(view, want) && !strings.Contains(view, strings.ReplaceAll(strings.ReplaceAll(want, `\u003c`, "<"), `\u003e`, ">")) {
				t.Errorf("Home does not show %q:\n%s", want, view)
			}
		}
		if strings.Contains(view, "Workspace") || strings.Contains(view, first.Markdown[:20]) {
			t.Errorf("ann sees the workspace, or an answer: %s", view)
		}
		admin := w.home(ben)
		for _, want := range []string{"Workspace", "Dearest people of the last 30 days", ":thumbsdown: by", "gateway/step-2-chat"} {
			if !strings.Contains(admin, want) {
				t.Errorf("an admin's Home does not show %q:\n%s", want, admin)
			}
		}
		if strings.Contains(admin, "how do we deploy") {
			t.Error("an admin's Home shows what somebody asked")
		}

		if err := w.slack.ClickHome(ann, "bobbin_home_forget", "C0GENERAL:"+ts); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		if view := string(w.slack.Home(ann)); !strings.Contains(view, "None yet.") {
			t.Errorf("after Forget the Home still lists conversations:\n%s", view)
		}
		if h, err := w.store.History(w.t.Context(), storage.ConversationKey{TeamID: "T0SIM", ChannelID: general, ThreadTS: ts}, 0); err != nil || len(h.Messages) > 0 {
			t.Errorf("history after Forget: %+v, %v", h, err)
		}
	})
}

// However often people turn to their Home, Slack gets few views.
func TestHomeIsNoStorm(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		for range 100 {
			if err := w.slack.OpenHome(ann); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		w.settle()
		if n := len(w.calls("views.publish")); n < 2 || n > 4 {
			t.Errorf("%d views in ten seconds of opening, want one each five seconds and the newest at the end", n)
		}
	})
}

// A stranger to the list is told so on the Home, and sees nothing.
func TestHomeAccess(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, _ *llmsim.Options) {
		w.options.Access = &bot.Access{Users: []string{ben}, Channels: []string{bot.Everyone}}
	}, func(w *world) {
		if view := w.home(ann); !strings.Contains(view, "not on the list") || strings.Contains(view, "My usage") {
			t.Errorf("Home of somebody who may not: %s", view)
		}
	})
}
