package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// A crash at any step, before or after it took effect: the next start gives
// exactly one whole answer, also one of several messages.
func TestCrashAtEveryStep(t *testing.T) {
	for _, c := range []struct {
		mode   string
		words  int
		stride int64 // of the long answers every few steps, or it takes half a minute
	}{{bot.ReplyAuto, 60, 1}, {bot.ReplyEdit, 60, 1}, {bot.ReplyAuto, 2600, 5}, {bot.ReplyEdit, 2600, 5}} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%d words/after=%v", c.mode, c.words, after), func(t *testing.T) {
				steps := 0
				for at := int64(1); ; at += c.stride {
					if !crashAt(t, c.mode, numbered(c.words), at, after) {
						break // the answer was done before the crash
					}
					steps++
				}
				if steps < 4 {
					t.Errorf("only %d steps; the crash does not reach the path", steps)
				}
				t.Logf("%d crashes, each answered once and whole", steps)
			})
		}
	}
}

func crashAt(t *testing.T, mode, answer string, at int64, after bool) (crashed bool) {
	t.Helper()
	c := &crash{after: after}
	c.at.Store(at)
	inWorld(t, func(w *world, so *slacksim.Options, m *llmsim.Options) {
		so.NoLimits = true
		w.options.Reply.Mode = mode
		m.Answer = func(llmsim.Request) llmsim.Script { return llmsim.Script{Text: answer, Gap: 10 * time.Millisecond} }
	}, func(w *world) {
		w.halt()
		w.crashing(c)
		w.start()
		ts := w.post(ann, general, "", "@bobbin count")
		time.Sleep(time.Minute)
		crashed = c.dead()
		w.bury()
		w.slack.ClearFaults()
		w.start()
		w.answered(general, ts, 1)
		w.settle()
		replies := w.replies(general, ts)
		shown := answerOf(replies)
		if want := (len(answer) + 9000) / 9000; shown != strings.TrimSpace(answer) || len(replies) != want {
			t.Errorf("crash at step %d: %d messages (want %d) with %d bytes (want %d)", at, len(replies), want, len(shown), len(answer))
		}
		w.noOpenTurns()
	})
	return crashed
}
