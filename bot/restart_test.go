package bot_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/storage"
)

// A bot that is stopped in the middle of a long answer says so in the message,
// and the next start finishes the answer in the same message.
func TestStoppedInTheMiddle(t *testing.T) {
	for _, mode := range []string{bot.ReplyAuto, bot.ReplyEdit} {
		t.Run(mode, func(t *testing.T) {
			answer := strings.Repeat("A very slow answer. ", 40)
			inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
				w.options.Reply.Mode = mode
				m.Answer = func(llmsim.Request) llmsim.Script { // far longer than the grace period
					return llmsim.Script{Text: answer, Gap: time.Second}
				}
			}, func(w *world) {
				ts := w.post(ann, general, "", "@bobbin slowly please")
				w.wait("the first text", func() bool { return len(w.replies(general, ts)) == 1 })
				begun := time.Now()
				w.halt()
				if took := time.Since(begun); took > 35*time.Second {
					t.Errorf("stopping took %v, want the 25 s of grace and little more", took)
				}
				half := w.replies(general, ts)[0]
				if half.StreamingState == "in_progress" || !strings.Contains(half.Markdown, "being restarted") {
					t.Errorf("after the stop the message shows %q (%s); people should know", half.Markdown, half.StreamingState)
				}
				w.start()
				reply := w.answered(general, ts, 1)
				if reply.TS != half.TS || strings.TrimSpace(reply.Markdown) != strings.TrimSpace(answer) {
					t.Errorf("after the restart %s shows %q, want the whole answer in %s", reply.TS, reply.Markdown, half.TS)
				}
				if n := len(w.replies(general, ts)); n != 1 {
					t.Errorf("%d replies, want the same one", n)
				}
				w.noOpenTurns()
			})
		})
	}
}

// A crash leaves the journal in any state. The next start ends each turn in one
// message, whatever of it had reached Slack.
func TestRecoveryFromEachState(t *testing.T) {
	for _, crash := range []struct {
		name   string
		state  storage.State
		posted string // what had reached Slack: "", "message", "stream"
		parts  bool   // its ts was stored
	}{
		{"received", storage.StateReceived, "", false},
		{"posting, not posted", storage.StatePosting, "", false},
		{"posting, posted", storage.StatePosting, "message", false},
		{"posting, stream started", storage.StatePosting, "stream", false},
		{"streaming a message", storage.StateStreaming, "message", true},
		{"streaming a native stream", storage.StateStreaming, "stream", true},
		{"final, not posted", storage.StateFinal, "", false},
		{"final, posted", storage.StateFinal, "message", false},
		{"final, last edit missing", storage.StateFinal, "stream", true},
	} {
		t.Run(crash.name, func(t *testing.T) {
			inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = script("The whole answer.") }, func(w *world) {
				w.halt()
				ts := w.post(ann, general, "", "@bobbin hello")
				posted := w.crashed(ts, crash.state, crash.posted, crash.parts)
				w.start()
				reply := w.answered(general, ts, 1)
				w.settle()
				if n := len(w.replies(general, ts)); n != 1 {
					t.Errorf("%d replies, want 1", n)
				}
				if posted != "" && reply.TS != posted {
					t.Errorf("the answer stands in %s; the message from before the crash is %s", reply.TS, posted)
				}
				if reply.Markdown != "The whole answer." {
					t.Errorf("final text %q", reply.Markdown)
				}
				w.noOpenTurns()
			})
		})
	}
}

// A process that streamed was killed, and the next one only edits: the open stream
// that it finds is closed, for Slack lets nobody edit it before.
func TestOpenStreamFoundInEditMode(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = script("The whole answer.") }, func(w *world) {
		w.halt()
		ts := w.post(ann, general, "", "@bobbin hello")
		posted := w.crashed(ts, storage.StatePosting, "stream", false)
		w.options.Reply.Mode = bot.ReplyEdit
		w.start()
		reply := w.answered(general, ts, 1)
		w.settle()
		if n := len(w.replies(general, ts)); n != 1 || reply.TS != posted || reply.Markdown != "The whole answer." {
			t.Errorf("%d replies, %q in %s; want the answer in %s alone", n, reply.Markdown, reply.TS, posted)
		}
		w.noOpenTurns()
	})
}

// A question that was delivered late stands before one that is being answered
// already. After a crash it does not take the other's open stream for its reply.
func TestOpenStreamOfAnotherTurn(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = script("The whole answer.") }, func(w *world) {
		w.halt()
		first := w.post(ann, general, "", "@bobbin hello")
		second := w.post(ann, general, first, "@bobbin hello")
		stream := w.crashedIn(first, second, storage.StateStreaming, "stream", true)
		w.crashedIn(first, first, storage.StatePosting, "", false)
		w.start()
		w.answered(general, first, 2)
		w.settle()
		replies := w.replies(general, first)
		if len(replies) != 2 || replies[0].TS != stream || replies[0].Markdown != replies[1].Markdown || replies[1].Markdown != "The whole answer." {
			t.Errorf("shown: %+v; want two whole answers, the first in %s", replies, stream)
		}
		w.noOpenTurns()
	})
}
