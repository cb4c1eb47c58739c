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

// Forty people ask at once, with Slack's limits on: every answer is whole,
// stands once, and Slack has to refuse nothing.
func TestManyAtOnce(t *testing.T) {
	const people = 40
	for _, mode := range []string{bot.ReplyAuto, bot.ReplyEdit} {
		t.Run(mode, func(t *testing.T) {
			inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
				w.options.Reply.Mode = mode
				m.Answer = func(r llmsim.Request) llmsim.Script {
					question := r.Messages[len(r.Messages)-1].Content
					return llmsim.Script{Text: "About " + question[strings.Index(question, "number"):] + ": " + numbered(200), FirstToken: time.Second, Gap: 50 * time.Millisecond}
				}
			}, func(w *world) {
				begun := time.Now()
				threads := make([]string, people)
				for i := range threads {
					threads[i] = w.post(ann, []string{general, random}[i%2], "", fmt.Sprintf("@bobbin number %d", i))
				}
				last := time.Duration(0)
				for i, ts := range threads {
					channel := []string{general, random}[i%2]
					reply := w.answered(channel, ts, 1)
					want := fmt.Sprintf("About number %d: %s", i, numbered(200))
					if got := w.replies(channel, ts); len(got) != 1 || strings.TrimSpace(reply.Markdown) != strings.TrimSpace(want) {
						t.Errorf("thread %d: %d replies, text of %d bytes, want one of %d", i, len(got), len(reply.Markdown), len(want))
					}
					last = max(last, time.Since(begun))
				}
				refused := 0
				for _, c := range w.slack.Calls() {
					if c.HTTPStatus == 429 {
						refused++
					}
				}
				t.Logf("all %d answers whole after %v; the model needed 11 s; %d of %d calls refused", people, last.Round(time.Second), refused, len(w.slack.Calls()))
				if refused > 0 {
					t.Errorf("Slack refused %d calls; the pacer's budgets should prevent that", refused)
				}
				w.noOpenTurns()
			})
		})
	}
}
