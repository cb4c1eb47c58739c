package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// longTokens make an answer of a minute: there is no other minute to spend.
const longTokens = 1200

// The shift is when the steady state is looked at. People come one after the other
// in the first minute.
const (
	shiftBegins = 90 * time.Second
	shiftEnds   = 210 * time.Second
)

// steadily keeps n replies live: each person asks again, in a new thread, as soon
// as the answer is whole. The mean lag is that of the tokens of the shift.
func steadily(t *testing.T, n, tokens int) (out lag, questions int) {
	type seat struct {
		thread    string // "" if the next question is yet to be asked
		question  int
		next      time.Time
		generated int
		ready     time.Time
	}
	lagWorld(t, n, tokens, func(w *world, channels []string) {
		begun := time.Now()
		seats := make([]seat, n)
		for i := range seats {
			seats[i].next = begun.Add(time.Duration(i) * time.Minute / time.Duration(n))
		}
		asked := w.asked()
		behind, generated, live := 0, 0, n
		for live > 0 && time.Since(begun) < 2*shiftEnds {
			time.Sleep(lagStep)
			now := time.Since(begun)
			live = 0
			for i := range seats {
				s, channel := &seats[i], channels[i%len(channels)]
				if s.thread == "" {
					if now < shiftEnds && !time.Now().Before(s.next) {
						*s = seat{question: questions, thread: w.post(ann, channel, "", fmt.Sprintf("@bobbin question %d.", questions))}
						questions++
					}
					if now < shiftEnds {
						live++
					}
					continue
				}
				live++
				g, shown := asked(s.question).Deltas, w.tokensShown(channel, s.thread)
				if now >= shiftBegins && now < shiftEnds {
					behind += max(0, g-shown)
					generated += g - s.generated
				}
				s.generated = g
				if max(g, shown) == tokens && s.ready.IsZero() {
					s.ready = time.Now()
				}
				if shown == tokens {
					out.whole++
					out.last = max(out.last, time.Since(s.ready))
					*s = seat{next: time.Now()}
				}
			}
		}
		out.mean = time.Duration(behind) * lagStep / time.Duration(max(1, generated))
		out.refused = w.refused()
		w.noOpenTurnsSoon()
	})
	return out, questions
}

// Answers of a minute, with Slack's limits on: no other minute's writes can be
// spent on them, whether all people ask at the same moment or one after the other
// all the time.
func TestLagLong(t *testing.T) {
	if !testing.Verbose() {
		t.Skip("NOT MEASURED: it takes ten seconds and is there for its table, which -v prints")
	}
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "live replies\tlimit 30·n/b\tat once: mean lag\tlast token\twhole\trefused\tin steady state: mean lag\tlast token\twhole\trefused\tone edit a second, at once: mean\tlast token\twhole\trefused")
	for _, n := range []int{10, 20, 40} {
		limit := lagLimit(n, longTokens*lagGap)
		crowd, editor := ours(t, n, longTokens), fixedEditor(t, n, longTokens)
		steady, questions := steadily(t, n, longTokens)
		fmt.Fprintf(table, "%d\t%v\t%v\t%v\t%d\t%d\t%v\t%v\t%d of %d\t%d\t%v\t%v\t%d\t%d\n", n, rounded(limit), rounded(crowd.mean), rounded(crowd.last), crowd.whole, crowd.refused,
			rounded(steady.mean), rounded(steady.last), steady.whole, questions, steady.refused, rounded(editor.mean), rounded(editor.last), editor.whole, editor.refused)
		if crowd.whole != n || crowd.refused > 0 || crowd.mean > 4*limit {
			t.Errorf("%d who ask at once: %+v", n, crowd)
		}
		if steady.whole != questions || steady.refused > 0 || steady.mean > 4*limit {
			t.Errorf("%d in steady state, %d questions: %+v", n, questions, steady)
		}
	}
	table.Flush()
	t.Logf("answers of %d tokens, %d a second\n%s", longTokens, time.Second/lagGap, &out)
}
