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

// Those of the thread are also people whose question was answered together with
// another's, or came to nothing.
func TestWhoIsOfTheThread(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
		w.options.Reply = bot.ReplyOptions{Mode: bot.ReplyEdit, StopBy: bot.StopByThread}
		m.Answer = func(r llmsim.Request) llmsim.Script {
			if strings.HasSuffix(r.Messages[len(r.Messages)-1].Content, "broken") {
				return llmsim.ContentBlocked()
			}
			return slowAnswer(r)
		}
	}, func(w *world) {
		ts := w.post("U0CHIDI", general, "", "@bobbin broken")
		w.settle()
		w.post(ann, general, ts, "@bobbin count")
		time.Sleep(5 * time.Second)
		w.post(ben, general, ts, "@bobbin two")
		w.post("U0DANA", general, ts, "@bobbin three")
		w.settle() // ben's and dana's are answered together
		for _, user := range []string{"U0CHIDI", ben} {
			before := len(w.replies(general, ts))
			w.post(ann, general, ts, "@bobbin count again")
			time.Sleep(5 * time.Second)
			got := w.replies(general, ts)
			w.press(user, general, got[len(got)-1], "bobbin_stop")
			w.settle()
			got = w.replies(general, ts)
			if len(got) != before+1 || !strings.Contains(got[before].Markdown, "_Stopped by ") {
				t.Errorf("%s, who has asked here, cannot stop an answer: %q, told %q", user, brief(got), brief(w.slack.Ephemerals(user, general)))
			}
		}
	})
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

// A stop sign under one of several questions that are answered together stops
// their answer.
func TestStopSignOnJoined(t *testing.T) {
	inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) {
		m.Answer = func(llmsim.Request) llmsim.Script { return llmsim.Script{Text: "Yes.", FirstToken: 8 * time.Second} }
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin one")
		w.wait("a status", func() bool { return w.slack.Status(general, ts) != "" })
		second := w.post(ann, general, ts, "@bobbin two")
		w.post(ann, general, ts, "@bobbin three")
		w.answered(general, ts, 1)
		time.Sleep(3 * time.Second)
		if err := w.slack.React(ann, general, second, "octagonal_sign"); err != nil {
			t.Fatal(err)
		}
		w.settle()
		if got := w.replies(general, ts); len(got) != 2 || !strings.HasSuffix(got[1].Markdown, "_Stopped._") {
			t.Errorf("%q", brief(got))
		}
	})
}

// A stop outlives the process: the next one closes the answer and asks nobody.
func TestStopAtShutdown(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
		w.options.Reply.Mode = bot.ReplyEdit
		m.Answer = slowAnswer
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin count")
		w.growing(general, ts)
		w.slack.Fault(slacksim.Fault{Method: methodUpdate, Status: 429, RetryAfter: 29 * time.Second, Times: 1})
		time.Sleep(2 * time.Second)
		w.post(ann, general, ts, "@bobbin stop")
		time.Sleep(time.Second)
		w.halt()
		w.slack.ClearFaults()
		w.start()
		w.settle()
		got := w.replies(general, ts)
		if n := len(w.model.Requests()); n != 1 || len(got) != 1 || !strings.HasSuffix(got[0].Markdown, "_Stopped._") {
			t.Errorf("the model was asked %d times: %q", n, brief(got))
		}
		w.noOpenTurns()
	})
}
