package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// hasButton reports whether a button with the label stands under the message.
func hasButton(m slacksim.Message, label string) bool {
	for _, b := range m.Blocks {
		if strings.Contains(string(b), `"`+label+`"`) && strings.Contains(string(b), `"button"`) {
			return true
		}
	}
	return false
}

// press clicks the button with the action id under the message.
func (w *world) press(user, channel string, m slacksim.Message, action string) {
	w.t.Helper()
	if err := w.slack.Click(user, channel, m.TS, action, ""); err != nil {
		w.t.Fatal(err)
	}
}

// growing waits until the reply in the thread shows some text.
func (w *world) growing(channel, thread string) slacksim.Message {
	w.t.Helper()
	w.wait("the first text", func() bool {
		got := w.replies(channel, thread)
		return len(got) == 1 && strings.Contains(got[0].Markdown, "word5 ")
	})
	time.Sleep(time.Second) // nobody is as fast as the bot
	return w.replies(channel, thread)[0]
}

// slowAnswer takes 50 s for the first question; the others are answered at once.
func slowAnswer(r llmsim.Request) llmsim.Script {
	if strings.Contains(r.Messages[len(r.Messages)-1].Content, "count") {
		return llmsim.Script{Text: numbered(1000), FirstToken: time.Second, Gap: 50 * time.Millisecond}
	}
	return llmsim.Script{Text: "Yes."}
}

// stopped checks that the answer in the thread ended soon, says so, and is not
// remembered.
func (w *world) stoppedSoon(channel, thread, note string) {
	w.t.Helper()
	began := time.Now()
	w.wait("the note", func() bool {
		got := w.replies(channel, thread)
		return len(got) == 1 && strings.HasSuffix(got[0].Markdown, note)
	})
	if took := time.Since(began); took > 2*time.Second {
		w.t.Errorf("it went on for %v", took)
	}
	w.settle()
	got := w.replies(channel, thread)
	if len(got) != 1 || !strings.HasSuffix(got[0].Markdown, note) || got[0].StreamingState == "in_progress" {
		w.t.Fatalf("after the stop: %+v", got)
	}
	if hasButton(got[0], "Stop") || !hasButton(got[0], "Try again") {
		w.t.Errorf("buttons: %s", got[0].Blocks)
	}
	if s := w.slack.Status(channel, thread); s != "" {
		w.t.Errorf("status %q is left", s)
	}
	w.noOpenTurns()
	w.post(ann, channel, thread, "@bobbin go on")
	w.answered(channel, thread, 1)
	requests := w.model.Requests()
	for _, m := range requests[len(requests)-1].Messages {
		if strings.Contains(m.Content, "word5 ") {
			w.t.Errorf("half an answer came back as history: %.60q", m.Content)
		}
	}
}

// Every way to stop an answer, shown as a stream and by edits.
func TestStop(t *testing.T) {
	for name, c := range map[string]struct {
		mode   string
		access []string // admins
		stopBy string
		stop   func(w *world, ts string, reply slacksim.Message)
		note   string
	}{
		"button": {mode: bot.ReplyEdit, stop: func(w *world, _ string, m slacksim.Message) { w.press(ann, general, m, "bobbin_stop") }, note: "_Stopped._"},
		"admin":  {mode: bot.ReplyEdit, access: []string{ben}, stop: func(w *world, _ string, m slacksim.Message) { w.press(ben, general, m, "bobbin_stop") }, note: "_Stopped by ben._"},
		"word":   {stop: func(w *world, ts string, _ slacksim.Message) { w.post(ann, general, ts, "@bobbin stop") }, note: "_Stopped._"},
		"reaction": {stop: func(w *world, _ string, m slacksim.Message) {
			if err := w.slack.React(ann, general, m.TS, "octagonal_sign"); err != nil {
				w.t.Fatal(err)
			}
		}, note: "_Stopped._"},
		"reaction to the question": {mode: bot.ReplyEdit, stop: func(w *world, ts string, _ slacksim.Message) {
			if err := w.slack.React(ann, general, ts, "octagonal_sign"); err != nil {
				w.t.Fatal(err)
			}
		}, note: "_Stopped._"},
		"Slack's own button": {stop: func(w *world, _ string, m slacksim.Message) {
			if err := w.slack.StopStreaming(ann, general, m.TS); err != nil {
				w.t.Fatal(err)
			}
		}, note: "_Stopped._"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world, s *slacksim.Options, m *llmsim.Options) {
				s.AgentView = true
				w.options.Reply = bot.ReplyOptions{Mode: c.mode, StopBy: c.stopBy}
				w.options.Access = &bot.Access{Users: []string{bot.Everyone}, Channels: []string{bot.Everyone}, Admins: c.access}
				m.Answer = slowAnswer
			}, func(w *world) {
				ts := w.post(ann, general, "", "@bobbin count")
				reply := w.growing(general, ts)
				if c.mode == bot.ReplyEdit && !hasButton(reply, "Stop") {
					t.Errorf("a reply that is edited has no Stop button: %s", reply.Blocks)
				}
				c.stop(w, ts, reply)
				w.stoppedSoon(general, ts, c.note)
			})
		})
	}
}

// Others cannot stop an answer, unless the operator lets those of the thread.
func TestWhoMayStop(t *testing.T) {
	for stopBy, works := range map[string]bool{bot.StopByAsker: false, bot.StopByThread: true} {
		t.Run(stopBy, func(t *testing.T) {
			inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
				w.options.Reply = bot.ReplyOptions{Mode: bot.ReplyEdit, StopBy: stopBy}
				m.Answer = slowAnswer
			}, func(w *world) {
				ts := w.post(ben, general, "", "@bobbin hello")
				w.answered(general, ts, 1)
				w.post(ann, general, ts, "@bobbin count")
				w.wait("the first text", func() bool { return len(w.replies(general, ts)) == 2 })
				reply := w.replies(general, ts)[1]
				w.press("U0DANA", general, reply, "bobbin_stop") // has said nothing here
				w.wait("a refusal", func() bool { return len(w.slack.Ephemerals("U0DANA", general)) == 1 })
				w.press(ben, general, w.replies(general, ts)[1], "bobbin_stop")
				if works {
					w.wait("the stop", func() bool {
						return strings.HasSuffix(w.replies(general, ts)[1].Markdown, "_Stopped by ben._")
					})
					return
				}
				reply = w.answered(general, ts, 2)
				if strings.TrimSpace(reply.Markdown) != strings.TrimSpace(numbered(1000)) {
					t.Errorf("an answer was stopped by somebody who may not: …%.80q", reply.Markdown[len(reply.Markdown)-40:])
				}
				if got := w.slack.Ephemerals(ben, general); len(got) != 1 || !strings.Contains(got[0].Text, "Only the person who asked and admins") {
					t.Errorf("ben was told %+v", got)
				}
			})
		})
	}
}

// A question that waits can be stopped before its turn comes; so can one whose
// answer has not begun.
func TestStopBeforeTheFirstText(t *testing.T) {
	inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) {
		m.Answer = func(r llmsim.Request) llmsim.Script {
			return llmsim.Script{Text: "Yes.", FirstToken: 8 * time.Second}
		}
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin one")
		w.wait("a status", func() bool { return w.slack.Status(general, ts) != "" })
		second := w.post(ann, general, ts, "@bobbin two")
		time.Sleep(time.Second)
		for _, at := range []string{second, ts} {
			if err := w.slack.React(ann, general, at, "octagonal_sign"); err != nil {
				t.Fatal(err)
			}
		}
		w.settle()
		got := w.replies(general, ts)
		if len(got) != 2 || got[0].Markdown != "_Stopped._" || got[1].Markdown != "_Stopped._" {
			t.Errorf("shown: %+v", got)
		}
		if n := len(w.model.Requests()); n != 1 {
			t.Errorf("%d requests; the second question was stopped before its turn", n)
		}
		if s := w.slack.Status(general, ts); s != "" {
			t.Errorf("status %q is left", s)
		}
		w.noOpenTurns()
		w.post(ann, general, ts, "@bobbin stop")
		w.wait("an answer", func() bool { return len(w.slack.Ephemerals(ann, general)) == 1 })
		if got := w.slack.Ephemerals(ann, general)[0].Text; !strings.Contains(got, "nothing to stop") {
			t.Errorf("told: %q", got)
		}
	})
}

// A stop in the middle of code leaves the note outside of it.
func TestStopWithinCode(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
		w.options.Reply.Mode = bot.ReplyEdit
		m.Answer = func(llmsim.Request) llmsim.Script {
			return llmsim.Script{Text: "```go\n" + strings.ReplaceAll(numbered(500), " ", " \n") + "```", Gap: 50 * time.Millisecond}
		}
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin code")
		w.wait("the first text", func() bool { return len(w.replies(general, ts)) == 1 })
		w.press(ann, general, w.replies(general, ts)[0], "bobbin_stop")
		w.wait("the note", func() bool { return strings.HasSuffix(w.replies(general, ts)[0].Markdown, "\n```\n\n_Stopped._") })
		w.settle()
		keys, err := w.store.OpenConversations(t.Context())
		if err != nil || len(keys) > 0 {
			t.Error(keys, err)
		}
	})
}

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
		w.options.Budget.UserDailyTokens = 1
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		first := w.answered(general, ts, 1)
		w.press(ann, general, first, "bobbin_regenerate")
		w.settle()
		got := w.replies(general, ts)
		if len(got) != 1 || !strings.HasPrefix(got[0].Markdown, strings.TrimSpace(first.Markdown)) || !strings.Contains(got[0].Markdown, "You have used your tokens for today.") {
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

// brief shows how messages begin and end.
func brief(ms []slacksim.Message) (out []string) {
	for _, m := range ms {
		s := m.Markdown
		if len(s) > 60 {
			s = s[:30] + "…" + s[len(s)-30:]
		}
		out = append(out, m.StreamingState+":"+s)
	}
	return out
}

// A stop holds although Slack cannot be reached when the answer is to be closed:
// the turn is run again, but the model is not asked again, and the text stays.
func TestStopOutlivesAnOutage(t *testing.T) {
	for _, mode := range []string{bot.ReplyAuto, bot.ReplyEdit} {
		t.Run(mode, func(t *testing.T) {
			inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
				w.options.Reply.Mode = mode
				m.Answer = slowAnswer
			}, func(w *world) {
				ts := w.post(ann, general, "", "@bobbin count")
				w.growing(general, ts)
				clear := w.slack.Fault(slacksim.Fault{Method: "chat.*", Status: 503})
				w.post(ann, general, ts, "@bobbin stop")
				time.Sleep(5 * time.Minute)
				clear()
				w.settle()
				got := w.replies(general, ts)
				if len(got) != 1 || !strings.HasSuffix(got[0].Markdown, "_Stopped._") || !strings.Contains(got[0].Markdown, "word5 ") {
					t.Errorf("shown: %q", brief(got))
				}
				if n := len(w.model.Requests()); n != 1 {
					t.Errorf("the model was asked %d times for an answer that was stopped", n)
				}
				w.noOpenTurns()
			})
		})
	}
}

// A question that was stopped while it waited is not joined with those that wait
// beside it.
func TestStopOneOfSeveralThatWait(t *testing.T) {
	inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) {
		m.Answer = func(r llmsim.Request) llmsim.Script {
			return llmsim.Script{Text: "Yes.", FirstToken: 8 * time.Second}
		}
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin one")
		w.wait("a status", func() bool { return w.slack.Status(general, ts) != "" })
		second := w.post(ann, general, ts, "@bobbin two")
		w.post(ann, general, ts, "@bobbin three")
		time.Sleep(time.Second)
		if err := w.slack.React(ann, general, second, "octagonal_sign"); err != nil {
			t.Fatal(err)
		}
		w.settle()
		got := w.replies(general, ts)
		if len(got) != 3 || got[0].Markdown != "Yes." || got[1].Markdown != "_Stopped._" || got[2].Markdown != "Yes." {
			t.Errorf("shown: %q, want the second question stopped and the others answered", brief(got))
		}
		w.noOpenTurns()
	})
}

// In a direct message "stop" works beside the thread too: who writes there has no
// thread in mind.
func TestStopInADirectMessage(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
		m.Answer = slowAnswer
	}, func(w *world) {
		dm := w.slack.DM(ann)
		ts := w.post(ann, dm, "", "count")
		w.growing(dm, ts)
		w.post(ann, dm, "", "stop")
		time.Sleep(5 * time.Second)
		if got := w.replies(dm, ts); !strings.HasSuffix(got[0].Markdown, "_Stopped._") {
			t.Errorf("shown %q, told %q", brief(got), brief(w.slack.Ephemerals(ann, dm)))
		}
		w.post(ann, dm, "", "stop")
		w.wait("an answer", func() bool { return len(w.slack.Ephemerals(ann, dm)) == 1 })
	})
}

// Slack's Stop button stops the stream under which it stands, and not what is
// answered in the thread when the event comes again.
func TestLateStopEvent(t *testing.T) {
	inWorld(t, func(w *world, s *slacksim.Options, m *llmsim.Options) {
		s.AgentView = true
		m.Answer = slowAnswer
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin count")
		first := w.growing(general, ts)
		w.slack.DropAcks(1)
		if err := w.slack.StopStreaming(ann, general, first.TS); err != nil {
			t.Fatal(err)
		}
		w.wait("the note", func() bool { return strings.HasSuffix(w.replies(general, ts)[0].Markdown, "_Stopped._") })
		w.post(ann, general, ts, "@bobbin count again")
		w.settle()
		got := w.replies(general, ts)
		if len(got) != 2 || !isFinished(got[1]) {
			t.Errorf("shown %q", brief(got))
		}
	})
}

// A stop that Slack delivers again does not stop the next answer to the question.
func TestStopReactionComesAgain(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = slowAnswer }, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin count")
		first := w.growing(general, ts)
		w.slack.DropAcks(1000) // it comes again after 3 s and after a minute
		if err := w.slack.React(ann, general, first.TS, "octagonal_sign"); err != nil {
			t.Fatal(err)
		}
		w.wait("the note", func() bool { return strings.HasSuffix(w.replies(general, ts)[0].Markdown, "_Stopped._") })
		time.Sleep(30 * time.Second)
		w.slack.DropAcks(0)
		w.press(ann, general, w.replies(general, ts)[0], "bobbin_regenerate")
		w.settle()
		if got := w.replies(general, ts); len(got) != 1 || !isFinished(got[0]) {
			t.Errorf("shown: %q", brief(got))
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
		if _, err := store.Advance(ctx, lease, storage.Change{TurnID: id, From: turn.State, To: turn.State, Attempt: 3}); err != nil {
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

// A stop is heard while the bot, just started, looks for what it had posted.
func TestStopDuringRecovery(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.halt()
		ts := w.post(ann, general, "", "@bobbin hello")
		w.crashed(ts, storage.StatePosting, "", false)
		w.start()
		time.Sleep(2 * time.Second)
		w.post(ann, general, ts, "@bobbin stop")
		w.settle()
		if got := w.replies(general, ts); len(got) != 1 || got[0].Markdown != "_Stopped._" {
			t.Errorf("shown: %q; told: %q", brief(got), brief(w.slack.Ephemerals(ann, general)))
		}
		w.noOpenTurns()
	})
}

// A long answer is stopped by a reaction to its second message, and is answered
// again in both.
func TestStopAtTheSecondMessage(t *testing.T) {
	for _, mode := range []string{bot.ReplyAuto, bot.ReplyEdit} {
		t.Run(mode, func(t *testing.T) {
			inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
				w.options.Reply.Mode = mode
				m.Answer = func(llmsim.Request) llmsim.Script {
					return llmsim.Script{Text: numbered(2000), Gap: 20 * time.Millisecond}
				}
			}, func(w *world) {
				ts := w.post(ann, general, "", "@bobbin count")
				w.wait("the second message", func() bool { return len(w.replies(general, ts)) == 2 })
				time.Sleep(2 * time.Second)
				half := w.replies(general, ts)
				if err := w.slack.React(ann, general, half[1].TS, "octagonal_sign"); err != nil {
					t.Fatal(err)
				}
				w.wait("the note", func() bool { return strings.HasSuffix(w.replies(general, ts)[1].Markdown, "_Stopped._") })
				time.Sleep(5 * time.Second)
				w.press(ann, general, w.replies(general, ts)[1], "bobbin_regenerate")
				w.answered(general, ts, 1)
				w.settle()
				got := w.replies(general, ts)
				if answerOf(got) != strings.TrimSpace(numbered(2000)) || got[0].TS != half[0].TS || got[1].TS != half[1].TS {
					t.Errorf("shown: %q", brief(got))
				}
				w.noOpenTurns()
			})
		})
	}
}

// Stops and second tries at any moment of an answer, while Slack refuses and
// loses calls and the first model fails: each message ends as a whole answer or
// with the note, and nothing is left open.
func TestStopsInAStorm(t *testing.T) {
	for seed := range 12 {
		mode := []string{bot.ReplyAuto, bot.ReplyEdit}[seed%2]
		t.Run(fmt.Sprintf("%s/%d", mode, seed), func(t *testing.T) {
			words := []int{200, 1600}[seed/2%2]
			inWorld(t, func(w *world, so *slacksim.Options, m *llmsim.Options) {
				so.Seed = uint64(seed + 1)
				w.options.Reply.Mode = mode
				m.Answer = func(r llmsim.Request) llmsim.Script {
					return llmsim.Script{Text: numbered(words), Gap: 20 * time.Millisecond, FirstToken: time.Second}
				}
			}, func(w *world) {
				storm(w.slack)
				if seed%3 == 0 { // the first model breaks off, the other starts over
					for range 4 {
						w.model.Enqueue(llmsim.Script{Text: "First: " + numbered(words), Gap: 20 * time.Millisecond,
							Fault: llmsim.Fault{Kind: llmsim.Cut, After: 60}})
						w.relay.Enqueue(llmsim.Script{Text: numbered(words), Gap: 20 * time.Millisecond, FirstToken: 2 * time.Second})
					}
				}
				ts := w.post(ann, general, "", "@bobbin count")
				for round := range 4 {
					time.Sleep(time.Duration(seed+1) * 700 * time.Millisecond)
					if round%2 == 0 {
						w.post(ann, general, ts, "@bobbin stop")
					}
					time.Sleep(time.Duration(seed%5) * time.Second)
					if all := w.replies(general, ts); len(all) > 0 {
						w.slack.Click(ann, general, all[len(all)-1].TS, "bobbin_regenerate", "")
					}
				}
				w.settle()
				w.slack.ClearFaults()
				w.settle()
				got := w.replies(general, ts)
				for _, m := range got {
					if m.StreamingState == "in_progress" || hasButton(m, "Stop") {
						t.Errorf("not closed: %q", brief(got))
					}
				}
				text, whole := answerOf(got), strings.TrimSpace(numbered(words))
				partial, stopped := strings.CutSuffix(text, "_Stopped._")
				partial = strings.TrimPrefix(strings.TrimSpace(partial), "First: ")
				if stopped && !strings.HasPrefix(whole, partial) || !stopped && text != whole {
					t.Errorf("shown: %q\n%s", brief(got), w.logs)
				}
				w.noOpenTurns()
			})
		})
	}
}
