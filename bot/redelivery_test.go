package bot_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// Whatever Slack delivers again, and under whichever name, is answered once.
func TestRedeliveryIsAnsweredOnce(t *testing.T) {
	for _, story := range []struct {
		name string
		tell func(w *world) string
	}{
		{"acks are lost, so Slack sends all again", func(w *world) string {
			w.slack.DropAcks(4)
			return w.post(ann, general, "", "@bobbin hello")
		}},
		{"events come again after the answer", func(w *world) string {
			ts := w.post(ann, general, "", "@bobbin hello")
			w.answered(general, ts, 1)
			for range 5 {
				if err := w.slack.Redeliver(general, ts); err != nil {
					w.t.Fatal(err)
				}
			}
			return ts
		}},
		{"events come again after a restart", func(w *world) string {
			ts := w.post(ann, general, "", "@bobbin hello")
			w.answered(general, ts, 1)
			w.halt()
			w.start()
			if err := w.slack.Redeliver(general, ts); err != nil {
				w.t.Fatal(err)
			}
			return ts
		}},
		{"an edit mentions the bot again", func(w *world) string {
			ts := w.post(ann, general, "", "@bobbin hello")
			w.answered(general, ts, 1)
			if err := w.slack.Edit(ann, general, ts, "@bobbin hello, with a comma"); err != nil {
				w.t.Fatal(err)
			}
			return ts
		}},
		{"the socket is cut while the answer is written", func(w *world) string {
			ts := w.post(ann, general, "", "@bobbin hello")
			w.wait("the first text", func() bool { return len(w.replies(general, ts)) == 1 })
			w.slack.Disconnect("")
			return ts
		}},
		{"the message is sent while no socket is open", func(w *world) string {
			w.halt()
			ts := w.post(ann, general, "", "@bobbin hello")
			w.start()
			return ts
		}},
	} {
		t.Run(story.name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				ts := story.tell(w)
				w.answered(general, ts, 1)
				w.settle()
				if n := len(w.replies(general, ts)); n != 1 {
					t.Errorf("%d replies, want 1", n)
				}
				want := 1
				if strings.Contains(story.name, "edit") {
					want = 2 // the new words are answered in the place of the old
				}
				if n := len(w.model.Requests()); n != want {
					t.Errorf("the model was asked %d times, want %d", n, want)
				}
				w.noOpenTurns()
			})
		})
	}
}

// Nothing is acknowledged before it is stored: with a store that cannot commit,
// Slack keeps the message.
func TestAcknowledgedOnlyOnceStored(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		w.settle()
		for _, d := range w.slack.Deliveries() {
			if d.AckedAt.IsZero() {
				t.Errorf("an envelope was never acknowledged: %+v", d)
			}
		}
		// The journal closes under the bot, as on a disk error.
		w.store.(interface{ Close() error }).Close()
		ts = w.post(ann, general, "", "@bobbin are you there?")
		time.Sleep(time.Second)
		for _, d := range w.slack.Deliveries() {
			if d.TS == ts && !d.AckedAt.IsZero() {
				t.Errorf("a message that could not be stored was acknowledged: %+v", d)
			}
		}
		// A working bot takes it up from Slack's redelivery.
		w.stop()
		<-w.stopped
		w.start()
		w.answered(general, ts, 1)
	})
}

// The bot does not talk to itself or to other messages that are not questions.
func TestOwnMessagesAreIgnored(t *testing.T) {
	inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) {
		m.Answer = script("I am <@U0BOBBIN>, and I mention <@U0BOBBIN> again.")
	}, func(w *world) {
		ts := w.post(ann, w.slack.DM(ann), "", "who are you?")
		w.answered(w.slack.DM(ann), ts, 1)
		ts = w.post(ann, general, "", "@bobbin who are you?")
		w.answered(general, ts, 1)
		if err := w.slack.Delete(ann, general, ts); err != nil {
			t.Fatal(err)
		}
		w.settle()
		if n := len(w.model.Requests()); n != 2 {
			t.Errorf("the model was asked %d times, want 2: own posts and their echoes are no questions", n)
		}
	})
}
