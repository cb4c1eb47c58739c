package bot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

const (
	crowd          = 300
	crowdChannels  = 75
	crowdPatience  = 3 * time.Minute
	ticksPerSecond = 100 // of /proc/*/stat: USER_HZ, whatever the kernel's own clock
)

// crowdSite tells the test binary that it is the bot, and where its servers are.
const crowdSite = "BOBBIN_CROWD_SITE"

// BenchmarkThreeHundred has 300 people ask at the same moment, with Slack's limits
// on. The bot is a process of its own, so that what the simulators need is not
// counted. With -cpuprofile or -memprofile it is profiled too, into a file beside
// the given one, with "bot-" before its name.
func BenchmarkThreeHundred(b *testing.B) {
	if place := os.Getenv(crowdSite); place != "" {
		beCrowdsBot(b, place)
		return
	}
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		b.Skip("NOT MEASURED: CPU and memory of the bot's process are read from /proc: ", err)
	}
	var sum crowdRun
	for b.Loop() {
		r := crowdAsks(b)
		sum = crowdRun{sum.cpu + r.cpu, max(sum.peakMiB, r.peakMiB), max(sum.took, r.took), sum.whole + r.whole, sum.refused + r.refused}
	}
	b.ReportMetric(milliseconds(sum.cpu)/float64(b.N*crowd), "ms-cpu/reply(budget:3)")
	b.ReportMetric(sum.peakMiB, "MiB-peak(budget:80)")
	b.ReportMetric(sum.took.Seconds(), "s-to-last-whole")
	b.ReportMetric(float64(sum.whole)/float64(b.N), "whole")
	b.ReportMetric(float64(sum.refused), "refused")
	b.ReportMetric(0, "ns/op") // mostly the model's pace
}

// crowdRun is what became of 300 questions.
type crowdRun struct {
	cpu     time.Duration // of the bot, from before the questions until all answers were whole
	peakMiB float64       // of the bot, in all its life
	took    time.Duration
	whole   int
	refused int // calls that Slack answered with 429
}

func crowdPeople() (people []slacksim.Person) {
	for i := range crowd {
		people = append(people, slacksim.Person{ID: fmt.Sprintf("U0CROWD%03d", i), Name: fmt.Sprintf("person%d", i)})
	}
	return people
}

func crowdAsks(b *testing.B) (r crowdRun) {
	answer := lagText(lagTokens)
	o := slacksim.Options{People: crowdPeople()}
	for i := range crowdChannels {
		o.Channels = append(o.Channels, slacksim.Channel{ID: fmt.Sprintf("C0CROWD%02d", i), Name: fmt.Sprintf("crowd-%d", i)})
	}
	s := newSims(b, o, func(llmsim.Request) llmsim.Script {
		return llmsim.Script{Text: answer, FirstToken: 500 * time.Millisecond, Gap: lagGap}
	})
	process, log := s.startBot(b)
	s.waitFor(b, crowdPatience, func() bool { return s.slack.Sockets() == 2 })

	before, begun := cpuTime(b, process), time.Now()
	var asked []benchThread
	for i, person := range o.People {
		channel := o.Channels[i%crowdChannels].ID
		ts, err := s.slack.Post(person.ID, channel, "", fmt.Sprintf("<@%s> question %d", botUser, i))
		if err != nil {
			b.Fatal(err)
		}
		asked = append(asked, benchThread{channel, ts})
	}
	r.whole = s.awaitWhole(b, asked, answer)
	r.cpu, r.peakMiB, r.took = cpuTime(b, process)-before, peakMiB(b, process), time.Since(begun)
	for _, c := range s.slack.Calls() {
		if c.HTTPStatus == http.StatusTooManyRequests {
			r.refused++
		}
	}
	if r.refused > 0 {
		b.Errorf("Slack refused %d calls; the bot's log:\n%s", r.refused, log)
	}
	return r
}

// startBot runs the bot in another process until the benchmark is over.
func (s *bench) startBot(b *testing.B) (pid int, log *logRecorder) {
	place, err := json.Marshal(s.site)
	if err != nil {
		b.Fatal(err)
	}
	args := []string{"-test.run=^$", "-test.bench=^BenchmarkThreeHundred$", "-test.benchtime=1x",
		"-test.outputdir=" + flag.Lookup("test.outputdir").Value.String()}
	for _, profile := range []string{"test.cpuprofile", "test.memprofile"} {
		if path := flag.Lookup(profile).Value.String(); path != "" {
			args = append(args, "-"+profile+"="+filepath.Join(filepath.Dir(path), "bot-"+filepath.Base(path)))
		}
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), crowdSite+"="+string(place))
	log = &logRecorder{}
	cmd.Stdout, cmd.Stderr = log, log
	alive, err := cmd.StdinPipe() // closed with this process, however it ends
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		alive.Close()
		if err := cmd.Wait(); err != nil {
			b.Errorf("the bot's process: %v\n%s", err, log)
		}
	})
	return cmd.Process.Pid, log
}

// beCrowdsBot serves until the other process closes the pipe.
func beCrowdsBot(b *testing.B, place string) {
	var s site
	if err := json.Unmarshal([]byte(place), &s); err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if err := s.serve(ctx, slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
		b.Fatal(err)
	}
}

// cpuTime is what a process has used, in user mode and in the kernel.
func cpuTime(b *testing.B, pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	// utime and stime are fields 14 and 15; the second is a name in brackets.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	ticks := 0
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}

// peakMiB is the most memory that a process had resident. The ru_maxrss of a
// process would begin with that of the one that started it.
func peakMiB(b *testing.B, pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}
