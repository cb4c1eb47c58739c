package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

var (
	killsWanted = flag.Int("kills", 100, "how often TestKills kills the bot; for 1000 give -timeout 40m as well")
	killsSeed   = flag.Uint64("seed", 0, "of TestKills: repeats its kills and questions as far as real time allows; 0 is a new one")
)

// The kills of a round. A workspace with Slack's limits lets an app connect 50
// times a minute, and needs a minute afterwards for what was held up.
const killsWithLimits, killsWithout = 40, 60

// The real binary, killed again and again while people ask: in the end each
// question has one whole answer, and the model was never told half of one.
func TestKills(t *testing.T) {
	seed := *killsSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	begun := time.Now()
	var rounds []*killRound
	for left := *killsWanted; left > 0; {
		r := &killRound{limits: len(rounds)%2 == 0, seed: seed + uint64(len(rounds))}
		r.kills = killsWithout
		if r.limits {
			r.kills = killsWithLimits
		}
		r.kills = min(r.kills, left)
		left -= r.kills
		rounds = append(rounds, r)
	}
	t.Run("round", func(t *testing.T) {
		for i, r := range rounds {
			t.Run(fmt.Sprintf("%d/limits=%v", i+1, r.limits), func(t *testing.T) {
				t.Parallel()
				r.play(t)
			})
		}
	})
	t.Logf("-seed %d, %v\n%s", seed, time.Since(begun).Round(time.Second), killTable(rounds))
}

// killRound is one workspace, one store, and a bot that is killed.
type killRound struct {
	*site
	limits bool
	kills  int
	seed   uint64
	config string

	mu        sync.Mutex
	questions []question
	killFigures
}

// killFigures are a line of the table.
type killFigures struct {
	killed, asked, answers, lost, doubled, stuck, half, redelivered, refused, again int
	took                                                                            time.Duration
}

func killTable(rounds []*killRound) string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "round\tkills\tquestions\tanswers\tlost\tdoubled\tstuck\thalf read back\tredelivered\t429 and 503\ttried again\ttime")
	row := func(name string, f killFigures) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%v\n", name, f.killed, f.asked, f.answers, f.lost, f.doubled, f.stuck,
			f.half, f.redelivered, f.refused, f.again, f.took.Round(time.Second))
	}
	var all killFigures
	for i, r := range rounds {
		f := r.killFigures
		row(fmt.Sprintf("%d, limits %v", i+1, r.limits), f)
		all = killFigures{all.killed + f.killed, all.asked + f.asked, all.answers + f.answers, all.lost + f.lost, all.doubled + f.doubled,
			all.stuck + f.stuck, all.half + f.half, all.redelivered + f.redelivered, all.refused + f.refused, all.again + f.again, all.took + f.took}
	}
	row("all", all)
	w.Flush()
	return out.String()
}

func (r *killRound) play(t *testing.T) {
	begun := time.Now()
	defer func() { r.took = time.Since(begun) }()
	r.site = newSite(t, slacksim.Options{NoLimits: !r.limits, Seed: r.seed}, llmsim.Options{Answer: answerQuestions})
	file := filepath.Join(r.folder, "bobbin.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r.config = strings.Replace(string(text), "max_retries: 0", "max_retries: 0, context_window: 400000", 1)
	defer func() {
		if t.Failed() {
			r.keepLog()
		}
	}()
	rng := rand.New(rand.NewPCG(r.seed, 0))
	r.prime()
	storm, over := context.WithCancel(t.Context())
	defer over()
	var people sync.WaitGroup
	for i, user := range []string{"U0ANN", "U0BEN", "U0CHIDI", "U0DANA"} {
		people.Go(func() { r.person(storm, user, rand.New(rand.NewPCG(r.seed, uint64(i)+1))) })
	}
	for _, f := range []slacksim.Fault{{Status: 429, RetryAfter: time.Second, Chance: 0.02}, {Status: 503, Chance: 0.02}, {LoseResponse: true, Chance: 0.03}} {
		f.Method = "chat.*"
		r.slack.Fault(f)
	}
	for r.killed < r.kills {
		cmd := r.startAs(r.killed)
		if rng.IntN(4) == 0 {
			r.slack.DropAcks(1 + rng.IntN(3))
		}
		u := rng.Float64() // short lives are the more frequent ones
		time.Sleep(20*time.Millisecond + time.Duration(u*u*float64(1480*time.Millisecond)))
		end(cmd, syscall.SIGKILL)
		r.killed++
		r.wait("the sockets to close", func() bool { return r.slack.Sockets() == 0 })
	}
	over()
	people.Wait()
	r.slack.ClearFaults()
	r.slack.DropAcks(0)
	cmd := r.startAs(r.killed)
	r.settle()
	if err := end(cmd, syscall.SIGTERM); err != nil {
		t.Errorf("after SIGTERM: %v, want exit code 0", err)
	}
	r.judge()
}

// startAs starts the bot, in the two modes in turn.
func (r *killRound) startAs(n int) *exec.Cmd {
	r.tb.Helper()
	text := r.config + fmt.Sprintf("reply: {mode: %s, stop_by: thread}\n", []string{"auto", "edit"}[n%2])
	if err := os.WriteFile(filepath.Join(r.folder, "bobbin.yaml"), []byte(text), 0o600); err != nil {
		r.tb.Fatal(err)
	}
	return r.start()
}

// prime lets the bot see each channel once and end in peace, so that watermarks
// are stored: from then on it reads what it has missed, and nobody need wait for
// Slack's last redelivery after six minutes.
func (r *killRound) prime() {
	r.tb.Helper()
	cmd := r.startAs(0)
	for _, channel := range r.channels() {
		user, ok := strings.CutPrefix(channel, r.slack.DM(""))
		if !ok {
			user = "U0ANN"
		}
		r.ask(user, channel, "")
	}
	r.wait("the first answers", func() bool { return r.look().quiet() })
	if err := end(cmd, syscall.SIGTERM); err != nil {
		r.tb.Fatalf("after SIGTERM: %v, want exit code 0\n%s", err, r.log.String())
	}
	r.wait("the sockets to close", func() bool { return r.slack.Sockets() == 0 })
}

// settle lets the bot run until every question has its answer. The button under
// an answer that was given up after three kills is pressed, as a person would.
func (r *killRound) settle() {
	r.tb.Helper()
	pressed := map[string]time.Time{}
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		seen := r.look()
		if seen.quiet() && len(seen.givenUp) == 0 {
			break
		}
		for _, m := range seen.givenUp {
			if time.Since(pressed[m.Channel+m.TS]) < 20*time.Second { // the answer may wait for Slack's minute
				continue
			}
			pressed[m.Channel+m.TS] = time.Now()
			r.again++
			if err := r.slack.Click(r.askerIn(m), m.Channel, m.TS, "bobbin_regenerate", ""); err != nil {
				r.tb.Errorf("press Try again: %v", err)
			}
		}
	}
	// What Slack delivers once more now must change nothing.
	for _, q := range r.questions {
		if err := r.slack.Redeliver(q.channel, q.ts); err != nil {
			r.tb.Error(err)
		}
	}
	time.Sleep(2 * time.Second)
}

// askerIn is somebody who takes part in the thread of m.
func (r *killRound) askerIn(m slacksim.Message) string {
	i := slices.IndexFunc(r.questions, func(q question) bool { return q.thread == m.ThreadTS })
	return r.questions[i].user
}

// keepLog leaves the bot's log of a round that failed.
func (r *killRound) keepLog() {
	f, err := os.CreateTemp("", "bobbin-kills-*.log")
	if err != nil {
		r.tb.Error(err)
		return
	}
	defer f.Close()
	if _, err := f.Write(r.log.Bytes()); err != nil {
		r.tb.Error(err)
	}
	r.tb.Logf("the bot's log is in %s", f.Name())
}
