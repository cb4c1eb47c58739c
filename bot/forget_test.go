package bot_test

import (
	"context"
	"strings"
	"testing"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/storage"
)

// told waits until the person was told something in the channel that contains
// text, and returns that.
func (w *world) told(user, channel, text string) slacksim.Message {
	w.t.Helper()
	var found slacksim.Message
	w.wait(text, func() bool {
		for _, m := range w.slack.Ephemerals(user, channel) {
			if strings.Contains(m.Text, text) {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// known is what the store has of a person.
func (w *world) known(user string) []storage.Exported {
	w.t.Helper()
	var out []storage.Exported
	for e, err := range storage.ExportAll(context.Background(), w.store, user) {
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func (w *world) history(channel, thread string) []storage.Message {
	w.t.Helper()
	h, err := w.store.History(context.Background(), storage.ConversationKey{TeamID: "T0SIM", ChannelID: channel, ThreadTS: thread}, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return h.Messages
}

// One who asked in a thread has it forgotten, and the next question there knows
// nothing of what was said, though Slack still shows it.
func TestForgetThread(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		other := w.post(ann, general, "", "@bobbin keep this")
		w.answered(general, other, 1)
		ts := w.post(ann, general, "", "@bobbin my secret is blue")
		first := w.answered(general, ts, 1)
		w.post("U0DANA", general, ts, "I heard that")
		w.post(ben, general, ts, "@bobbin and mine is red")
		w.answered(general, ts, 2)
		w.post(ben, general, ts, "@bobbin forget")
		said := w.told(ben, general, "I have forgotten this thread").Text
		if want := "2 questions and 5 messages. The messages in Slack stay"; !strings.Contains(said, want) {
			t.Errorf("told %q, want %q", said, want)
		}
		if n := len(w.history(general, ts)); n != 0 || len(w.history(general, other)) != 2 {
			t.Errorf("%d messages are left of the thread, %d of the other", n, len(w.history(general, other)))
		}
		w.press(ann, general, first, "bobbin_regenerate")
		w.told(ann, general, "I do not remember this question any more")
		w.post("U0DANA", general, ts, "a new subject")
		w.post(ann, general, ts, "@bobbin go on")
		w.answered(general, ts, 3)
		if got := w.lastPrompt(); strings.Contains(got, "secret") || strings.Contains(got, "mine") || strings.Contains(got, "heard") || !strings.Contains(got, "a new subject") {
			t.Errorf("the model was given %q", got)
		}
		w.post(ann, general, "", "@bobbin forget")
		w.told(ann, general, "I remember nothing of this thread")
		w.noOpenTurns()
	})
}

// Who only watched may not have a thread forgotten; admins may.
func TestWhoMayForget(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, _ *llmsim.Options) {
		w.options.Access = &bot.Access{Users: []string{bot.Everyone}, Channels: []string{bot.Everyone}, Admins: []string{"U0DANA"}}
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		w.post(ben, general, ts, "interesting")
		w.post(ben, general, ts, "@bobbin forget")
		w.told(ben, general, "Only people who asked me something in this thread and admins")
		if n := len(w.history(general, ts)); n != 2 {
			t.Errorf("%d messages are left, want 2", n)
		}
		w.post(ann, general, ts, "@bobbin more")
		w.answered(general, ts, 2)
		if got := w.lastPrompt(); !strings.Contains(got, "interesting") {
			t.Errorf("a refused forget has cut the thread: %q", got)
		}
		w.post("U0DANA", general, ts, "@bobbin forget")
		w.told("U0DANA", general, "I have forgotten this thread")
		w.settle()
		if n := len(w.history(general, ts)); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	})
}

// A thread is forgotten after its answer under way was stopped.
func TestForgetThreadWhileAnswering(t *testing.T) {
	inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = slowAnswer }, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin count")
		w.growing(general, ts)
		w.post(ann, general, ts, "@bobbin forget")
		w.told(ann, general, "I have forgotten this thread: 1 question and 0 messages")
		if got := w.replies(general, ts); len(got) != 1 || !strings.HasSuffix(got[0].Markdown, "_Stopped._") {
			t.Errorf("shown: %+v", got)
		}
		w.settle()
		w.noOpenTurns()
		if got := w.known(ann); len(got) != 0 {
			t.Errorf("left: %+v", got)
		}
	})
}

// Everything a person said is forgotten after a click, by either way to ask for
// it, and nothing without one.
func TestForgetMe(t *testing.T) {
	for name, ask := range map[string]func(w *world, ts string){
		"slash command": func(w *world, _ string) {
			m, err := w.slack.Command(w.t.Context(), ann, general, "forget me")
			if err != nil || !strings.Contains(m.Text, "looking up") {
				w.t.Errorf("answer at once: %q, %v", m.Text, err)
			}
		},
		"mention": func(w *world, ts string) { w.post(ann, general, ts, "@bobbin forget me") },
	} {
		t.Run(name, func(t *testing.T) {
			// An answer to another that repeats somebody's words stays, so this one
			// does not.
			inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = script("An answer.") }, func(w *world) {
				dm := w.slack.DM(ann)
				direct := w.post(ann, dm, "", "my secret is blue")
				w.answered(dm, direct, 1)
				bens := w.post(ben, general, "", "@bobbin hello")
				w.answered(general, bens, 1)
				w.post(ann, general, bens, "overheard secret")
				w.post(ben, general, bens, "@bobbin what do you think")
				w.answered(general, bens, 2)
				ts := w.post(ann, general, "", "@bobbin public secret")
				w.answered(general, ts, 1)
				w.click(ann, ts, "up")
				w.settle()

				ask(w, ts)
				offer := w.told(ann, general, "I remember 2 questions of yours and 1 message that you wrote in threads I was called into, in 3 conversations.")
				if !hasButton(offer, "Forget everything I said") {
					t.Errorf("no button: %s", offer.Blocks)
				}
				w.settle()
				if n := len(w.known(ann)); n != 3 {
					t.Errorf("%d things are known before the click, want 3", n)
				}

				w.press(ann, general, offer, "bobbin_forget")
				w.told(ann, general, "I have forgotten 2 questions and 5 messages in 3 conversations. The messages in Slack stay")
				for _, m := range w.slack.Ephemerals(ann, general) {
					if hasButton(m, "Forget everything I said") {
						t.Error("the button is still there")
					}
				}
				if got := w.known(ann); len(got) != 0 {
					t.Errorf("left: %+v", got)
				}
				if n := len(w.history(general, bens)); n != 4 {
					t.Errorf("%d messages of ben's are left, want 4", n)
				}
				w.post(ben, general, ts, "@bobbin what was this about")
				w.answered(general, ts, 2)
				w.post(ben, general, bens, "@bobbin go on")
				w.answered(general, bens, 3)
				if all := w.prompts(2); strings.Contains(all, "secret") || !strings.Contains(all, "what do you think") {
					t.Errorf("the model was given %q", all)
				}
				w.settle()
				if got := w.known(ann); len(got) != 0 {
					t.Errorf("it came back: %+v", got)
				}
				if logs := w.logs.String(); strings.Contains(logs, "secret") {
					t.Error("the log has what was said")
				}
				w.noOpenTurns()
			})
		})
	}
}

// prompts are the last n requests to the model.
func (w *world) prompts(n int) string {
	var all []string
	requests := w.model.Requests()
	for _, r := range requests[len(requests)-n:] {
		for _, m := range r.Messages[1:] {
			all = append(all, m.Content)
		}
	}
	return strings.Join(all, "|")
}

// What is being written for somebody is stopped before they are forgotten, also
// what waits its turn.
func TestForgetMeWhileAnswering(t *testing.T) {
	inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = slowAnswer }, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin count")
		w.growing(general, ts)
		w.post(ann, general, ts, "@bobbin count again")
		w.post(ben, general, ts, "@bobbin count for me")
		bens := w.post(ben, general, "", "@bobbin hello")
		w.answered(general, bens, 1)
		if _, err := w.slack.Command(w.t.Context(), ann, general, "forget me"); err != nil {
			t.Fatal(err)
		}
		offer := w.told(ann, general, "I remember 2 questions of yours in 1 conversation")
		w.press(ann, general, offer, "bobbin_forget")
		w.told(ann, general, "I have forgotten ")
		w.settle()
		w.noOpenTurns()
		if got := w.known(ann); len(got) != 0 {
			t.Errorf("left: %+v", got)
		}
		if n := len(w.history(general, bens)); n != 2 {
			t.Errorf("%d messages of ben's own thread are left, want 2", n)
		}
	})
}

// A click that arrives twice, and a second click, do what one does.
func TestForgetMeTwice(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		w.post(ann, general, ts, "@bobbin forget me")
		offer := w.told(ann, general, "I remember 1 question of yours in 1 conversation")
		for range 2 { // the second before the button is gone
			go w.slack.Click(ann, general, offer.TS, "bobbin_forget", "")
		}
		w.told(ann, general, "I have forgotten 1 question and 2 messages in 1 conversation")
		w.settle()
		w.told(ann, general, "I have forgotten 1 question and 2 messages in 1 conversation") // still there
		if n := strings.Count(w.logs.String(), "not all was forgotten"); n > 0 {
			t.Errorf("%d of the clicks failed:\n%s", n, w.logs)
		}
		w.post(ann, general, ts, "@bobbin forget me")
		w.told(ann, general, "I remember nothing that you said.")
	})
}

// A slash command knows no thread, and says what to do instead.
func TestForgetBySlashCommand(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		m, err := w.slack.Command(w.t.Context(), ann, general, "forget")
		if err != nil || !strings.Contains(m.Text, "does not know the thread") || !strings.Contains(m.Text, "`/bobbin forget me`") {
			t.Errorf("%q, %v", m.Text, err)
		}
		ts := w.post(ann, general, "", "@bobbin forget what I said about tea")
		w.answered(general, ts, 1) // a question like any other
	})
}
