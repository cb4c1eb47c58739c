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

// A third of the calls are refused with 429 and a Retry-After of 1 to 30 s, one
// in twenty fails with a server error, and of one in fifty the answer is lost.
// Every text is whole in the end and stands once, and no call is made before
// the end of a Retry-After.
func TestSlackStorm(t *testing.T) {
	const people = 30
	for _, mode := range []string{bot.ReplyAuto, bot.ReplyEdit} {
		t.Run(mode, func(t *testing.T) {
			inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
				w.options.Reply.Mode = mode
				m.Answer = func(r llmsim.Request) llmsim.Script {
					question := r.Messages[len(r.Messages)-1].Content
					return llmsim.Script{Text: "About " + question[strings.Index(question, "number"):] + ": " + numbered(150), FirstToken: time.Second, Gap: 50 * time.Millisecond}
				}
			}, func(w *world) {
				for every, after := range map[int]time.Duration{6: time.Second, 9: 5 * time.Second, 18: 30 * time.Second} {
					w.slack.Fault(slacksim.Fault{Method: "chat.*", Status: 429, RetryAfter: after, Every: every})
				}
				w.slack.Fault(slacksim.Fault{Method: "chat.*", Status: 503, Every: 20})
				w.slack.Fault(slacksim.Fault{Method: "chat.*", LoseResponse: true, Every: 50})
				threads := make([]string, people)
				for i := range threads {
					threads[i] = w.post(ann, []string{general, random}[i%2], "", fmt.Sprintf("@bobbin number %d.", i))
				}
				for i, ts := range threads {
					channel := []string{general, random}[i%2]
					w.answered(channel, ts, 1)
				}
				w.slack.ClearFaults()
				w.settle()
				for i, ts := range threads {
					channel := []string{general, random}[i%2]
					got := w.replies(channel, ts)
					want := fmt.Sprintf("About number %d.: %s", i, numbered(150))
					if len(got) != 1 || strings.TrimSpace(got[0].Markdown) != strings.TrimSpace(want) {
						t.Errorf("thread %d: %d replies: %.300q\nwant %.80q…", i, len(got), got[0].Markdown, want)
					}
				}
				calls := w.slack.Calls()
				refused := 0
				for _, c := range calls {
					if c.HTTPStatus == 429 {
						refused++
					}
				}
				t.Logf("%d calls, %d of them refused", len(calls), refused)
				if refused < 10 {
					t.Errorf("only %d of %d calls were refused: this was no storm", refused, len(calls))
				}
				w.noCallsInsideRetryAfter()
				w.noOpenTurns()
			})
		})
	}
}
