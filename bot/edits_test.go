package bot_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/storage"
)

func (w *world) edit(user, channel, ts, text string) {
	w.t.Helper()
	if err := w.slack.Edit(user, channel, ts, text); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) remove(user, channel, ts string) {
	w.t.Helper()
	if err := w.slack.Delete(user, channel, ts); err != nil {
		w.t.Fatal(err)
	}
}

// echo answers with the question, as the model read it.
func echo(r llmsim.Request) llmsim.Script {
	last := r.Messages[len(r.Messages)-1].Content
	_, question, _ := strings.Cut(last, ": ")
	return llmsim.Script{Text: "You said: " + question, FirstToken: 5 * time.Second}
}

// lastPrompt is what the model read last, without the system prompt.
func (w *world) lastPrompt() string {
	requests := w.model.Requests()
	var lines []string
	for _, m := range requests[len(requests)-1].Messages[1:] {
		lines = append(lines, m.Content)
	}
	return strings.Join(lines, "|")
}

// A question that was answered is answered again in its place, once however
// often it is corrected; the history knows the last words only.
func TestEditAnsweredQuestion(t *testing.T) {
	for _, mode := range []string{bot.ReplyAuto, bot.ReplyEdit} {
		t.Run(mode, func(t *testing.T) {
			inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
				w.options.Reply.Mode = mode
				m.Answer = echo
			}, func(w *world) {
				ts := w.post(ann, general, "", "@bobbin one")
				first := w.answered(general, ts, 1)
				w.slack.DropAcks(1) // an edit may be delivered twice, too
				w.edit(ann, general, ts, "@bobbin two")
				time.Sleep(time.Second)
				w.edit(ann, general, ts, "@bobbin three")
				w.settle()
				got := w.replies(general, ts)
				if len(got) != 1 || got[0].TS != first.TS || got[0].Markdown != "You said: three" || !isFinished(got[0]) {
					t.Errorf("shown: %+v", got)
				}
				if n := len(w.model.Requests()); n > 3 {
					t.Errorf("%d requests for two edits", n)
				}
				w.post(ann, general, ts, "@bobbin four")
				w.answered(general, ts, 2)
				if got := w.lastPrompt(); strings.Contains(got, "one") || strings.Contains(got, "two") || strings.Count(got, "three") != 2 {
					t.Errorf("the model read %q", got)
				}
				w.noOpenTurns()
			})
		})
	}
}

// A question that waits is asked with its new words; one that is being answered
// is begun again in the same message.
func TestEditOpenQuestions(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = slowAnswer }, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin count")
		w.growing(general, ts)
		second := w.post(ann, general, ts, "@bobbin wait")
		third := w.post(ben, general, ts, "@bobbin me too")
		time.Sleep(time.Second)
		w.edit(ann, general, second, "@bobbin waited")
		w.edit(ann, general, ts, "@bobbin say yes")
		w.settle()
		got := w.replies(general, ts)
		if len(got) != 2 || got[0].Markdown != "Yes." || got[1].Markdown != "Yes." {
			t.Fatalf("shown: %+v", got)
		}
		if got := w.lastPrompt(); strings.Contains(got, "count") || !strings.Contains(got, "say yes") || !strings.Contains(got, "waited") || !strings.Contains(got, "me too") {
			t.Errorf("the model read %q", got)
		}
		// A question that was answered together with another.
		w.edit(ben, general, third, "@bobbin not me")
		w.settle()
		if got := w.lastPrompt(); strings.Contains(got, "me too") || !strings.Contains(got, "waited") || !strings.Contains(got, "not me") {
			t.Errorf("the model read %q", got)
		}
		if got := w.replies(general, ts); len(got) != 2 {
			t.Errorf("%d replies", len(got))
		}
		w.noOpenTurns()
	})
}

// A deleted question that waits is not answered; one that is being answered is
// stopped; of one that was answered the history knows nothing more, and the
// answer can be removed.
func TestDeletedQuestions(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = slowAnswer }, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello secret")
		w.answered(general, ts, 1)
		question := w.post(ann, general, ts, "@bobbin count")
		w.wait("text", func() bool { return len(w.replies(general, ts)) == 2 })
		waiting := w.post(ann, general, ts, "@bobbin never mind")
		time.Sleep(time.Second)
		w.remove(ann, general, waiting)
		w.remove(ann, general, question)
		w.settle()
		got := w.replies(general, ts)
		if len(got) != 2 || !strings.HasSuffix(got[1].Markdown, "_Stopped: the question was deleted._") {
			t.Fatalf("shown: %+v", got)
		}
		if n := len(w.model.Requests()); n != 2 {
			t.Errorf("%d requests; the waiting question was deleted", n)
		}
		w.remove(ann, general, ts)
		w.settle()
		offers := w.slack.Ephemerals(ann, general)
		if len(offers) != 2 {
			t.Fatalf("%d offers to remove an answer, want one each: %+v", len(offers), offers)
		}
		w.press(ann, general, offers[1], "bobbin_remove")
		w.settle()
		if got := w.replies(general, ts); len(got) != 1 || !strings.Contains(got[0].Markdown, "Stopped") {
			t.Errorf("after the removal: %+v", got)
		}
		w.post(ben, general, ts, "@bobbin go on")
		w.settle()
		if got := w.lastPrompt(); strings.Contains(got, "secret") || strings.Contains(got, "Yes.") {
			t.Errorf("the model read %q", got)
		}
		w.noOpenTurns()
	})
}

// A question that is deleted before its answer has a message leaves nothing.
func TestDeletedWhileThinking(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = echo }, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin one")
		w.wait("a status", func() bool { return w.slack.Status(general, ts) != "" })
		time.Sleep(time.Second)
		w.remove(ann, general, ts)
		w.settle()
		if got := w.replies(general, ts); len(got) != 0 || w.slack.Status(general, ts) != "" {
			t.Errorf("shown: %+v, status %q", got, w.slack.Status(general, ts))
		}
		w.noOpenTurns()
	})
}

// At most twenty messages of a thread wait; who writes more is told.
func TestTooManyWaiting(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = slowAnswer }, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin count")
		w.growing(general, ts)
		for i := range 25 {
			w.post(ann, general, ts, fmt.Sprintf("@bobbin and %d.", i))
			time.Sleep(100 * time.Millisecond)
		}
		w.settle()
		if n := len(w.slack.Ephemerals(ann, general)); n != 5 {
			t.Errorf("%d refusals, want 5", n)
		}
		if got := w.lastPrompt(); !strings.Contains(got, "and 0.") || !strings.Contains(got, "and 19.") {
			t.Errorf("the model read %q", got)
		}
		if n := len(w.replies(general, ts)); n != 2 {
			t.Errorf("%d replies, want 2: those that waited are answered together", n)
		}
	})
}

// A question that waited while nobody was there is answered if people still want
// it.
func TestAwayTooLong(t *testing.T) {
	silent := true
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
		m.Answer = echo
		w.options.Prepare = func(ctx context.Context, _ *llm.Request, _ storage.Turn) error {
			if silent {
				<-ctx.Done()
			}
			return ctx.Err()
		}
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin one")
		other := w.post(ann, random, "", "@bobbin two")
		w.wait("both", func() bool { return w.slack.Status(general, ts) != "" && w.slack.Status(random, other) != "" })
		w.halt()
		silent = false
		time.Sleep(20 * time.Minute)
		w.start()
		w.wait("the question", func() bool { return len(w.replies(general, ts)) == 1 && len(w.replies(random, other)) == 1 })
		w.settle()
		asked := w.replies(general, ts)[0]
		if !strings.Contains(asked.Markdown, "I was away when you asked this") || !hasButton(asked, "Yes, answer it") {
			t.Fatalf("shown: %+v", asked)
		}
		w.noOpenTurns()
		w.press(ann, general, asked, "bobbin_regenerate")
		w.press(ann, random, w.replies(random, other)[0], "bobbin_remove")
		w.settle()
		if got := w.replies(general, ts); len(got) != 1 || got[0].TS != asked.TS || got[0].Markdown != "You said: one" {
			t.Errorf("after yes: %+v", got)
		}
		if got := w.replies(random, other); len(got) != 0 {
			t.Errorf("after no: %+v", got)
		}
	})
}

// An edit, or a deletion, that is delivered before the message itself counts all
// the same.
func TestEditOvertakesItsQuestion(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = echo }, func(w *world) {
		w.halt()
		ts := w.post(ann, general, "", "@bobbin one")
		gone := w.post(ann, general, "", "@bobbin gone")
		time.Sleep(3 * time.Second)
		w.start()
		w.edit(ann, general, ts, "@bobbin two")
		w.remove(ann, general, gone)
		w.settle()
		if got := w.replies(general, ts); len(got) != 1 || got[0].Markdown != "You said: two" {
			t.Errorf("shown: %+v", got)
		}
		if got := w.replies(general, gone); len(got) != 0 || len(w.model.Requests()) != 1 {
			t.Errorf("a deleted question was answered: %+v", got)
		}
	})
}

// Of two edits that arrive while an answer is being confirmed the later counts.
func TestTwoEditsAtOnce(t *testing.T) {
	for _, apart := range []time.Duration{0, 20 * time.Millisecond, 50 * time.Millisecond, 80 * time.Millisecond} {
		inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
			w.options.Reply.Mode = bot.ReplyEdit
			m.Answer = echo
		}, func(w *world) {
			ts := w.post(ann, general, "", "@bobbin one")
			w.wait("the request", func() bool { return len(w.model.Requests()) == 1 })
			// The last write takes long, so that the turn is final meanwhile.
			w.slack.Fault(slacksim.Fault{Method: methodPost, Delay: 1530 * time.Millisecond, Times: 1})
			time.Sleep(5200 * time.Millisecond)
			w.edit(ann, general, ts, "@bobbin two")
			time.Sleep(apart)
			w.edit(ann, general, ts, "@bobbin three")
			w.settle()
			if got := w.replies(general, ts); len(got) != 1 || got[0].Markdown != "You said: three" {
				t.Errorf("%v apart: shown: %+v", apart, got)
			}
			w.noOpenTurns()
		})
	}
}
