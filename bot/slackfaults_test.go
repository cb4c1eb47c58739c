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

// Whatever a call to Slack meets, the answer is whole, stands once, and nobody
// calls inside a Retry-After.
func TestSlackFaults(t *testing.T) {
	answer := numbered(120)
	faults := []struct {
		name   string
		mode   string
		faults []slacksim.Fault
	}{
		{"append is rate limited", bot.ReplyAuto, []slacksim.Fault{slacksim.Fault{Method: methodAppend, Status: 429, RetryAfter: 7 * time.Second, Times: 2}}},
		{"start is rate limited", bot.ReplyAuto, []slacksim.Fault{slacksim.Fault{Method: methodStart, Status: 429, RetryAfter: 30 * time.Second, Times: 1}}},
		{"stop is rate limited", bot.ReplyAuto, []slacksim.Fault{slacksim.Fault{Method: methodStop, Status: 429, RetryAfter: 20 * time.Second, Times: 3}}},
		{"edits are rate limited", bot.ReplyEdit, []slacksim.Fault{slacksim.Fault{Method: methodUpdate, Status: 429, RetryAfter: 9 * time.Second, Every: 2}}},
		{"post is rate limited", bot.ReplyEdit, []slacksim.Fault{slacksim.Fault{Method: methodPost, Status: 429, RetryAfter: 5 * time.Second, Times: 2}}},
		{"edits fail with 503", bot.ReplyEdit, []slacksim.Fault{slacksim.Fault{Method: methodUpdate, Status: 503, Times: 4}}},
		{"stop fails with 500", bot.ReplyAuto, []slacksim.Fault{slacksim.Fault{Method: methodStop, Status: 500, Times: 2}}},
		{"append fails with 502", bot.ReplyAuto, []slacksim.Fault{slacksim.Fault{Method: methodAppend, Status: 502, Times: 1}}},
		{"the answer to post is lost", bot.ReplyEdit, []slacksim.Fault{slacksim.Fault{Method: methodPost, LoseResponse: true, Times: 1}}},
		{"the answer to start is lost", bot.ReplyAuto, []slacksim.Fault{slacksim.Fault{Method: methodStart, LoseResponse: true, Times: 1}}},
		{"the answer to append is lost", bot.ReplyAuto, []slacksim.Fault{slacksim.Fault{Method: methodAppend, LoseResponse: true, Times: 2}}},
		{"the answer to stop is lost", bot.ReplyAuto, []slacksim.Fault{slacksim.Fault{Method: methodStop, LoseResponse: true, Times: 1}}},
		{"the answer to an edit is lost", bot.ReplyEdit, []slacksim.Fault{slacksim.Fault{Method: methodUpdate, LoseResponse: true, Every: 2}}},
		{"the stream is closed by Slack", bot.ReplyAuto, []slacksim.Fault{slacksim.Fault{Method: methodAppend, Error: "message_not_in_streaming_state", Times: 1}}},
		{"the stream is full", bot.ReplyAuto, []slacksim.Fault{slacksim.Fault{Method: methodAppend, Error: "msg_too_long", Times: 1}}},
		{"the stream is full, and cannot be ended at once", bot.ReplyAuto, []slacksim.Fault{{Method: methodAppend, Error: "msg_too_long", Times: 1}, {Method: methodStop, Error: "msg_too_long", Times: 1}}},
		{"the stream has another mode", bot.ReplyAuto, []slacksim.Fault{slacksim.Fault{Method: methodAppend, Error: "streaming_mode_mismatch", Times: 1}}},
		{"streams need a recipient", bot.ReplyAuto, []slacksim.Fault{slacksim.Fault{Method: methodStart, Error: "missing_recipient_user_id"}}},
		{"the status cannot be set", bot.ReplyAuto, []slacksim.Fault{slacksim.Fault{Method: methodSetStatus, Error: "missing_scope"}}},
		{"the post fails, and the answer to the next is lost", bot.ReplyEdit, []slacksim.Fault{{Method: methodPost, Status: 500, Times: 1}, {Method: methodPost, LoseResponse: true, Times: 2}}},
		{"the answer to post is lost, and the thread cannot be read at once", bot.ReplyEdit, []slacksim.Fault{{Method: methodPost, LoseResponse: true, Times: 1}, {Method: methodReplies, Status: 503, Times: 2}}},
		{"edits answer internal_error for minutes", bot.ReplyEdit, []slacksim.Fault{{Method: methodUpdate, Error: "internal_error", Times: 30}}},
		{"start answers internal_error", bot.ReplyAuto, []slacksim.Fault{{Method: methodStart, Error: "internal_error", Times: 1}}},
		{"the buttons are refused", bot.ReplyAuto, []slacksim.Fault{{Method: methodStop, Error: "invalid_blocks", Times: 1}}},
		{"the last edit is refused once", bot.ReplyEdit, []slacksim.Fault{{Method: methodUpdate, Error: "streaming_state_conflict", Every: 3}}},
		{"edits are forbidden", bot.ReplyEdit, []slacksim.Fault{{Method: methodUpdate, Error: "edit_window_closed"}}},
		{"an edit is too long", bot.ReplyEdit, []slacksim.Fault{{Method: methodUpdate, Error: "msg_too_long", Times: 1}}},
		{"tables are refused", bot.ReplyEdit, []slacksim.Fault{{Method: methodUpdate, Error: "invalid_blocks", Times: 1}}},
		{"Slack takes two seconds a call", bot.ReplyAuto, []slacksim.Fault{slacksim.Fault{Delay: 2 * time.Second}}},
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
				w.options.Reply.Mode = f.mode
				m.Answer = script(answer)
			}, func(w *world) {
				for _, fault := range f.faults {
					w.slack.Fault(fault)
				}
				ts := w.post(ann, general, "", "@bobbin count")
				w.answered(general, ts, 1)
				w.settle()
				reply := w.replies(general, ts)[0]
				if n := len(w.replies(general, ts)); n != 1 {
					t.Errorf("%d replies, want 1", n)
				}
				if got := strings.TrimSpace(reply.Markdown); got != strings.TrimSpace(answer) {
					t.Errorf("shown:\n%q\nwant:\n%q\n%s", got, answer, w.logs)
				}
				w.noCallsInsideRetryAfter()
				w.noOpenTurns()
			})
		})
	}
}

// noCallsInsideRetryAfter checks the promise to Slack.
func (w *world) noCallsInsideRetryAfter() {
	w.t.Helper()
	type pause struct{ from, until time.Time }
	frozen := map[string]pause{}
	for _, c := range w.slack.Calls() {
		// Calls of the same moment were under way when the refusal came.
		if f := frozen[c.Method]; c.At.Before(f.until) && c.At.After(f.from) {
			w.t.Errorf("%s called %v before its Retry-After was over", c.Method, f.until.Sub(c.At))
		}
		if c.HTTPStatus == 429 {
			if until := c.At.Add(c.RetryAfter); until.After(frozen[c.Method].until) {
				frozen[c.Method] = pause{c.At, until}
			}
		}
	}
}

// A slow Slack does not slow the reading of the model.
func TestSlowSlackDoesNotSlowTheModel(t *testing.T) {
	inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = script(numbered(100)) }, func(w *world) {
		w.slack.Fault(slacksim.Fault{Delay: 5 * time.Second})
		ts := w.post(ann, general, "", "@bobbin count")
		w.answered(general, ts, 1)
		r := w.model.Requests()[0]
		if took := r.Ended.Sub(r.At); took > 7*time.Second {
			t.Errorf("the model's answer was read in %v; it was sent in about 5.3 s", took)
		}
	})
}

// An answer for a channel that is closed to the bot ends the turn; nothing is
// tried for ever.
func TestAnswerThatCannotBeShown(t *testing.T) {
	for _, code := range []string{"is_archived", "not_in_channel", "channel_not_found"} {
		t.Run(code, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				for _, method := range []string{methodStart, methodPost} {
					w.slack.Fault(slacksim.Fault{Method: method, Error: code})
				}
				w.post(ann, general, "", "@bobbin hello")
				w.settle()
				w.noOpenTurns()
				if n := len(w.calls(methodPost)) + len(w.calls(methodStart)); n > 3 {
					t.Errorf("%d attempts to post", n)
				}
			})
		})
	}
}

// A channel that is closed to the bot while it writes ends the turn, and so does
// Slack's own Stop button.
func TestClosedWhileItGrows(t *testing.T) {
	for code, want := range map[string]storage.State{
		"is_archived": storage.StateFailed, "not_in_channel": storage.StateFailed, "channel_not_found": storage.StateFailed,
		"stopped_by_user": storage.StateCancelled,
	} {
		for _, mode := range []string{bot.ReplyAuto, bot.ReplyEdit} {
			if code == "stopped_by_user" && mode == bot.ReplyEdit {
				continue // streams only
			}
			t.Run(code+" "+mode, func(t *testing.T) {
				var ended []storage.State
				inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
					w.options.Reply.Mode = mode
					w.options.Observe = func(turn storage.Turn) { ended = append(ended, turn.State) }
					m.Answer = slowAnswer
				}, func(w *world) {
					ts := w.post(ann, general, "", "@bobbin count")
					w.growing(general, ts)
					methods := []string{methodAppend, methodStop, methodUpdate, methodPost}
					if code == "stopped_by_user" {
						methods = methods[:1]
					}
					before := len(w.slack.Calls())
					for _, method := range methods {
						w.slack.Fault(slacksim.Fault{Method: method, Error: code})
					}
					w.settle()
					w.noOpenTurns()
					if n := len(w.slack.Calls()) - before; n > 12 {
						t.Errorf("%d calls after the channel was closed", n)
					}
					if want == storage.StateCancelled {
						if m := w.replies(general, ts)[0]; !strings.HasSuffix(m.Markdown, "_Stopped._") || m.StreamingState == "in_progress" {
							t.Errorf("shown: …%q", m.Markdown[max(0, len(m.Markdown)-40):])
						}
						if r := w.model.Requests()[0]; r.Deltas > 600 {
							t.Errorf("the model went on for %d tokens", r.Deltas)
						}
					}
				})
				if len(ended) != 1 || ended[0] != want {
					t.Errorf("the turn ended as %v, want %s", ended, want)
				}
			})
		}
	}
}

// An answer longer than a message goes on in further messages of the thread;
// no word is lost, and a code block is closed and opened again.
func TestLongAnswer(t *testing.T) {
	for _, mode := range []string{bot.ReplyAuto, bot.ReplyEdit} {
		t.Run(mode, func(t *testing.T) {
			answer := "Here it is:\n\n```go\n" + strings.Repeat("line := \"of code\"\n", 1200) + "```\n\nThat was it."
			inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
				w.options.Reply.Mode = mode
				m.Answer = func(llmsim.Request) llmsim.Script {
					return llmsim.Script{Text: answer, Gap: 5 * time.Millisecond}
				}
			}, func(w *world) {
				ts := w.post(ann, general, "", "@bobbin long please")
				w.answered(general, ts, 1)
				w.settle()
				parts := w.replies(general, ts)
				if len(parts) != 3 {
					t.Fatalf("%d messages, want 3 for %d bytes", len(parts), len(answer))
				}
				lines := 0
				for i, p := range parts {
					if n := strings.Count(p.Markdown, "```"); n != 2 {
						t.Errorf("message %d has %d code fences, want 2: opened and closed", i, n)
					}
					if isFinished(p) != (i == len(parts)-1) {
						t.Errorf("message %d: the buttons belong under the last message only", i)
					}
					lines += strings.Count(p.Markdown, "line :=")
				}
				if lines != 1200 || !strings.HasSuffix(parts[2].Markdown, "That was it.") {
					t.Errorf("%d of 1200 lines arrived; the end is %q", lines, parts[2].Markdown[len(parts[2].Markdown)-30:])
				}
			})
		})
	}
}

// An answer that takes longer than a native stream lives stays whole.
func TestAnswerOutlivesItsStream(t *testing.T) {
	answer := numbered(150)
	inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) {
		m.Answer = func(llmsim.Request) llmsim.Script { return llmsim.Script{Text: answer, Gap: 1100 * time.Millisecond} }
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin slowly")
		reply := w.answered(general, ts, 1)
		if len(w.replies(general, ts)) != 1 || strings.TrimSpace(reply.Markdown) != strings.TrimSpace(answer) {
			t.Errorf("%d replies, the last shows %q", len(w.replies(general, ts)), reply.Markdown)
		}
		for _, c := range w.slack.Calls() {
			if c.Error != "" {
				t.Errorf("%s was refused with %s; the stream should be left before Slack closes it", c.Method, c.Error)
			}
		}
	})
}

// Text that grows when it is escaped still fits Slack's 4,000 characters.
func TestAnswerFullOfMarkup(t *testing.T) {
	answer := strings.TrimSpace(strings.Repeat("<td>&amp;</td> ", 280))
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
		w.options.Reply.Mode = bot.ReplyEdit
		m.Answer = script(answer)
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin html please")
		if got := strings.ReplaceAll(w.answered(general, ts, 1).Markdown, "\u2060", ""); got != answer {
			t.Errorf("shown %d bytes of %d", len(got), len(answer))
		}
	})
}

// A reply that somebody deletes while it grows is posted once more.
func TestReplyDeletedWhileItGrows(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
		w.options.Reply.Mode = bot.ReplyEdit
		m.Answer = script(numbered(100))
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin count")
		w.wait("the first text", func() bool { return len(w.replies(general, ts)) == 1 })
		w.slack.Fault(slacksim.Fault{Method: methodUpdate, Error: "message_not_found", Times: 1})
		reply := w.answered(general, ts, 1)
		if strings.TrimSpace(reply.Markdown) != strings.TrimSpace(numbered(100)) {
			t.Errorf("shown: %q", reply.Markdown)
		}
	})
}

// What a model writes cannot ring anybody's bell.
func TestModelCannotMention(t *testing.T) {
	inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) {
		m.Answer = func(llmsim.Request) llmsim.Script {
			return llmsim.Script{Deltas: []string{"Hey <", "!chan", "nel> and <@", "U0BEN>, look at <", "#C0GENERAL> & <b>"}, Gap: 2 * time.Second}
		}
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin shout")
		reply := w.answered(general, ts, 1)
		for _, bad := range []string{"<!channel", "<@U0BEN", "<#C0GENERAL"} {
			if strings.Contains(reply.Markdown, bad) || strings.Contains(reply.Text, bad) {
				t.Errorf("the reply contains %q:\n%q\n%q", bad, reply.Markdown, reply.Text)
			}
		}
		if !strings.HasSuffix(strings.ReplaceAll(reply.Markdown, "\u2060", ""), "& <b>") {
			t.Errorf("harmless text was changed: %q", reply.Markdown)
		}
		for _, c := range append(w.calls(methodPost), w.calls(methodUpdate)...) {
			if c.Args["link_names"] != "" || c.Args["parse"] == "full" {
				t.Errorf("%s asks Slack to find mentions: %v", c.Method, c.Args)
			}
		}
	})
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "word%d ", i)
	}
	return b.String()
}

// A status that may have been set is taken away: an edit leaves it.
func TestStatusWhoseAnswerIsLost(t *testing.T) {
	inWorld(t, func(w *world, s *slacksim.Options, m *llmsim.Options) {
		m.Answer = script("Yes.")
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		first := w.answered(general, ts, 1)
		w.settle()
		w.slack.Fault(slacksim.Fault{Method: methodSetStatus, LoseResponse: true, Times: 1})
		w.press(ann, general, first, "bobbin_regenerate")
		time.Sleep(20 * time.Second)
		if s := w.slack.Status(general, ts); s != "" {
			t.Errorf("status %q is left: %q", s, brief(w.replies(general, ts)))
		}
	})
}

// An answer whose message Slack lets nobody edit is posted anew, and stands once.
func TestPostedAnew(t *testing.T) {
	inWorld(t, func(w *world, s *slacksim.Options, m *llmsim.Options) {
		w.options.Reply.Mode = bot.ReplyEdit
		m.Answer = script(numbered(100))
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.growing(general, ts)
		w.slack.Fault(slacksim.Fault{Method: methodUpdate, Error: "streaming_state_conflict"})
		w.settle()
		if got := w.replies(general, ts); len(got) != 1 || answerOf(got) != strings.TrimSpace(numbered(100)) {
			t.Errorf("shown: %q; with a Stop button: %v", brief(got), hasButton(got[0], "Stop"))
		}
		w.noOpenTurns()
	})
}
