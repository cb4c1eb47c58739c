package bot_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// The answers whose way to the screen is measured: 200 tokens, 20 a second.
const (
	lagTokens = 200
	lagGap    = 50 * time.Millisecond
	lagStep   = 50 * time.Millisecond // how often somebody looks at the screen
)

// lag is how far the screen was behind the model.
type lag struct {
	mean    time.Duration // of a token, from the model to the screen
	last    time.Duration // of the last token of the slowest reply
	refused int           // calls that Slack answered with 429
	whole   int           // replies that were complete in the end
}

// lagWorld has n people ask at the same moment, four in each channel.
func lagWorld(t *testing.T, n, tokens int, story func(w *world, channels []string)) {
	var channels []slacksim.Channel
	var ids []string
	for i := range (n + 3) / 4 {
		c := slacksim.Channel{ID: fmt.Sprintf("C0LAG%02d", i), Name: fmt.Sprintf("lag-%d", i)}
		channels, ids = append(channels, c), append(ids, c.ID)
	}
	inWorld(t, func(w *world, s *slacksim.Options, m *llmsim.Options) {
		s.Channels = channels
		m.Answer = func(llmsim.Request) llmsim.Script {
			return llmsim.Script{Text: lagText(tokens), FirstToken: 500 * time.Millisecond, Gap: lagGap}
		}
	}, func(w *world) { story(w, ids) })
}

func lagText(tokens int) string { return strings.TrimSpace(strings.Repeat("token ", tokens)) }

// watch looks at the screen until every reply is whole, for up to ten minutes.
// By Little's law the mean lag of a token is the mean number of tokens that are
// under way, over the rate at which they come.
func (w *world) watch(tokens int, channels, threads []string, generated func(reply int) int) lag {
	var out lag
	behind := 0
	begun := time.Now()
	ready := make([]time.Time, len(threads)) // when the model was through
	done := make([]bool, len(threads))
	for out.whole < len(threads) && time.Since(begun) < 10*time.Minute {
		time.Sleep(lagStep)
		for i, ts := range threads {
			if done[i] {
				continue
			}
			shown, g := w.tokensShown(channels[i%len(channels)], ts), generated(i)
			if max(g, shown) == tokens && ready[i].IsZero() { // the journal may be read a little before the screen
				ready[i] = time.Now()
			}
			behind += max(0, g-shown)
			if shown == tokens {
				done[i] = true
				out.whole++
				out.last = max(out.last, time.Since(ready[i]))
			}
		}
	}
	out.mean = time.Duration(behind) * lagStep / time.Duration(tokens*len(threads))
	out.refused = w.refused()
	return out
}

// ours is the bot.
func ours(t *testing.T, n, tokens int) (out lag) {
	lagWorld(t, n, tokens, func(w *world, channels []string) {
		threads := make([]string, n)
		for i := range threads {
			threads[i] = w.post(ann, channels[i%len(channels)], "", fmt.Sprintf("@bobbin question %d.", i))
		}
		asked := w.asked()
		out = w.watch(tokens, channels, threads, func(i int) int { return asked(i).Deltas })
		w.noOpenTurnsSoon()
	})
	return out
}

// asked returns a function that finds the model's journal entry for a question, a
// zero one if there is none yet.
func (w *world) asked() func(question int) llmsim.Request {
	entries := map[int]int{}
	var requests []llmsim.Request
	var read time.Time
	return func(question int) llmsim.Request {
		if now := time.Now(); !now.Equal(read) { // once a look
			requests, read = w.model.Requests(), now
		}
		if at, ok := entries[question]; ok {
			return requests[at]
		}
		for at, r := range requests {
			if strings.Contains(r.Messages[len(r.Messages)-1].Content, fmt.Sprintf("question %d.", question)) {
				entries[question] = at
				return r
			}
		}
		return llmsim.Request{}
	}
}

// tokensShown counts what the screen shows of the answer in a thread.
func (w *world) tokensShown(channel, thread string) (n int) {
	for _, m := range w.replies(channel, thread) {
		n += strings.Count(m.Markdown, "token")
	}
	return n
}

// refused counts the calls that Slack answered with 429.
func (w *world) refused() (n int) {
	for _, c := range w.slack.Calls() {
		if c.HTTPStatus == http.StatusTooManyRequests {
			n++
		}
	}
	return n
}

// noOpenTurnsSoon is for answers that are on the screen but perhaps not closed.
func (w *world) noOpenTurnsSoon() {
	w.settle()
	w.noOpenTurns()
}

// fixedEditor is what most bots do: post, then an edit every second, and after a
// 429 wait as long as Slack says.
func fixedEditor(t *testing.T, n, tokens int) (out lag) {
	lagWorld(t, n, tokens, func(w *world, channels []string) {
		api := slack.New("xoxb-sim", slack.OptionAPIURL("http://slack.test/api/"),
			slack.OptionHTTPClient(&http.Client{Transport: &http.Transport{DialContext: w.slackIn.DialContext, DisableKeepAlives: true}}))
		begun := time.Now()
		generated := func(int) int {
			return min(tokens, max(0, int((time.Since(begun)-500*time.Millisecond)/lagGap)+1))
		}
		threads := make([]string, n)
		var wg sync.WaitGroup
		for i := range threads {
			channel := channels[i%len(channels)]
			threads[i] = w.post(ann, channel, "", "question")
			wg.Go(func() {
				time.Sleep(500 * time.Millisecond)
				insist := func(do func(text slack.MsgOption) error) (shown int) {
					for {
						shown = generated(i)
						err := do(slack.MsgOptionBlocks(slack.NewMarkdownBlock("", lagText(shown))))
						limited, ok := errors.AsType[*slack.RateLimitedError](err)
						if !ok {
							return shown
						}
						time.Sleep(limited.RetryAfter)
					}
				}
				var ts string
				shown := insist(func(text slack.MsgOption) (err error) {
					_, ts, err = api.PostMessage(channel, text, slack.MsgOptionTS(threads[i]))
					return err
				})
				for shown < tokens {
					time.Sleep(time.Second)
					shown = insist(func(text slack.MsgOption) error {
						_, _, _, err := api.UpdateMessage(channel, ts, text)
						return err
					})
				}
			})
		}
		out = w.watch(tokens, channels, threads, generated)
		wg.Wait()
	})
	return out
}

// textWrites are the writes that a minute has for text: 20 starts, 100 appends and
// 50 edits.
const textWrites = 20 + 100 + 50

// lagLimit is the mean lag that nobody can beat whose n answers last for span: a
// token waits for half the time between two of the reply's writes, and a minute's
// writes may be spent in less. For answers of a minute and longer it is the 30·n/b
// of the steady state.
func lagLimit(n int, span time.Duration) time.Duration {
	return time.Duration(n) * min(span, time.Minute) / (2 * textWrites)
}

// rounded is for people.
func rounded(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }

// The lag of the screen behind the model, with Slack's limits on, for a crowd
// that asks at the same moment, beside what nobody can beat and what most bots do.
func TestLag(t *testing.T) {
	budgets := map[int][2]time.Duration{ // mean, last token
		1: {300 * time.Millisecond, 2 * time.Second}, 10: {1500 * time.Millisecond, 2 * time.Second},
		20: {3 * time.Second, 4 * time.Second}, 40: {6 * time.Second, 10 * time.Second},
	}
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "live replies\tmean lag\tbudget\tlimit 30·n/b\tlimit of a burst\tlast token\tbudget\twhole\trefused\tone edit a second: mean\tlast token\twhole\trefused")
	for _, n := range []int{1, 10, 20, 40, 100} {
		got, other := ours(t, n, lagTokens), fixedEditor(t, n, lagTokens)
		budget, limited := budgets[n]
		show := func(d time.Duration) string {
			if !limited {
				return "-"
			}
			return d.String()
		}
		fmt.Fprintf(table, "%d\t%v\t%s\t%v\t%v\t%v\t%s\t%d\t%d\t%v\t%v\t%d\t%d\n", n, rounded(got.mean), show(budget[0]),
			rounded(lagLimit(n, time.Minute)), rounded(lagLimit(n, lagTokens*lagGap)), rounded(got.last), show(budget[1]), got.whole, got.refused,
			rounded(other.mean), rounded(other.last), other.whole, other.refused)
		if limited && (got.mean > budget[0] || got.last > budget[1]) || got.whole != n || got.refused > 0 {
			t.Errorf("%d live replies: %+v; budget %v", n, got, budget)
		}
	}
	table.Flush()
	t.Logf("answers of %d tokens, %d a second, to people who ask at the same moment\n%s", lagTokens, time.Second/lagGap, &out)
}
