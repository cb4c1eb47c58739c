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
func lagWorld(t *testing.T, n int, story func(w *world, channels []string)) {
	var channels []slacksim.Channel
	var ids []string
	for i := range (n + 3) / 4 {
		c := slacksim.Channel{ID: fmt.Sprintf("C0LAG%02d", i), Name: fmt.Sprintf("lag-%d", i)}
		channels, ids = append(channels, c), append(ids, c.ID)
	}
	inWorld(t, func(w *world, s *slacksim.Options, m *llmsim.Options) {
		s.Channels = channels
		m.Answer = func(llmsim.Request) llmsim.Script {
			return llmsim.Script{Text: lagText(lagTokens), FirstToken: 500 * time.Millisecond, Gap: lagGap}
		}
	}, func(w *world) { story(w, ids) })
}

func lagText(tokens int) string { return strings.TrimSpace(strings.Repeat("token ", tokens)) }

// watch looks at the screen until every reply is whole, for up to three minutes.
// By Little's law the mean lag of a token is the mean number of tokens that are
// under way, over the rate at which they come.
func (w *world) watch(channels, threads []string, generated func(reply int) int) lag {
	var out lag
	behind := 0
	begun := time.Now()
	ready := make([]time.Time, len(threads)) // when the model was through
	done := make([]bool, len(threads))
	for out.whole < len(threads) && time.Since(begun) < 3*time.Minute {
		time.Sleep(lagStep)
		for i, ts := range threads {
			if done[i] {
				continue
			}
			shown := 0
			for _, m := range w.replies(channels[i%len(channels)], ts) {
				shown += strings.Count(m.Markdown, "token")
			}
			g := generated(i)
			if g == lagTokens && ready[i].IsZero() {
				ready[i] = time.Now()
			}
			behind += max(0, g-shown)
			if shown == lagTokens {
				done[i] = true
				out.whole++
				out.last = max(out.last, time.Since(ready[i]))
			}
		}
	}
	out.mean = time.Duration(behind) * lagStep / time.Duration(lagTokens*len(threads))
	for _, c := range w.slack.Calls() {
		if c.HTTPStatus == http.StatusTooManyRequests {
			out.refused++
		}
	}
	return out
}

// ours is the bot.
func ours(t *testing.T, n int) (out lag) {
	lagWorld(t, n, func(w *world, channels []string) {
		threads := make([]string, n)
		for i := range threads {
			threads[i] = w.post(ann, channels[i%len(channels)], "", fmt.Sprintf("@bobbin question %d.", i))
		}
		entries := map[int]int{} // of the model's journal, by reply
		out = w.watch(channels, threads, func(i int) int {
			requests := w.model.Requests()
			if at, ok := entries[i]; ok {
				return requests[at].Deltas
			}
			for at, r := range requests {
				if strings.Contains(r.Messages[len(r.Messages)-1].Content, fmt.Sprintf("question %d.", i)) {
					entries[i] = at
					return r.Deltas
				}
			}
			return 0
		})
		w.noOpenTurnsSoon()
	})
	return out
}

// noOpenTurnsSoon is for answers that are on the screen but perhaps not closed.
func (w *world) noOpenTurnsSoon() {
	w.settle()
	w.noOpenTurns()
}

// fixedEditor is what most bots do: post, then an edit every second, and after a
// 429 wait as long as Slack says.
func fixedEditor(t *testing.T, n int) (out lag) {
	lagWorld(t, n, func(w *world, channels []string) {
		api := slack.New("xoxb-sim", slack.OptionAPIURL("http://slack.test/api/"),
			slack.OptionHTTPClient(&http.Client{Transport: &http.Transport{DialContext: w.slackIn.DialContext, DisableKeepAlives: true}}))
		begun := time.Now()
		generated := func(int) int {
			return min(lagTokens, max(0, int((time.Since(begun)-500*time.Millisecond)/lagGap)+1))
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
				for shown < lagTokens {
					time.Sleep(time.Second)
					shown = insist(func(text slack.MsgOption) error {
						_, _, _, err := api.UpdateMessage(channel, ts, text)
						return err
					})
				}
			})
		}
		out = w.watch(channels, threads, generated)
		wg.Wait()
	})
	return out
}

// The lag of the screen behind the model, with Slack's limits on, for a crowd
// that asks at the same moment. The limit is what nobody can beat: text spread
// evenly over all writes that a minute has (20 starts, 100 appends, 50 edits).
func TestLag(t *testing.T) {
	budgets := map[int][2]time.Duration{ // mean, last token
		1: {300 * time.Millisecond, 2 * time.Second}, 10: {1500 * time.Millisecond, 2 * time.Second},
		20: {3 * time.Second, 4 * time.Second}, 40: {6 * time.Second, 10 * time.Second},
	}
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "live replies\tmean lag\tbudget\tlimit\tlast token\tbudget\twhole\trefused\tone edit a second: mean\tlast token\twhole\trefused")
	for _, n := range []int{1, 10, 20, 40, 100} {
		got, other := ours(t, n), fixedEditor(t, n)
		const writes = 20 + 100 + 50
		limit := time.Duration(n) * lagTokens * lagGap / (2 * writes)
		budget, limited := budgets[n]
		show := func(d time.Duration) string {
			if !limited {
				return "-"
			}
			return d.String()
		}
		ms := func(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }
		fmt.Fprintf(table, "%d\t%v\t%s\t%v\t%v\t%s\t%d\t%d\t%v\t%v\t%d\t%d\n", n, ms(got.mean), show(budget[0]), ms(limit), ms(got.last),
			show(budget[1]), got.whole, got.refused, ms(other.mean), ms(other.last), other.whole, other.refused)
		if limited && (got.mean > budget[0] || got.last > budget[1]) || got.whole != n || got.refused > 0 {
			t.Errorf("%d live replies: %+v; budget %v", n, got, budget)
		}
	}
	table.Flush()
	t.Log("\n" + out.String())
}
