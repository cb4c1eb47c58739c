package bot_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// away is what people say while nobody listens, and where.
type away struct{ user, channel, thread, text string }

// beforeGap makes the bot known in the channels, and returns what will be said
// without it: answer says whether it is a question for it.
func (w *world) beforeGap() (said []away, chatter []away) {
	dm := w.slack.DM(ann)
	known := w.post(ann, general, "", "@bobbin known thread")
	w.answered(general, known, 1)
	direct := w.post(ann, dm, "", "direct")
	w.answered(dm, direct, 1)
	foreign := w.post(ben, general, "", "a discussion without the bot")
	w.post(ben, random, "", "chatter")
	w.post(ben, "G0OPS", "", "private chatter")
	time.Sleep(time.Minute)
	return []away{
		{ann, general, "", "@bobbin in the channel"}, {ben, general, known, "@bobbin in a known thread"},
		{ann, general, foreign, "@bobbin in a thread of others"}, {ann, dm, "", "in a direct message"}, {ann, dm, direct, "in a direct thread"},
		{ben, random, "", "@bobbin elsewhere"}, {ben, "G0OPS", "", "@bobbin in private"},
	}, []away{{ben, general, "", "nothing to do with it"}, {ann, random, "", "just talking"}, {ann, general, foreign, "more talk"}, {ann, general, "", "@bobbin help"}}
}

func (w *world) sayAll(messages []away) (threads []string) {
	for _, m := range messages {
		ts := w.post(m.user, m.channel, m.thread, m.text)
		if m.thread != "" {
			ts = m.thread
		}
		threads = append(threads, ts)
	}
	return threads
}

// foundAll checks that each question got one answer, and nobody else did.
func (w *world) foundAll(said []away, threads []string, requests int) {
	w.t.Helper()
	w.settle()
	for i, m := range said {
		found := 0
		for _, r := range w.model.Requests()[requests:] {
			if last := r.Messages[len(r.Messages)-1].Content; strings.HasSuffix(last, strings.TrimPrefix(m.text, "@bobbin ")) {
				found++
			}
		}
		if found != 1 {
			w.t.Errorf("%q in thread %s was answered %d times", m.text, threads[i], found)
		}
	}
	if n := len(w.model.Requests()) - requests; n != len(said) {
		w.t.Errorf("%d requests, want one for each of %d questions", n, len(said))
	}
	w.noOpenTurns()
}

func quickly(r llmsim.Request) llmsim.Script { return llmsim.Script{Text: "Yes."} }

// What is said while no socket is open for so long that Slack gives up sending it
// again is found, all of it, and answered once.
func TestGap(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late=%v", late), func(t *testing.T) {
			inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = quickly }, func(w *world) {
				said, chatter := w.beforeGap()
				requests := len(w.model.Requests())
				open := w.slack.Fault(slacksim.Fault{Method: "apps.connections.open", Status: 503})
				w.slack.Disconnect("")
				time.Sleep(time.Second)
				threads := w.sayAll(said)
				w.sayAll(chatter)
				time.Sleep(10 * time.Minute)
				open()
				w.wait("a socket", func() bool { return w.slack.Sockets() > 0 })
				if late { // Slack sends some of it again after all
					w.slack.Redeliver(general, threads[0])
				}
				w.foundAll(said, threads, requests)
			})
		})
	}
}

// The same while the bot does not run, also if it is killed while it reads.
func TestAwayForTenMinutes(t *testing.T) {
	for _, killed := range []bool{false, true} {
		t.Run(fmt.Sprintf("killed=%v", killed), func(t *testing.T) {
			inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = quickly }, func(w *world) {
				said, chatter := w.beforeGap()
				requests := len(w.model.Requests())
				w.halt()
				threads := w.sayAll(said)
				w.sayAll(chatter)
				time.Sleep(10 * time.Minute)
				if killed {
					w.gate = func(r *http.Request) bool { return !strings.Contains(r.URL.Path, "conversations.") }
					w.start()
					w.post(ben, general, "", "newer than what is missing")
					time.Sleep(2 * time.Minute)
					w.halt()
					w.gate = nil
				}
				w.start()
				w.foundAll(said, threads, requests)
			})
		})
	}
}

// After hours, people are asked whether they still want an answer; what is older
// than half a day is let be.
func TestAwayForHours(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = quickly }, func(w *world) {
		w.beforeGap()
		w.halt()
		w.post(ann, general, "", "@bobbin too old")
		time.Sleep(13 * time.Hour)
		ts := w.post(ann, general, "", "@bobbin hours ago")
		time.Sleep(2 * time.Hour)
		requests := len(w.model.Requests())
		w.start()
		w.settle()
		got := w.replies(general, ts)
		if len(got) != 1 || !strings.Contains(got[0].Markdown, "I was away when you asked this, 2 h ago") {
			t.Fatalf("shown: %+v", got)
		}
		if n := len(w.model.Requests()); n != requests {
			t.Errorf("%d requests that nobody confirmed", n-requests)
		}
		w.press(ann, general, got[0], "bobbin_regenerate")
		w.settle()
		if got := w.replies(general, ts); len(got) != 1 || got[0].Markdown != "Yes." {
			t.Errorf("shown: %+v", got)
		}
	})
}

// A gap of seconds, which Slack bridges by itself, costs no reading.
func TestShortGap(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = quickly }, func(w *world) {
		w.beforeGap()
		calls := len(w.calls("conversations.history"))
		w.slack.Disconnect("")
		w.settle()
		if n := len(w.calls("conversations.history")) - calls; n > 0 {
			t.Errorf("%d readings after a reconnect", n)
		}
	})
}

// A channel that cannot be read for many minutes is read when it can be, and its
// watermark does not pass what is missing.
func TestCatchUpWhileSlackIsDown(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = quickly }, func(w *world) {
		said, chatter := w.beforeGap()
		requests := len(w.model.Requests())
		w.halt()
		threads := w.sayAll(said)
		w.sayAll(chatter)
		time.Sleep(7 * time.Minute)
		clear := w.slack.Fault(slacksim.Fault{Method: "conversations.history", Status: 503})
		w.start()
		time.Sleep(5 * time.Minute)
		clear()
		w.foundAll(said, threads, requests)
	})
}

// A bot that is killed seconds after it came to a channel knows it all the same.
func TestCatchUpOfANewChannel(t *testing.T) {
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = quickly }, func(w *world) {
		w.halt()
		c := crashing(immortal, false)
		w.crashing(c)
		w.start()
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		time.Sleep(2 * time.Second)
		c.at.Store(0)
		w.bury()
		ts = w.post(ann, general, "", "@bobbin are you there")
		time.Sleep(10 * time.Minute)
		w.start()
		w.answered(general, ts, 1)
	})
}
