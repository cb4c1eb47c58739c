package bot_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// Regenerate puts another answer in the place of the first, in Slack and in the
// history; who clicks twice is told that it is being done.
func TestRegenerate(t *testing.T) {
	for _, mode := range []string{bot.ReplyAuto, bot.ReplyEdit} {
		t.Run(mode, func(t *testing.T) {
			asked := 0
			inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
				w.options.Reply.Mode = mode
				m.Answer = func(r llmsim.Request) llmsim.Script {
					asked++
					return llmsim.Script{Text: []string{"", "First answer.", "Later answer.", "Second answer.", "Last."}[asked], FirstToken: 2 * time.Second}
				}
			}, func(w *world) {
				ts := w.post(ann, general, "", "@bobbin hello")
				first := w.answered(general, ts, 1)
				w.post(ann, general, ts, "@bobbin more")
				w.answered(general, ts, 2)
				w.press(ann, general, first, "bobbin_regenerate")
				w.press(ann, general, first, "bobbin_regenerate") // impatient
				w.wait("a status", func() bool { return w.slack.Status(general, ts) != "" })
				w.wait("the second answer", func() bool { return w.replies(general, ts)[0].Markdown == "Second answer." })
				w.settle()
				if told := w.slack.Ephemerals(ann, general); len(told) != 1 || told[0].Text != "I am still writing this answer." {
					t.Errorf("told %+v", told)
				}
				got := w.replies(general, ts)
				if len(got) != 2 || got[0].TS != first.TS || got[0].Markdown != "Second answer." || !isFinished(got[0]) {
					t.Errorf("shown: %+v", got)
				}
				if s := w.slack.Status(general, ts); s != "" {
					t.Errorf("status %q is left", s)
				}
				requests := w.model.Requests()
				if last := requests[len(requests)-1].Messages; asked != 3 || len(last) != 2 {
					t.Errorf("asked %d times, the last time with %d messages, want what the question knew: %+v", asked, len(last), last)
				}
				w.post(ann, general, ts, "@bobbin and now")
				w.answered(general, ts, 3)
				requests = w.model.Requests()
				var said []string
				for _, m := range requests[len(requests)-1].Messages[1:] {
					said = append(said, m.Content)
				}
				want := "Ann Lee: hello|Second answer.|Ann Lee: more|Later answer.|Ann Lee: and now"
				if got := strings.Join(said, "|"); !strings.EqualFold(got, want) && !strings.EqualFold(got, strings.ReplaceAll(want, "Ann Lee", "ann")) {
					t.Errorf("history %q, want %q", got, want)
				}
				w.noOpenTurns()
			})
		})
	}
}

// If nothing comes of a second try the first answer stays.
func TestRegenerateFails(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
		w.options.Budget.User.DailyTokens = 1
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		first := w.answered(general, ts, 1)
		w.press(ann, general, first, "bobbin_regenerate")
		w.settle()
		got := w.replies(general, ts)
		if len(got) != 1 || !strings.HasPrefix(got[0].Markdown, strings.TrimSpace(first.Markdown)) || !strings.Contains(got[0].Markdown, "Your budget for today is used up: 210 of 1 token.") {
			t.Errorf("shown: %q, want the first answer and why there is no second", got[0].Markdown)
		}
		if !hasButton(got[0], "Try again") {
			t.Errorf("no button to try again: %s", got[0].Blocks)
		}
	})
}

// Details tell one person who answered, what it cost and what was read.
func TestDetails(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
		w.options.Chat = bot.ChatOptions{ContextWindow: 1000, MaxOutputTokens: 100}
		m.Answer = func(r llmsim.Request) llmsim.Script {
			return llmsim.Script{Text: numbered(60)}
		}
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello "+numbered(60))
		first := w.answered(general, ts, 1)
		w.press(ben, general, first, "bobbin_details")
		w.wait("the details", func() bool { return len(w.slack.Ephemerals(ben, general)) == 1 })
		for _, want := range []string{"*gateway* `step-2-chat`: first text after ", " tokens read, ", "; $0.000", "*Read*: your question alone.", w.turnOf(ts).ID} {
			if got := w.slack.Ephemerals(ben, general)[0].Text; !strings.Contains(got, want) {
				t.Errorf("details %q do not say %q", got, want)
			}
		}
		w.post(ben, general, ts, "I agree")
		w.post(ann, general, ts, "@bobbin more")
		second := w.answered(general, ts, 2)
		w.press(ann, general, second, "bobbin_details")
		w.wait("the details", func() bool { return len(w.slack.Ephemerals(ann, general)) == 1 })
		got := w.slack.Ephemerals(ann, general)[0].Text
		for _, want := range []string{"2 messages of this conversation", "|this one> on, and 1 message of the thread"} {
			if !strings.Contains(got, want) {
				t.Errorf("details %q do not say %q", got, want)
			}
		}
		for i := range 6 {
			w.post(ann, general, ts, "@bobbin more")
			w.answered(general, ts, 3+i)
		}
		all := w.replies(general, ts)
		w.press(ann, general, all[len(all)-1], "bobbin_details")
		w.wait("the details", func() bool { return len(w.slack.Ephemerals(ann, general)) == 2 })
		if got := w.slack.Ephemerals(ann, general)[1].Text; !strings.Contains(got, "*Left out*: the oldest ") || !strings.Contains(got, "because the model takes 1,000 tokens at once") {
			t.Errorf("details %q do not say what was left out", got)
		}
	})
}

// A second answer that is given up after too many crashes leaves the first in
// place.
func TestRegenerateGivenUp(t *testing.T) {
	inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = script("First answer.") }, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		id := w.turnOf(ts).ID
		w.halt()
		ctx := w.t.Context()
		store, err := boltstore.Open(w.path, boltstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		turn, _, err := store.Reopen(ctx, storage.Reopening{TurnID: id, At: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		lease, err := store.Acquire(ctx, turn.Key, "the process that was killed", time.Now(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Advance(ctx, lease, storage.Change{TurnID: id, From: turn.State, To: turn.State, Attempt: 5}); err != nil {
			t.Fatal(err)
		}
		store.Close()
		w.start()
		w.settle()
		got := w.replies(general, ts)
		if len(got) != 1 || !strings.HasPrefix(got[0].Markdown, "First answer.\n\n⚠️ I was interrupted") || !hasButton(got[0], "Try again") {
			t.Errorf("shown: %q", brief(got))
		}
		w.noOpenTurns()
	})
}

// Details do not claim what is not known: of an answer from before calls were
// kept, and of one that is being written.
func TestDetailsUnknown(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = slowAnswer }, func(w *world) {
		w.halt()
		ts := w.post(ann, general, "", "@bobbin count")
		w.crashed(ts, storage.StateFinal, "message", true)
		w.start()
		reply := w.answered(general, ts, 1)
		for i, want := range []string{"I have kept no record of what it took.", "I am still writing this answer."} {
			w.press(ann, general, reply, "bobbin_details")
			w.wait("the details", func() bool { return len(w.slack.Ephemerals(ann, general)) == i+1 })
			if got := w.slack.Ephemerals(ann, general)[i].Text; !strings.Contains(got, want) || strings.Contains(got, "No model") {
				t.Errorf("details %q, want %q", got, want)
			}
			if i == 0 {
				w.press(ann, general, reply, "bobbin_regenerate")
			}
		}
	})
}

// A question whose answer was stopped, and after which others were asked, is
// answered again from what had been said before it.
func TestRegenerateAfterLaterQuestions(t *testing.T) {
	inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = slowAnswer }, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin count")
		w.growing(general, ts)
		w.post(ann, general, ts, "@bobbin stop")
		w.wait("the note", func() bool { return strings.HasSuffix(w.replies(general, ts)[0].Markdown, "_Stopped._") })
		w.post(ann, general, ts, "@bobbin more")
		w.answered(general, ts, 1)
		w.press(ann, general, w.replies(general, ts)[0], "bobbin_regenerate")
		w.answered(general, ts, 2)
		requests := w.model.Requests()
		if got := requests[len(requests)-1].Messages; len(got) != 2 || !strings.HasSuffix(got[1].Content, ": count") {
			t.Errorf("asked with %+v, want the question alone", got)
		}
	})
}

// An answer is given again while a later one is written and more questions wait:
// each turn in its order, and the questions that wait are still joined.
func TestRegenerateWhileOthersRun(t *testing.T) {
	for _, mode := range []string{bot.ReplyAuto, bot.ReplyEdit} {
		t.Run(mode, func(t *testing.T) {
			inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
				w.options.Reply.Mode = mode
				m.Answer = func(r llmsim.Request) llmsim.Script {
					return llmsim.Script{Text: "Yes to " + r.Messages[len(r.Messages)-1].Content + strings.Repeat(" and so on", 50), Gap: 50 * time.Millisecond, FirstToken: time.Second}
				}
			}, func(w *world) {
				ts := w.post(ann, general, "", "@bobbin one")
				first := w.answered(general, ts, 1)
				w.post(ann, general, ts, "@bobbin two")
				w.wait("two", func() bool { return len(w.replies(general, ts)) == 2 })
				w.post(ann, general, ts, "@bobbin three")
				w.press(ann, general, first, "bobbin_regenerate")
				w.press(ann, general, first, "bobbin_regenerate")
				w.post(ann, general, ts, "@bobbin four")
				w.settle()
				got := w.replies(general, ts)
				if n := len(w.model.Requests()); n != 4 || len(got) != 3 || !isFinished(got[0]) || !isFinished(got[1]) || !isFinished(got[2]) {
					t.Errorf("%d requests; shown: %q", n, brief(got))
				}
				if told := w.slack.Ephemerals(ann, general); len(told) != 1 || !strings.Contains(told[0].Text, "still writing") {
					t.Errorf("the second click was answered with %q", brief(told))
				}
				w.noOpenTurns()
			})
		})
	}
}
