package bot_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/storage"
)

// Questions that wait are joined into the last of them, and after a restart that
// one into a later one. What a person does with their message still reaches the
// answer.
func TestJoinedTwice(t *testing.T) {
	for name, c := range map[string]struct {
		act     func(w *world, ts string)
		answer  string   // how the one reply ends
		prompts int      // requests in all
		asked   []string // in the last prompt
	}{
		"stop": {func(w *world, ts string) {
			if err := w.slack.React(ann, general, ts, "octagonal_sign"); err != nil {
				w.t.Fatal(err)
			}
		}, "_Stopped._", 2, []string{"two", "three", "four"}},
		"edit":   {func(w *world, ts string) { w.edit(ann, general, ts, "@bobbin zwei") }, "Yes.", 3, []string{"zwei", "three", "four"}},
		"delete": {func(w *world, ts string) { w.remove(ann, general, ts) }, "Yes.", 3, []string{"three", "four"}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
				m.Answer = func(llmsim.Request) llmsim.Script {
					return llmsim.Script{Text: "Yes.", FirstToken: 8 * time.Second}
				}
				// The two that wait are not answered before the restart.
				w.options.Prepare = func(ctx context.Context, _ *llm.Request, turn storage.Turn) error {
					if strings.Contains(turn.Text, "three") && !strings.Contains(turn.Text, "four") {
						<-ctx.Done()
					}
					return ctx.Err()
				}
			}, func(w *world) {
				ts := w.post(ann, general, "", "@bobbin one")
				time.Sleep(time.Second)
				second := w.post(ann, general, ts, "@bobbin two")
				w.post(ann, general, ts, "@bobbin three")
				w.answered(general, ts, 1)
				time.Sleep(time.Second)
				w.post(ann, general, ts, "@bobbin four")
				time.Sleep(time.Second)
				w.halt()
				w.start()
				time.Sleep(time.Second)
				c.act(w, second)
				w.settle()
				got := w.replies(general, ts)
				if len(got) != 2 || got[1].Markdown != c.answer {
					t.Errorf("shown %q, want two replies, the last %q", brief(got), c.answer)
				}
				requests := w.model.Requests()
				if len(requests) != c.prompts {
					t.Errorf("the model was asked %d times, want %d", len(requests), c.prompts)
				}
				last := requests[len(requests)-1].Messages
				question := last[len(last)-1].Content
				for _, word := range []string{"two", "zwei", "three", "four"} {
					want := 0
					for _, asked := range c.asked {
						if asked == word {
							want = 1
						}
					}
					if n := strings.Count(question, word); n != want {
						t.Errorf("asked %q: %q is in it %d times, want %d", question, word, n, want)
					}
				}
				w.noOpenTurns()
			})
		})
	}
}
