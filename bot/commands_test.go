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

// Slash commands answer their author alone.
func TestSlashCommands(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, _ *llmsim.Options) {
		w.options.Access = &bot.Access{Users: []string{bot.Everyone}, Channels: []string{bot.Everyone}, Admins: []string{ben}}
		w.options.Providers = func() []llm.BreakerState {
			return []llm.BreakerState{{Provider: "gateway", Phase: llm.BreakerOpen, Until: time.Now().Add(42 * time.Second),
				LastErr: &llm.Error{Class: llm.ClassServer}}}
		}
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		for _, c := range []struct{ user, text, want string }{
			{ann, "", "Ask me"},
			{ann, "help", "Ask me"},
			{ann, "HELP", "Ask me"},
			{ann, "status", "of 2 connections up"},
			{ann, "status", "paused (server), next try in 42 s"},
			{ann, "usage", "Your usage today"},
			{ann, "usage", "for 1 answer, 210 tokens"},
			{ann, "usage me month", "Your usage in January 2000"},
			{ann, "usage channel week", "Usage in this channel in the last 7 days"},
			{ben, "usage", "nothing yet"},
			{ann, "usage workspace", "Only admins"},
			{ben, "usage workspace", "gateway/step-2-chat"},
			{ann, "usage yesterday", "`usage` takes"},
			{ann, "dance", "I do not know `dance`"},
			{ann, "<!channel>", "&lt;!channel&gt;"},
		} {
			m, err := w.slack.Command(w.t.Context(), c.user, general, c.text)
			if err != nil || !strings.Contains(m.Text, c.want) || m.EphemeralTo != c.user {
				t.Errorf("/bobbin %s by %s: %q (to %s), %v; want %q", c.text, c.user, m.Text, m.EphemeralTo, err, c.want)
			}
		}
		if n := len(w.model.Requests()); n != 1 {
			t.Errorf("commands asked the model: %d requests", n)
		}
	})
}

// In a thread, where Slack has no slash commands, the same words after a
// mention do the same; words that only begin like a command are a question.
func TestMentionCommands(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		for i, text := range []string{"@bobbin usage", "@bobbin status", "@bobbin help", "@bobbin usage channel week", "@bobbin"} {
			w.post(ann, general, ts, text)
			w.wait("a private answer", func() bool { return len(w.slack.Ephemerals(ann, general)) == i+1 })
		}
		w.settle()
		if n := len(w.slack.Ephemerals(ann, general)); n != 5 {
			t.Errorf("%d private answers, want one each: a mention arrives twice", n)
		}
		if n := len(w.replies(general, ts)); n != 1 {
			t.Errorf("%d replies; commands are answered privately", n)
		}
		w.post(ann, general, ts, "@bobbin help me with a letter")
		w.answered(general, ts, 2)
	})
}

// One gate for messages, commands and buttons.
func TestAccess(t *testing.T) {
	inWorld(t, func(w *world, s *slacksim.Options, _ *llmsim.Options) {
		w.options.Access = &bot.Access{Users: []string{ann}, Channels: []string{general, "C0SHARED"}}
		s.Channels = []slacksim.Channel{{ID: general, Name: "general"}, {ID: random, Name: "random"}, {ID: "C0SHARED", Name: "shared", Shared: true}}
	}, func(w *world) {
		ok := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ok, 1)
		for _, no := range []struct{ user, channel, want string }{
			{ben, general, "not on the list"},
			{ann, random, "not switched on for this channel"},
			{ann, "C0SHARED", "shared with others"},
		} {
			ts := w.post(no.user, no.channel, "", "@bobbin hello")
			w.wait("the refusal", func() bool { return len(w.slack.Ephemerals(no.user, no.channel)) == 1 })
			if got := w.slack.Ephemerals(no.user, no.channel)[0].Text; !strings.Contains(got, no.want) {
				t.Errorf("%s in %s: %q, want %q", no.user, no.channel, got, no.want)
			}
			if n := len(w.replies(no.channel, ts)); n != 0 {
				t.Errorf("%s in %s was answered", no.user, no.channel)
			}
		}
		m, err := w.slack.Command(w.t.Context(), ben, general, "usage")
		if err != nil || !strings.Contains(m.Text, "not on the list") {
			t.Errorf("a command by somebody who is not on the list: %q, %v", m.Text, err)
		}
		w.click(ben, ok, "down")
		w.wait("the refusal of the button", func() bool { return len(w.slack.Ephemerals(ben, general)) >= 2 })
		w.settle()
		if f := w.turnOf(ok).Feedback; len(f) != 0 {
			t.Errorf("feedback by somebody who is not on the list was stored: %v", f)
		}
		if n := len(w.model.Requests()); n != 1 {
			t.Errorf("%d requests to the model, want 1", n)
		}
	})
}

// 👍 and 👎 are kept with the turn, and can be changed.
func TestFeedback(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		w.click(ann, ts, "up")
		w.click(ben, ts, "up")
		w.settle()
		w.click(ben, ts, "down")
		w.settle()
		if got := w.turnOf(ts).Feedback; got[ann] != 1 || got[ben] != -1 || len(got) != 2 {
			t.Errorf("feedback %v, want +1 by ann and -1 by ben", got)
		}
	})
}

// click presses a feedback button under the answer in the thread ts.
func (w *world) click(user, ts, verdict string) {
	w.t.Helper()
	m := w.replies(general, ts)[0]
	if err := w.slack.Click(user, general, m.TS, "bobbin_feedback", verdict+":"+w.turnOf(ts).ID); err != nil {
		w.t.Fatal(err)
	}
}

// turnOf returns the turn that asked in the thread ts.
func (w *world) turnOf(ts string) storage.Turn {
	w.t.Helper()
	key := storage.ConversationKey{TeamID: "T0SIM", ChannelID: general, ThreadTS: ts}
	h, err := w.store.History(w.t.Context(), key, 1)
	if err != nil || len(h.Messages) == 0 {
		w.t.Fatal("no history", err)
	}
	turn, err := w.store.Turn(w.t.Context(), h.Messages[0].TurnID)
	if err != nil {
		w.t.Fatal(err)
	}
	return turn
}
