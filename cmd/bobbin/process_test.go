package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// builtBinary makes the real binary once for all tests of processes.
var builtBinary = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "bobbin-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "bobbin")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// site is a workspace and a model on loopback, and a folder with the
// configuration for a bot between them.
type site struct {
	tb     testing.TB
	slack  *slacksim.Workspace
	model  *llmsim.Server
	folder string
	binary string
	log    bytes.Buffer
}

func newSite(tb testing.TB, so slacksim.Options, mo llmsim.Options) *site {
	tb.Helper()
	binary, err := builtBinary()
	if err != nil {
		tb.Fatal(err)
	}
	s := &site{tb: tb, slack: slacksim.New(so), model: llmsim.New(mo), folder: tb.TempDir(), binary: binary}
	server := &http.Server{Handler: s.slack}
	l := loopback(tb)
	var wg sync.WaitGroup
	wg.Go(func() { server.Serve(l) })
	base := s.model.Start(loopback(tb))
	tb.Cleanup(func() {
		s.slack.Close()
		s.model.Close()
		server.Close()
		wg.Wait()
	})
	config := fmt.Sprintf(`
slack: {bot_token: xoxb-sim, app_token: xapp-sim, api_url: "http://%s/api/"}
llm: {providers: [{name: sim, base_url: %q, api_key: k, model: %s, max_retries: 0}]}
http: {listen: ""}
log: {level: debug}
`, l.Addr(), base, llmsim.DefaultModel)
	if err := os.WriteFile(filepath.Join(s.folder, "bobbin.yaml"), []byte(config), 0o600); err != nil {
		tb.Fatal(err)
	}
	return s
}

func loopback(tb testing.TB) net.Listener {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// start runs the real binary in the site's folder and waits for its socket.
func (s *site) start() *exec.Cmd {
	s.tb.Helper()
	cmd := exec.Command(s.binary, "run")
	cmd.Dir = s.folder
	cmd.Stderr = &s.log
	if err := cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	s.wait("a socket", func() bool { return s.slack.Sockets() > 0 })
	return cmd
}

// end sends a signal and waits for the process.
func end(cmd *exec.Cmd, signal os.Signal) error {
	cmd.Process.Signal(signal)
	return cmd.Wait()
}

func (s *site) wait(what string, ok func() bool) {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	if err := s.slack.Wait(ctx, ok); err != nil {
		s.tb.Fatalf("waited in vain for %s; the bot's log:\n%s", what, s.log.String())
	}
}

func (s *site) replies(thread string) []slacksim.Message {
	return slices.DeleteFunc(s.slack.Thread("C0GENERAL", thread), func(m slacksim.Message) bool { return m.User != "U0BOBBIN" })
}

func finished(m slacksim.Message) bool {
	return m.StreamingState != "in_progress" && slices.ContainsFunc(m.Blocks, func(b json.RawMessage) bool { return bytes.Contains(b, []byte("context_actions")) })
}

// A process killed at a random moment of an answer: the next start on the same
// file finishes the answer in one message, and knows the history.
func TestKill(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("BOBBIN_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("BOBBIN_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, streaming := range []bool{true, false} {
		t.Run(fmt.Sprintf("streaming=%v", streaming), func(t *testing.T) {
			answer := strings.Repeat("some words of the answer ", 12) + "END"
			s := newSite(t, slacksim.Options{NoStreaming: !streaming, NoLimits: true}, llmsim.Options{Answer: func(llmsim.Request) llmsim.Script {
				return llmsim.Script{Text: answer, FirstToken: 50 * time.Millisecond, Gap: 20 * time.Millisecond}
			}})
			cmd := s.start()
			thread, err := s.slack.Post("U0ANN", "C0GENERAL", "", "@bobbin my word is canary")
			if err != nil {
				t.Fatal(err)
			}
			s.wait("the first answer", func() bool { r := s.replies(thread); return len(r) == 1 && finished(r[0]) })
			for kill := range 4 {
				asked, err := s.slack.Post("U0ANN", "C0GENERAL", thread, fmt.Sprintf("@bobbin question %d", kill))
				if err != nil {
					t.Fatal(err)
				}
				moment := time.Duration(rng.IntN(1500)) * time.Millisecond
				time.Sleep(moment) // the moment of the kill is the test's random input
				end(cmd, syscall.SIGKILL)
				s.wait("the sockets to close", func() bool { return s.slack.Sockets() == 0 })
				cmd = s.start()
				want := kill + 2
				s.wait(fmt.Sprintf("the answer to %s after a kill at %v", asked, moment), func() bool {
					n := 0
					for _, m := range s.replies(thread) {
						if finished(m) {
							n++
						}
					}
					return n >= want
				})
				replies := s.replies(thread)
				if len(replies) != want {
					t.Fatalf("after a kill at %v: %d replies to %d questions", moment, len(replies), want)
				}
				if got := strings.TrimSpace(replies[want-1].Markdown); got != answer {
					t.Errorf("after a kill at %v the answer is %q", moment, got)
				}
			}
			requests := s.model.Requests()
			last := string(requests[len(requests)-1].Body)
			for _, word := range []string{"canary", "question 0", "question 3"} {
				if strings.Count(last, word) != 1 {
					t.Errorf("the history after %d kills has %q %d times, want once", 4, word, strings.Count(last, word))
				}
			}
			if err := end(cmd, syscall.SIGTERM); err != nil {
				t.Errorf("after SIGTERM: %v, want exit code 0\n%s", err, s.log.String())
			}
		})
	}
}

// SIGINT ends the process with 130, as shells expect.
func TestInterrupt(t *testing.T) {
	s := newSite(t, slacksim.Options{}, llmsim.Options{})
	cmd := s.start()
	end(cmd, os.Interrupt)
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d after SIGINT, want %d\n%s", code, exitInterrupted, s.log.String())
	}
}

// From the start of the process to Slack's greeting, and the memory it then
// holds.
func BenchmarkStart(b *testing.B) {
	s := newSite(b, slacksim.Options{NoLimits: true}, llmsim.Options{})
	var memory float64
	for b.Loop() {
		cmd := s.start()
		b.StopTimer()
		// Idle: both sockets up would take 10 s; one is the same in size.
		time.Sleep(300 * time.Millisecond)
		memory = max(memory, residentMiB(b, cmd.Process.Pid))
		end(cmd, syscall.SIGKILL)
		s.wait("the sockets to close", func() bool { return s.slack.Sockets() == 0 })
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/start(budget:100)")
	b.ReportMetric(memory, "MiB-resident(budget:30)")
}

// residentMiB reads a process's resident memory.
func residentMiB(tb testing.TB, pid int) float64 {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		tb.Skip("NOT MEASURED: memory is read from /proc: ", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				tb.Fatal(err)
			}
			return kib / 1024
		}
	}
	tb.Fatal("no VmRSS")
	return 0
}
