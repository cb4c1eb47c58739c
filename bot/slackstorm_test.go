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

// storm refuses a third of the chat calls with 429 and a Retry-After of 1 to
// 30 s, answers one in twenty with 503 and loses the answer of one in fifty. The
// first fault that hits a call wins, hence the shares of the rest.
func storm(w *slacksim.Workspace) {
	const refused, failed, lost = 1.0 / 3, 0.05, 0.02
	w.Fault(slacksim.Fault{Method: "chat.*", Status: 429, Chance: refused, RetryAfter: time.Second, RetryAfterMax: 30 * time.Second})
	w.Fault(slacksim.Fault{Method: "chat.*", Status: 503, Chance: failed / (1 - refused)})
	w.Fault(slacksim.Fault{Method: "chat.*", LoseResponse: true, Chance: lost / (1 - refused - failed)})
}

// stormFigures is what a storm did.
type stormFigures struct {
	calls, refused, failed, lost int           // of the chat methods
	longest                      time.Duration // from the question to its whole text
}

func (f stormFigures) String() string {
	return fmt.Sprintf("%d calls: %d refused, %d server errors, %d answers lost; a text was whole after %v at most",
		f.calls, f.refused, f.failed, f.lost, f.longest.Round(time.Second))
}

func (f *stormFigures) count(calls []slacksim.Call) {
	for _, c := range calls {
		if !strings.HasPrefix(c.Method, "chat.") {
			continue
		}
		f.calls++
		switch {
		case c.Lost:
			f.lost++
		case c.HTTPStatus == 429:
			f.refused++
		case c.HTTPStatus == 503:
			f.failed++
		}
	}
}

// Whatever a storm does to the calls, every text is whole in the end and stands
// once, no call is made before the end of a Retry-After, and no turn stays open.
func TestSlackStorm(t *testing.T) {
	for _, mode := range []string{bot.ReplyAuto, bot.ReplyEdit} {
		t.Run(mode, func(t *testing.T) {
			var all stormFigures
			// Few people with long answers wait for each other in other ways than
			// many with short ones. With seed 1003 a call that had been waited for
			// was once made after the method was refused to somebody else.
			for _, c := range []struct {
				seed          uint64
				people, words int
			}{{1003, 4, 150}, {1002, 4, 900}, {1013, 12, 400}, {55, 30, 150}, {1, 40, 150}, {2, 40, 150}, {3, 20, 150}, {4, 5, 3500}} {
				t.Run(fmt.Sprintf("seed %d, %d people, %d words", c.seed, c.people, c.words), func(t *testing.T) {
					f := inStorm(t, mode, c.seed, c.people, c.words)
					t.Log(f)
					all = stormFigures{all.calls + f.calls, all.refused + f.refused, all.failed + f.failed, all.lost + f.lost,
						max(all.longest, f.longest)}
				})
			}
			t.Logf("all seeds: %v", all)
			if all.refused < all.calls/4 || all.failed < all.calls/50 || all.lost == 0 {
				t.Errorf("%v: this was no storm", all)
			}
		})
	}
}

// inStorm has people ask at once for answers of so many words.
func inStorm(t *testing.T, mode string, seed uint64, people, words int) (f stormFigures) {
	inWorld(t, func(w *world, s *slacksim.Options, m *llmsim.Options) {
		s.Seed = seed
		w.options.Reply.Mode = mode
		m.Answer = func(r llmsim.Request) llmsim.Script {
			question := r.Messages[len(r.Messages)-1].Content
			return llmsim.Script{Text: "About " + question[strings.Index(question, "number"):] + ": " + numbered(words), FirstToken: time.Second, Gap: 50 * time.Millisecond}
		}
	}, func(w *world) {
		storm(w.slack)
		channel := func(i int) string { return []string{general, random}[i%2] }
		begun, threads := time.Now(), make([]string, people)
		for i := range threads {
			threads[i] = w.post(ann, channel(i), "", fmt.Sprintf("@bobbin number %d.", i))
		}
		for i, ts := range threads {
			w.answered(channel(i), ts, 1)
		}
		f.longest = time.Since(begun)
		w.slack.ClearFaults()
		w.settle()
		for i, ts := range threads {
			got := w.replies(channel(i), ts)
			want := strings.TrimSpace(fmt.Sprintf("About number %d.: %s", i, numbered(words)))
			if n := (len(want) + 8999) / 9000; len(got) != n || answerOf(got) != want {
				t.Errorf("thread %d: %d messages, want %d, whole:", i, len(got), n)
				for _, m := range got {
					t.Errorf("  %d of %d bytes: %.80q", len(m.Markdown), len(want), m.Markdown)
				}
			}
		}
		f.count(w.slack.Calls())
		w.noCallsInsideRetryAfter()
		w.noOpenTurns()
	})
	return f
}
