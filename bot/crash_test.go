package bot_test

import (
	"fmt"
	"math"
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
	}{{bot.ReplyAuto, 60, 1}, {bot.ReplyEdit, 60, 1}, {bot.ReplyAuto, 2600, 11}, {bot.ReplyEdit, 2600, 11}} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%d words/after=%v", c.mode, c.words, after), func(t *testing.T) {
				t.Parallel()
				steps := 0
				for at := int64(1); ; at += stride(c.stride) {
					if !crashAt(t, c.mode, numbered(c.words), at, after) {
						break // the answer was done before the crash
					}
					steps++
				}
				if steps < 4 && !testing.Short() {
					t.Errorf("only %d steps; the crash does not reach the path", steps)
				}
				t.Logf("%d crashes, each answered once and whole", steps)
			})
		}
	}
}

func crashAt(t *testing.T, mode, answer string, at int64, after bool) (crashed bool) {
	t.Helper()
	inWorld(t, func(w *world, so *slacksim.Options, m *llmsim.Options) {
		so.NoLimits = true
		w.options.Reply.Mode = mode
		m.Answer = func(llmsim.Request) llmsim.Script { // slow enough to be shown in several steps
			return llmsim.Script{Text: answer, Gap: max(10*time.Millisecond, 6*time.Second/time.Duration(strings.Count(answer, " ")+1))}
		}
	}, func(w *world) {
		var ts string
		crashed = w.crashIn(crashing(at, after), func() {
			ts = w.post(ann, general, "", "@bobbin count")
			time.Sleep(time.Minute)
		})
		w.answered(general, ts, 1)
		w.settle()
		replies := w.replies(general, ts)
		shown := answerOf(replies)
		if want := messagesFor(answer); shown != strings.TrimSpace(answer) || len(replies) != want {
			t.Errorf("crash at step %d: %d messages (want %d) with %d bytes (want %d)", at, len(replies), want, len(shown), len(answer))
		}
		w.noOpenTurns()
	})
	return crashed
}

// crashIn starts the bot anew, has it crash in story, and starts it again. It
// reports whether the story was long enough for that.
func (w *world) crashIn(c *crash, story func()) (crashed bool) {
	w.halt()
	w.crashing(c)
	w.start()
	story()
	crashed = c.dead()
	w.bury()
	w.slack.ClearFaults()
	w.start()
	return crashed
}

// stride is how many steps lie between two crashes; in a short run more.
func stride(n int64) int64 {
	if testing.Short() {
		return 9 * n
	}
	return n
}

// messagesFor is how many messages an answer of plain words takes.
func messagesFor(answer string) int { return (len(answer) + 9000) / 9000 }

// A crash at any step of answering again: what stands there in the end is one
// answer and whole, the new one if the click was heard, whatever the number of
// messages before and after.
func TestCrashWhileAnsweringAgain(t *testing.T) {
	for _, c := range []struct {
		first, second int // words
		stride        int64
	}{{60, 80, 1}, {60, 2600, 13}, {2600, 60, 1}, {2600, 2700, 13}} {
		for _, mode := range []string{bot.ReplyAuto, bot.ReplyEdit} {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d to %d words/after=%v", mode, c.first, c.second, after), func(t *testing.T) {
					t.Parallel()
					steps := 0
					for at := int64(1); ; at += stride(c.stride) {
						if !crashAgainAt(t, mode, numbered(c.first), "Again: "+numbered(c.second), at, after) {
							break
						}
						steps++
					}
					if steps < 4 && !testing.Short() {
						t.Errorf("only %d steps; the crash does not reach the path", steps)
					}
				})
			}
		}
	}
}

func crashAgainAt(t *testing.T, mode, first, second string, at int64, after bool) (crashed bool) {
	t.Helper()
	inWorld(t, func(w *world, so *slacksim.Options, m *llmsim.Options) {
		so.NoLimits = true
		w.options.Reply.Mode = mode
		asked := 0
		m.Answer = func(llmsim.Request) llmsim.Script {
			if asked++; asked == 1 {
				return llmsim.Script{Text: first}
			}
			return llmsim.Script{Text: second, Gap: 10 * time.Millisecond}
		}
	}, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin count")
		last := w.answered(general, ts, 1)
		heard := false
		crashed = w.crashIn(crashing(at, after), func() {
			heard = w.slack.Click(ann, general, last.TS, "bobbin_regenerate", "") == nil
			time.Sleep(time.Minute)
		})
		w.settle()
		replies := w.replies(general, ts)
		shown := answerOf(replies)
		want := second
		if !heard && shown == strings.TrimSpace(first) {
			want = first
		}
		if n := messagesFor(want); shown != strings.TrimSpace(want) || len(replies) != n || !isFinished(replies[n-1]) {
			t.Errorf("crash at step %d: %d messages (want %d): %q", at, len(replies), n, brief(replies))
		}
		w.noOpenTurns()
	})
	return crashed
}

// A crash at any step after a stop: what stands there in the end is one text and
// closed, and nothing is under way.
func TestCrashWhileStopping(t *testing.T) {
	for _, mode := range []string{bot.ReplyAuto, bot.ReplyEdit} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/after=%v", mode, after), func(t *testing.T) {
				for at := int64(1); crashAtStop(t, mode, at, after); at++ {
				}
			})
		}
	}
}

func crashAtStop(t *testing.T, mode string, at int64, after bool) (crashed bool) {
	t.Helper()
	inWorld(t, func(w *world, so *slacksim.Options, m *llmsim.Options) {
		so.NoLimits = true
		w.options.Reply.Mode = mode
		m.Answer = func(llmsim.Request) llmsim.Script {
			return llmsim.Script{Text: numbered(300), Gap: 50 * time.Millisecond}
		}
	}, func(w *world) {
		var ts string
		c := crashing(math.MaxInt64, after)
		crashed = w.crashIn(c, func() {
			ts = w.post(ann, general, "", "@bobbin count")
			reply := w.growing(general, ts)
			c.at.Store(c.step.Load() + at)
			if err := w.slack.React(ann, general, reply.TS, "octagonal_sign"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
		})
		w.settle()
		got := w.replies(general, ts)
		if len(got) != 1 || got[0].StreamingState == "in_progress" || hasButton(got[0], "Stop") ||
			!strings.HasSuffix(got[0].Markdown, "_Stopped._") && answerOf(got) != strings.TrimSpace(numbered(300)) {
			t.Errorf("crash at step %d after the stop: %q", at, brief(got))
		}
		w.noOpenTurns()
	})
	return crashed
}
