package bot_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

var (
	lives     = flag.Int("lives", 200, "how many lives TestLives simulates")
	firstLife = flag.Uint64("life", 1, "the seed of the first of them")
)

// A life of the bot, drawn from a seed: people ask, follow up, correct
// themselves and stop answers in a few threads while the process is killed at
// random steps, before or after they take effect, Slack loses and refuses calls
// and delivers things twice, and sockets are cut. In the end every question has
// been answered exactly once and whole.
func TestLives(t *testing.T) {
	if testing.Short() {
		*lives = 50
	}
	var sum struct {
		sync.Mutex
		life
	}
	var next atomic.Uint64
	next.Store(*firstLife)
	end := *firstLife + uint64(*lives)
	for worker := range 4 {
		t.Run(fmt.Sprintf("worker %d", worker), func(t *testing.T) {
			t.Parallel()
			for seed := next.Add(1) - 1; seed < end; seed = next.Add(1) - 1 {
				l := live(t, seed)
				sum.Lock()
				sum.add(l)
				sum.Unlock()
				if t.Failed() {
					t.Fatalf("repeat it with: go test ./bot -run TestLives -args -life %d -lives 1", seed)
				}
			}
		})
	}
	t.Cleanup(func() { t.Logf("%d lives: %v", *lives, &sum.life) })
}

// life is what happened in one.
type life struct{ kills, questions, edits, stops, faults, answers int }

func (l *life) add(o life) {
	l.kills += o.kills
	l.questions += o.questions
	l.edits += o.edits
	l.stops += o.stops
	l.faults += o.faults
	l.answers += o.answers
}

func (l *life) String() string {
	return fmt.Sprintf("%d kills, %d questions, %d edits, %d stops, %d faults of Slack; %d answers, each question answered once and whole",
		l.kills, l.questions, l.edits, l.stops, l.faults, l.answers)
}

// questionMark is what tells questions apart: its number, and how often it was
// edited.
var questionMark = regexp.MustCompile(`q\d+e\d+\.`)

// taken reports whether the bot has acknowledged the message.
func (w *world) taken(ts string) bool {
	for _, d := range w.slack.Deliveries() {
		if d.TS == ts && !d.AckedAt.IsZero() {
			return true
		}
	}
	return false
}

// immortal is the step at which a process that is not to be killed is killed.
const immortal = 1 << 40

func live(t *testing.T, seed uint64) (l life) {
	dice := rand.New(rand.NewPCG(seed, 7))
	chance := func(p float64) bool { return dice.Float64() < p }
	between := func(low, high time.Duration) time.Duration {
		return low + time.Duration(dice.Int64N(int64(high-low)))
	}
	words := func() int {
		if chance(0.04) {
			return 1500
		}
		return 5 + dice.IntN(60)
	}
	lengths := map[string]int{}
	var lengthsMu sync.Mutex
	for i := range 8 {
		lengths[fmt.Sprintf("q%d", i)] = words()
	}
	inWorld(t, func(w *world, so *slacksim.Options, m *llmsim.Options) {
		so.Seed, so.NoLimits = seed, chance(0.8)
		w.options.Reply.Mode = []string{bot.ReplyAuto, bot.ReplyEdit}[dice.IntN(2)]
		gap, first := between(5*time.Millisecond, 60*time.Millisecond), between(10*time.Millisecond, 3*time.Second)
		m.Answer = func(r llmsim.Request) llmsim.Script {
			marks := questionMark.FindAllString(r.Messages[len(r.Messages)-1].Content, -1)
			n := 5
			lengthsMu.Lock()
			for _, mark := range marks {
				n = max(n, lengths[mark[:2]])
			}
			lengthsMu.Unlock()
			return llmsim.Script{Text: "[" + strings.Join(marks, " ") + "] " + numbered(n) + "whole.", FirstToken: first, Gap: gap}
		}
	}, func(w *world) {
		w.halt()
		var c *crash
		rise := func() {
			c = &crash{}
			c.at.Store(immortal)
			if l.kills < 2 && chance(0.8) {
				c.at.Store(1 + dice.Int64N(30))
				c.after = chance(0.5)
			}
			w.crashing(c)
			w.launch()
		}
		rise()
		if chance(0.4) {
			f := slacksim.Fault{Method: "chat.*", Chance: 0.1, Times: 3}
			switch dice.IntN(3) {
			case 0:
				f.Status, f.RetryAfter, f.RetryAfterMax = 429, time.Second, 9*time.Second
			case 1:
				f.Status = 503
			default:
				f.LoseResponse = true
			}
			w.slack.Fault(f)
			l.faults++
		}
		type asked struct {
			channel, thread, ts, user string
			edits                     int
			stopped                   bool
		}
		var questions []*asked
		text := func(i int) string { return fmt.Sprintf("@bobbin tell me q%de%d.", i, questions[i].edits) }
		for range 3 + dice.IntN(12) {
			switch p := dice.Float64(); {
			case p < 0.5 && len(questions) < len(lengths) || len(questions) == 0:
				q := &asked{channel: []string{general, random}[dice.IntN(2)], user: []string{ann, ben}[dice.IntN(2)]}
				if len(questions) > 0 && chance(0.6) {
					earlier := questions[dice.IntN(len(questions))]
					q.channel, q.thread = earlier.channel, earlier.thread
				}
				questions = append(questions, q)
				q.ts = w.post(q.user, q.channel, q.thread, text(len(questions)-1))
				if q.thread == "" {
					q.thread = q.ts
				}
				l.questions++
			case p < 0.58:
				i := dice.IntN(len(questions))
				if !w.taken(questions[i].ts) {
					break // an edit that overtakes its question has a story of its own
				}
				questions[i].edits++
				w.edit(questions[i].user, questions[i].channel, questions[i].ts, text(i))
				l.edits++
			case p < 0.64:
				q := questions[dice.IntN(len(questions))]
				if w.slack.React(q.user, q.channel, q.ts, "octagonal_sign") == nil {
					for _, other := range questions { // it may be answered together with others
						other.stopped = other.stopped || other.thread == q.thread
					}
					l.stops++
				}
			case p < 0.72:
				q := questions[dice.IntN(len(questions))]
				w.slack.Redeliver(q.channel, q.ts)
			case p < 0.78:
				w.slack.DropAcks(1)
			case p < 0.84:
				w.slack.Disconnect("")
			}
			time.Sleep(between(0, 4*time.Second))
			if c.dead() {
				l.kills++
				w.bury()
				time.Sleep(between(0, 20*time.Second))
				rise()
			}
		}
		for range 4 {
			time.Sleep(20 * time.Second)
			if c.dead() {
				l.kills++
				w.bury()
				rise()
			}
		}
		if c.at.Load() != immortal { // if it is not dead by now it is killed, so that it dies at no other time
			l.kills++
			c.at.Store(0)
			w.bury()
			l.kills = max(l.kills, 2)
			rise()
		}
		w.slack.ClearFaults()
		w.settle()
		answered := map[string]int{}
		seen := map[string]bool{}
		for _, q := range questions {
			if seen[q.channel+q.thread] {
				continue
			}
			seen[q.channel+q.thread] = true
			if s := w.slack.Status(q.channel, q.thread); s != "" {
				t.Errorf("seed %d: status %q is left in %s", seed, s, q.thread)
			}
			replies := w.replies(q.channel, q.thread)
			for _, m := range replies {
				if m.StreamingState == "in_progress" || hasButton(m, "Stop") {
					t.Errorf("seed %d: a reply was left unfinished: %.100q", seed, m.Markdown)
				}
			}
			for _, answer := range strings.SplitAfter(answerOf(replies), "whole.") {
				answer = strings.TrimSpace(answer)
				if strings.HasSuffix(answer, "whole.") {
					l.answers++
				} else if answer != "" && !q.stopped {
					t.Errorf("seed %d: not whole: …%q", seed, answer[max(0, len(answer)-200):])
				}
				for _, mark := range questionMark.FindAllString(answer, -1) {
					answered[mark]++
				}
			}
		}
		for i, q := range questions {
			mark := fmt.Sprintf("q%de%d.", i, q.edits)
			if n := answered[mark]; n != 1 && !(q.stopped && n == 0) {
				t.Errorf("seed %d: question %s (%s in %s, stopped %v) was answered %d times; all: %v", seed, mark, q.ts, q.thread, q.stopped, n, answered)
			}
		}
		for _, r := range w.model.Requests() {
			for _, m := range r.Messages {
				if m.Role == "assistant" && !strings.HasSuffix(m.Content, "whole.") {
					t.Errorf("seed %d: half an answer came back as history: …%q", seed, m.Content[max(0, len(m.Content)-80):])
				}
			}
		}
		w.noOpenTurns()
		if t.Failed() {
			for _, d := range w.slack.Deliveries() {
				t.Logf("%v %s %s attempt %d acked %v", d.SentAt.Format("15:04:05.000"), d.Event, d.TS, d.Attempt, d.AckedAt.Format("15:04:05.000"))
			}
			t.Logf("log of seed %d:\n%s", seed, w.logs)
		}
	})
	return l
}
