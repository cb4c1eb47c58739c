package bot_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// A mention in a channel is answered once, in its thread, in one message that
// grows: by native streaming where the workspace has it, by edits elsewhere.
func TestMention(t *testing.T) {
	long := strings.Repeat("A sentence of the answer that goes on and on. ", 12)
	for _, mode := range []struct {
		name      string
		streaming bool
		grows     string // the method that makes it grow
		modeSet   string
	}{
		{"streaming", true, methodAppend, bot.ReplyAuto},
		{"edits because streaming is refused", false, methodUpdate, bot.ReplyAuto},
		{"edits because they were asked for", true, methodUpdate, bot.ReplyEdit},
	} {
		t.Run(mode.name, func(t *testing.T) {
			inWorld(t, func(w *world, s *slacksim.Options, m *llmsim.Options) {
				s.NoStreaming = !mode.streaming
				w.options.Reply.Mode = mode.modeSet
				m.Answer = script(long)
			}, func(w *world) {
				asked := time.Now()
				ts := w.post(ann, general, "", "@bobbin tell me a story")
				w.wait("the first text", func() bool { return len(w.replies(general, ts)) == 1 })
				if lag := time.Since(asked); lag > 1300*time.Millisecond {
					t.Errorf("first text after %v; want it within a second of the first token, which came after 300ms", lag)
				}
				first := w.replies(general, ts)[0]
				if len(first.Markdown) >= len(long) {
					t.Errorf("the first text is the whole answer: the reply did not grow")
				}
				reply := w.answered(general, ts, 1)
				w.settle()
				if got := w.replies(general, ts); len(got) != 1 {
					t.Fatalf("%d replies, want 1: the mention arrives as app_mention and as message\n%+v", len(got), got)
				}
				if reply.TS != first.TS || strings.TrimSpace(reply.Markdown) != strings.TrimSpace(long) {
					t.Errorf("final text in %s:\n%q\nwant in %s:\n%q", reply.TS, reply.Markdown, first.TS, long)
				}
				if n := len(w.calls(mode.grows)); n < 5 {
					t.Errorf("%d calls of %s, want the text to grow in several steps", n, mode.grows)
				}
				if s := w.slack.Status(general, ts); s != "" {
					t.Errorf("status %q is still shown after the answer", s)
				}
				if got := w.replies(random, ts); len(got) > 0 {
					t.Errorf("replies in another channel: %v", got)
				}
				w.noOpenTurns()
			})
		})
	}
}

// A reply is written a few times a second at the most, however fast the model is.
func TestReplyRestsBetweenWrites(t *testing.T) {
	for method, rest := range map[string]time.Duration{methodAppend: 300 * time.Millisecond, methodUpdate: 700 * time.Millisecond} {
		inWorld(t, func(_ *world, s *slacksim.Options, m *llmsim.Options) {
			s.NoStreaming = method == methodUpdate
			m.Answer = script(strings.Repeat("word ", 400))
		}, func(w *world) {
			ts := w.post(ann, general, "", "@bobbin go")
			w.answered(general, ts, 1)
			writes := w.calls(method)
			for i := 1; i < len(writes)-1; i++ { // the last one does not wait
				if gap := writes[i].At.Sub(writes[i-1].At); gap < rest {
					t.Errorf("%s: two writes %v apart", method, gap)
				}
			}
			if len(writes) < 15 {
				t.Errorf("%s: %d writes in 20 s of an empty workspace", method, len(writes))
			}
		})
	}
}

// A follow-up by mention in the thread carries the thread's history; another
// thread knows nothing of it; a restart forgets nothing.
func TestHistory(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		one := w.post(ann, general, "", "@bobbin my secret is canary-one")
		w.answered(general, one, 1)
		two := w.post(ben, general, "", "@bobbin what is my secret?")
		w.answered(general, two, 1)

		w.halt()
		w.start()
		w.post(ann, general, one, "@bobbin and what did I say?")
		w.answered(general, one, 2)

		requests := w.model.Requests()
		if len(requests) != 3 {
			t.Fatalf("%d requests to the model, want 3", len(requests))
		}
		if body := string(requests[1].Body); strings.Contains(body, "canary-one") {
			t.Errorf("the second thread saw the first one's text:\n%s", body)
		}
		last := requests[2]
		if !strings.Contains(string(last.Body), "canary-one") {
			t.Errorf("after a restart the follow-up lacks the thread's history:\n%s", last.Body)
		}
		roles := ""
		for _, m := range last.Messages {
			roles += m.Role + " "
		}
		if roles != "system user assistant user " {
			t.Errorf("roles %q, want system first and then the exchange in order", roles)
		}
		if got := last.Messages[3].Content; got != "ann: and what did I say?" && !strings.HasSuffix(got, ": and what did I say?") {
			t.Errorf("question %q, want the author's name in front and no mention of the bot", got)
		}
		// The beginning of the prompt stays the same, for the provider's cache.
		if requests[0].Messages[0] != last.Messages[0] || requests[0].Messages[1] != last.Messages[1] {
			t.Errorf("the prompt's beginning changed between two turns")
		}
	})
}

// A direct message needs no mention, and its thread continues in the same way.
func TestDirectMessage(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		dm := w.slack.DM(ann)
		ts := w.post(ann, dm, "", "hello there")
		w.answered(dm, ts, 1)
		w.post(ann, dm, ts, "and again")
		w.answered(dm, ts, 2)
		w.settle()
		if n := len(w.replies(dm, ts)); n != 2 {
			t.Errorf("%d replies, want 2", n)
		}
		last := w.model.Requests()[1]
		if n := len(last.Messages); n != 4 {
			t.Errorf("%d messages in the follow-up's prompt, want 4", n)
		}
		if got := last.Messages[3].Content; got != "and again" {
			t.Errorf("question %q; a direct message needs no author's name", got)
		}
	})
}

// What people say in a channel without a mention is theirs; once the bot is
// called into the thread, it knows what was said there.
func TestCalledIntoAThread(t *testing.T) {
	inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = script("Noted.") }, func(w *world) {
		root := w.post(ann, general, "", "the build is red since canary-red")
		w.post(ben, general, root, "I think it is the cache")
		w.settle()
		if n := len(w.model.Requests()); n != 0 {
			t.Fatalf("the bot answered messages that were not for it (%d requests)", n)
		}
		w.post(ben, general, root, "@bobbin what do you think?")
		w.answered(general, root, 1)
		body := string(w.model.Requests()[0].Body)
		for _, want := range []string{"canary-red", "it is the cache", "what do you think?"} {
			if strings.Count(body, want) != 1 {
				t.Errorf("the prompt has %q %d times, want once:\n%s", want, strings.Count(body, want), body)
			}
		}
		// The next mention brings only what is new.
		w.post(ann, general, root, "canary-blue says otherwise")
		w.post(ben, general, root, "@bobbin sure?")
		w.answered(general, root, 2)
		body = string(w.model.Requests()[1].Body)
		for _, want := range []string{"canary-red", "canary-blue"} {
			if strings.Count(body, want) != 1 {
				t.Errorf("the second prompt has %q %d times, want once", want, strings.Count(body, want))
			}
		}
	})
}

// In a channel set to reply: thread, follow-ups need no mention, unless they
// are addressed to somebody else.
func TestThreadMode(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, _ *llmsim.Options) {
		w.options.Chat.Channels = map[string]bot.ChannelOptions{general: {Reply: "thread", SystemPrompt: "You are a pirate."}}
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		w.post(ann, general, ts, "go on")
		w.answered(general, ts, 2)
		w.post(ann, general, ts, "<@U0BEN> what do you think?")
		w.post(ann, general, "", "a new message for nobody")
		w.settle()
		if n := len(w.model.Requests()); n != 2 {
			t.Errorf("%d requests, want 2: the mention and the follow-up", n)
		}
		if got := w.model.Requests()[0].Messages[0].Content; got != "You are a pirate." {
			t.Errorf("system prompt %q, want the channel's own", got)
		}
	})
}

// Messages that arrive while an answer is written wait and are answered
// together, in order.
func TestMessagesMeanwhileAreAnsweredTogether(t *testing.T) {
	inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) {
		m.Answer = script(strings.Repeat("long ", 100))
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin first")
		w.wait("the first text", func() bool { return len(w.replies(general, ts)) == 1 })
		w.post(ann, general, ts, "@bobbin second")
		w.post(ben, general, ts, "@bobbin third")
		w.answered(general, ts, 2)
		w.settle()
		if n := len(w.replies(general, ts)); n != 2 {
			t.Errorf("%d replies, want 2", n)
		}
		q := w.model.Requests()[1].Messages
		got := q[len(q)-1].Content
		if i, j := strings.Index(got, "second"), strings.Index(got, "third"); i < 0 || j < i {
			t.Errorf("joined question %q, want both in order", got)
		}
		if strings.Count(string(w.model.Requests()[1].Body), "second") != 1 {
			t.Errorf("the prompt has a joined question twice:\n%s", w.model.Requests()[1].Body)
		}
		if !strings.Contains(got, "Ben") && !strings.Contains(got, "ben") {
			t.Errorf("joined question %q lost an author", got)
		}
		w.noOpenTurns()
	})
}
