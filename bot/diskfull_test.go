package bot_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// The disk fills while Ann is being answered: her answer comes to its end, new
// questions are refused with a line to who asked, and when there is room again
// questions are answered as before.
func TestDiskFull(t *testing.T) {
	var free atomic.Uint64
	free.Store(1 << 40)
	inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
		w.storeOptions.Free = func(string) (uint64, uint64, error) { return free.Load(), 1 << 41, nil }
		m.Answer = script(numbered(200))
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin count")
		w.wait("the answer to begin", func() bool { return len(w.replies(general, ts)) > 0 })
		free.Store(1 << 20)
		time.Sleep(10 * time.Second)
		told := func(user string, n int) {
			t.Helper()
			w.wait("the refusal", func() bool { return len(w.slack.Ephemerals(user, general)) == n })
			if got := w.slack.Ephemerals(user, general)[n-1].Text; !strings.Contains(got, "My disk is full") {
				t.Errorf("%s was told %q", user, got)
			}
		}
		w.post(ben, general, ts, "@bobbin and backwards?")
		told(ben, 1)
		w.post(ben, general, ts, "@bobbin hello?")
		w.post(ann, general, "", "@bobbin another thing")
		told(ann, 1)
		w.answered(general, ts, 1)
		time.Sleep(time.Minute)
		w.post(ben, general, ts, "@bobbin still?")
		told(ben, 2)
		w.settle()
		if a, b := len(w.slack.Ephemerals(ann, general)), len(w.slack.Ephemerals(ben, general)); a != 1 || b != 2 {
			t.Errorf("Ann was told %d times and Ben %d times, want 1 and 2: once a minute in a thread, and Slack must not send it again", a, b)
		}
		if n := len(w.model.Requests()); n != 1 {
			t.Errorf("the model was asked %d times, want once: for the question from before", n)
		}
		for _, part := range []string{"level=ERROR", "1 MiB are free"} {
			if !strings.Contains(w.logs.String(), part) {
				t.Errorf("the log does not say %q to the operator:\n%s", part, w.logs)
			}
		}
		w.noOpenTurns()

		free.Store(1 << 40)
		time.Sleep(10 * time.Second)
		ts = w.post(ben, general, "", "@bobbin now?")
		w.answered(general, ts, 1)
	})
}
