package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// batchSite is a folder with a configuration, and the models behind it.
type batchSite struct {
	t      *testing.T
	folder string
	models []*llmsim.Server
}

// newBatchSite starts one model for each of the options. Tokens cost a whole
// number of nano-USD, so sums must be exact.
func newBatchSite(t *testing.T, options ...llmsim.Options) *batchSite {
	t.Helper()
	s := &batchSite{t: t, folder: t.TempDir()}
	config := "llm:\n  providers:\n"
	for i, o := range options {
		sim := llmsim.New(o)
		t.Cleanup(sim.Close)
		s.models = append(s.models, sim)
		config += fmt.Sprintf("    - {name: sim%d, base_url: %q, api_key: k, model: %s, max_retries: 0, price: {input: %d, output: %d}}\n",
			i+1, sim.Start(loopback(t)), llmsim.DefaultModel, i+2, i+5)
	}
	s.write("bobbin.yaml", config)
	return s
}

func (s *batchSite) path(name string) string { return filepath.Join(s.folder, name) }

func (s *batchSite) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *batchSite) read(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func (s *batchSite) args(args ...string) []string {
	return append([]string{"batch", s.path("p.jsonl"), "--config", s.path("bobbin.yaml")}, args...)
}

// run runs the command on p.jsonl; its stderr must have all of wants.
func (s *batchSite) run(ctx context.Context, code int, args []string, wants ...string) (stdout, stderr string) {
	s.t.Helper()
	out, errs := newOutput(), newOutput()
	if got := run(ctx, s.args(args...), environmentOf(nil), out, errs); got != code {
		s.t.Errorf("exit code %d, want %d", got, code)
	}
	for _, want := range wants {
		if !strings.Contains(errs.String(), want) {
			s.t.Errorf("stderr has no %q", want)
		}
	}
	if s.t.Failed() {
		s.t.Fatalf("stderr:\n%s", errs)
	}
	return out.String(), errs.String()
}

func (s *batchSite) exists(name string) bool {
	_, err := os.Stat(s.path(name))
	return err == nil
}

// answers reads an output and checks what holds for each: one result for each
// line of the input, in its order.
func (s *batchSite) answers(text string, n int) []*batchResult {
	s.t.Helper()
	results, _, err := parseResults("output", []byte(text))
	if err != nil {
		s.t.Fatal(err)
	}
	for i, r := range results {
		if r.Line != i+1 {
			s.t.Errorf("result %d is of line %d", i+1, r.Line)
		}
	}
	if len(results) != n {
		s.t.Fatalf("%d results, want %d:\n%s", len(results), n, text)
	}
	return results
}

func prompts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"id\":%d,\"prompt\":\"prompt %d\"}\n", i+1, i+1)
	}
	return b.String()
}

func askedFor(r llmsim.Request) string { return r.Messages[len(r.Messages)-1].Content }

func echo(r llmsim.Request) llmsim.Script {
	return llmsim.Script{Text: "answer to " + askedFor(r)}
}

// paid is what the models have billed, in nano-USD.
func (s *batchSite) paid() int64 {
	var sum int64
	for i, m := range s.models {
		u := m.Billed()
		sum += int64(u.PromptTokens)*int64(i+2)*1000 + int64(u.CompletionTokens)*int64(i+5)*1000
	}
	return sum
}

func costOf(results []*batchResult) int64 {
	var sum int64
	for _, r := range results {
		sum += r.Cost.nano
	}
	return sum
}

// The order of the output is that of the input, whoever is ready first, and the
// cost is the bill.
func TestBatch(t *testing.T) {
	const n = 12
	s := newBatchSite(t, llmsim.Options{Answer: func(r llmsim.Request) llmsim.Script {
		script := echo(r)
		var i int
		fmt.Sscanf(askedFor(r), "prompt %d", &i)
		script.FirstToken = time.Duration(n-i) * 20 * time.Millisecond
		return script
	}})
	s.write("p.jsonl", prompts(n))
	_, stderr := s.run(t.Context(), exitOK, []string{"--concurrency", "12"}, "12 answered, 0 failed, 0 reused, of 12", "p.answers.jsonl")
	results := s.answers(s.read("p.answers.jsonl"), n)
	for i, r := range results {
		if want := fmt.Sprintf("answer to prompt %d", i+1); r.Answer == nil || *r.Answer != want || string(r.ID) != fmt.Sprint(i+1) {
			t.Errorf("line %d: %+v, want %q", i+1, r, want)
		}
		if r.Provider != "sim1" || r.Model != llmsim.DefaultModel || r.FinishReason != "stop" || r.Calls != 1 || r.Estimated {
			t.Errorf("line %d: %+v", i+1, r)
		}
	}
	if costOf(results) != s.paid() || s.paid() == 0 {
		t.Errorf("cost %d, billed %d", costOf(results), s.paid())
	}
	if want := "$" + decimalUSD(s.paid()); !strings.Contains(stderr, want) {
		t.Errorf("no %s in:\n%s", want, stderr)
	}
	if s.exists("p.answers.jsonl.partial") || s.exists("p.answers.jsonl.partial.new") {
		t.Error("working files are left")
	}
	s.run(t.Context(), exitOK, nil, "nothing to do: all 12 lines are answered")
	if got := len(s.models[0].Requests()); got != n {
		t.Errorf("%d requests, want %d", got, n)
	}
}

// What fails is asked again and what was paid for it is not forgotten; an edited
// prompt is asked again, lines that moved are not, and duplicates get one each.
func TestBatchAgain(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	s := newBatchSite(t, llmsim.Options{Answer: func(r llmsim.Request) llmsim.Script {
		if broken.Load() && askedFor(r) == "prompt 2" {
			return llmsim.Script{Reasoning: "some thoughts that are billed, and no answer"}
		}
		return echo(r)
	}})
	asked := func() int { return len(s.models[0].Requests()) }
	s.write("p.jsonl", prompts(4))
	s.run(t.Context(), exitFailure, nil, "3 answered, 1 failed", "1 × protocol, first line 2", "run the same command again to ask those again")
	if r := s.answers(s.read("p.answers.jsonl"), 4)[1]; r.Error == nil || r.Error.Class != llm.ClassProtocol || r.Output == 0 {
		t.Errorf("line 2 is %+v", r)
	}
	broken.Store(false)
	s.run(t.Context(), exitOK, nil, "1 answered, 0 failed, 3 reused, of 4")
	results := s.answers(s.read("p.answers.jsonl"), 4)
	if asked() != 5 || results[1].Calls != 2 || results[1].Answer == nil {
		t.Errorf("%d requests, line 2 is %+v", asked(), results[1])
	}
	if costOf(results) != s.paid() {
		t.Errorf("cost %d, billed %d", costOf(results), s.paid())
	}

	// Line 1 moves to the end, line 3 is edited, and line 4 is there twice.
	lines := strings.SplitAfter(prompts(4), "\n")
	edited := strings.Replace(lines[2], "prompt 3", "prompt three", 1)
	s.write("p.jsonl", lines[1]+edited+lines[3]+lines[3]+lines[0])
	s.run(t.Context(), exitOK, nil, "1 earlier answers belong to no line", "2 answered, 0 failed, 3 reused, of 5")
	if asked() != 7 {
		t.Errorf("%d requests, want 7", asked())
	}
	for i, r := range s.answers(s.read("p.answers.jsonl"), 5) {
		want := "answer to prompt " + []string{"2", "three", "4", "4", "1"}[i]
		if *r.Answer != want {
			t.Errorf("line %d has %q, want %q", i+1, *r.Answer, want)
		}
	}
	// Only the order is different: nothing is asked, and the file follows.
	s.write("p.jsonl", lines[0]+lines[1])
	s.run(t.Context(), exitOK, nil, "0 answered, 0 failed, 2 reused, of 2")
	if r := s.answers(s.read("p.answers.jsonl"), 2); *r[0].Answer != "answer to prompt 1" || asked() != 7 {
		t.Errorf("%d requests, the first is %+v", asked(), r[0])
	}
}

// Killed with kill -9, the real process leaves what was finished, and the next
// one asks only the rest.
func TestBatchKill(t *testing.T) {
	binary, err := builtBinary()
	if err != nil {
		t.Fatal(err)
	}
	var slow atomic.Bool
	slow.Store(true)
	s := newBatchSite(t, llmsim.Options{Answer: func(r llmsim.Request) llmsim.Script {
		script := echo(r)
		if slow.Load() && strings.HasSuffix(askedFor(r), "0") { // prompts 10, 20, 30, 40
			script.FirstToken = time.Hour
		}
		return script
	}})
	s.write("p.jsonl", prompts(40))
	cmd := exec.Command(binary, s.args("--concurrency", "4")...)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	// All four workers hang once everything else is answered and written.
	if err := s.models[0].Wait(ctx, func() bool { return len(s.models[0].Requests()) == 40 }); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	end(cmd, syscall.SIGKILL)
	if s.exists("p.answers.jsonl") {
		t.Error("an output that is not whole")
	}
	partial := s.read("p.answers.jsonl.partial")
	kept := strings.Count(partial, "\n")
	if kept < 33 { // a worker that hangs has handed over its last result before
		t.Fatalf("%d results are kept, want 36 at most and 33 at least", kept)
	}
	s.write("p.answers.jsonl.partial", partial[:len(partial)-7]) // in the middle of a write
	slow.Store(false)
	s.run(t.Context(), exitOK, nil, fmt.Sprintf("%d answered, 0 failed, %d reused, of 40", 41-kept, kept-1))
	if got := len(s.models[0].Requests()); got != 40+41-kept {
		t.Errorf("%d requests, want %d", got, 40+41-kept)
	}
	for i, r := range s.answers(s.read("p.answers.jsonl"), 40) {
		if want := fmt.Sprintf("answer to prompt %d", i+1); *r.Answer != want {
			t.Errorf("line %d has %q", i+1, *r.Answer)
		}
	}
}

// A signal ends a batch in order: what runs is broken off, and the way on is
// shown.
func TestBatchInterrupted(t *testing.T) {
	for _, c := range []struct {
		signal os.Signal
		code   int
	}{{os.Interrupt, exitInterrupted}, {syscall.SIGTERM, exitFailure}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			var slow atomic.Bool
			slow.Store(true)
			s := newBatchSite(t, llmsim.Options{Answer: func(r llmsim.Request) llmsim.Script {
				script := echo(r)
				if slow.Load() && askedFor(r) != "prompt 1" {
					script.Gap = time.Hour // after the first word
				}
				return script
			}})
			s.write("p.jsonl", prompts(100))
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			go func() {
				defer cancel(signalError{c.signal})
				s.models[0].Wait(ctx, func() bool {
					r := s.models[0].Requests()
					return len(r) == 3 && r[1].Deltas > 0 && r[2].Deltas > 0
				})
			}()
			s.run(ctx, c.code, []string{"--concurrency", "2"}, "bobbin: stopped after 1 of 100; run the same command again to go on", "p.answers.jsonl.partial")
			if got := len(s.models[0].Requests()); got != 3 {
				t.Errorf("%d requests, want 3", got)
			}
			slow.Store(false)
			s.run(t.Context(), exitOK, nil, "99 answered, 0 failed, 1 reused, of 100")
			s.answers(s.read("p.answers.jsonl"), 100)
		})
	}
}

// A wrong key, an empty account or an unknown model would fail every line.
func TestBatchStopsWhenNothingCanHelp(t *testing.T) {
	for _, c := range []struct {
		name   string
		script llmsim.Script
		fix    string
	}{
		{"auth", llmsim.BadKey(), "fix: check api_key"},
		{"quota", llmsim.NoBalance(), "fix: top up the account"},
		{"model", llmsim.UnknownModel("step-2-chat"), "fix: check model"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refuse := func(llmsim.Request) llmsim.Script { return c.script }
			s := newBatchSite(t, llmsim.Options{Answer: refuse}, llmsim.Options{Answer: refuse})
			s.write("p.jsonl", prompts(1000))
			s.run(t.Context(), exitFailure, nil, "every line would fail", "sim1: "+c.name, "sim2: "+c.name, c.fix, "of 1000; run the same command again to go on")
			if got := len(s.models[0].Requests()); got > 4 {
				t.Errorf("%d requests to a provider that refuses all", got)
			}
		})
	}
	t.Run("a fallback answers", func(t *testing.T) {
		s := newBatchSite(t, llmsim.Options{APIKey: "another"}, llmsim.Options{Answer: echo})
		s.write("p.jsonl", prompts(20))
		s.run(t.Context(), exitOK, nil, "20 answered", "sim1", "sim2")
	})
	t.Run("a line's own model", func(t *testing.T) {
		s := newBatchSite(t, llmsim.Options{Answer: echo})
		s.write("p.jsonl", `{"prompt":"a"}`+"\n"+`{"prompt":"b","model":"nonsense"}`+"\n")
		s.run(t.Context(), exitFailure, []string{"--concurrency", "1"}, "1 answered, 1 failed", "1 × model, first line 2")
	})
	t.Run("the own model of all", func(t *testing.T) {
		s := newBatchSite(t, llmsim.Options{Answer: echo})
		s.write("p.jsonl", strings.Repeat(`{"prompt":"b","model":"nonsense"}`+"\n", 100))
		s.run(t.Context(), exitFailure, nil, "every line would fail", "fix: check model")
	})
}

// Outages and rate limits of the first provider are the fallback's business;
// the sums name both, and are the bill.
func TestBatchFallback(t *testing.T) {
	for _, down := range []llmsim.Down{{Status: 503}, {Status: 429, RetryAfter: time.Minute}, {Refuse: true}} {
		s := newBatchSite(t, llmsim.Options{Answer: echo}, llmsim.Options{Answer: echo})
		s.models[0].SetDown(down)
		s.write("p.jsonl", prompts(20))
		s.run(t.Context(), exitOK, nil, "20 answered, 0 failed", "sim2")
		results := s.answers(s.read("p.answers.jsonl"), 20)
		if costOf(results) != s.paid() || results[0].Provider != "sim2" {
			t.Errorf("%+v: cost %d, billed %d, by %s", down, costOf(results), s.paid(), results[0].Provider)
		}
	}
}

// A rate limit of the only provider is waited for: no line fails.
func TestBatchWaitsForRateLimits(t *testing.T) {
	s := newBatchSite(t, llmsim.Options{Answer: echo})
	s.models[0].Enqueue(llmsim.RateLimited(100*time.Millisecond), llmsim.RateLimited(100*time.Millisecond))
	s.write("p.jsonl", prompts(6))
	s.run(t.Context(), exitOK, nil, "6 answered, 0 failed")
	calls := 0
	for _, r := range s.answers(s.read("p.answers.jsonl"), 6) {
		calls += r.Calls
	}
	if calls != 8 {
		t.Errorf("%d calls, want 8", calls)
	}
}

// On stdout the answers come in order, and nothing is left behind.
func TestBatchStdout(t *testing.T) {
	s := newBatchSite(t, llmsim.Options{Answer: func(r llmsim.Request) llmsim.Script {
		script := echo(r)
		if askedFor(r) == "prompt 1" {
			script.FirstToken = 200 * time.Millisecond
		}
		return script
	}})
	s.write("p.jsonl", prompts(5))
	stdout, stderr := s.run(t.Context(), exitOK, []string{"--out", "-"}, "5 answered")
	s.answers(stdout, 5)
	if strings.Contains(stderr, "answer to") {
		t.Errorf("answers on stderr:\n%s", stderr)
	}
	entries, err := os.ReadDir(s.folder)
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v in the folder, want two files", err, entries)
	}
}

// Two at a time would lose answers; what is not ours is not touched.
func TestBatchRefusesFiles(t *testing.T) {
	s := newBatchSite(t, llmsim.Options{Answer: echo})
	s.write("p.jsonl", prompts(2))
	held, err := openBatchFile(s.path("p.answers.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	s.run(t.Context(), exitFailure, nil, "another bobbin batch is writing", "wait until it ends, or give this one another --out")
	if err := held.close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"p.answers.jsonl", "p.answers.jsonl.partial"} {
		for _, text := range []string{"My diary.\n", "My diary.", "{}\n", `{"id":1,"line":1,"key":"0123456789abcdef"}` + "\n"} {
			s.write(name, text)
			s.run(t.Context(), exitFailure, nil, name+": line 1: not a line that bobbin batch writes; nothing was changed")
			if got := s.read(name); got != text {
				t.Errorf("%s has %q, had %q", name, got, text)
			}
			os.Remove(s.path(name))
		}
	}
	s.run(t.Context(), exitOK, nil, "2 answered")
	s.write("p.jsonl", `{"prompt":"something else"}`+"\n")
	s.run(t.Context(), exitFailure, nil, "has 2 answers, and none belongs to a line of", "give another --out")
	if got := len(s.models[0].Requests()); got != 2 {
		t.Errorf("%d requests, want 2", got)
	}
}

func TestBatchDryRun(t *testing.T) {
	s := newBatchSite(t, llmsim.Options{Answer: echo})
	s.write("p.jsonl", prompts(2))
	stdout, _ := s.run(t.Context(), exitOK, []string{"--dry-run"})
	tokens := (*llm.Estimator)(nil).Request("", llm.Request{Messages: []llm.Message{{Content: "prompt 1"}}}) * 2
	for _, want := range []string{"lines         2, of which 0", fmt.Sprintf("about %d\n", tokens), "about $" + decimalUSD(int64(tokens)*2000), "Output is not included"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in:\n%s", want, stdout)
		}
	}
	if len(s.models[0].Requests()) != 0 || s.exists("p.answers.jsonl.partial") {
		t.Error("something was done")
	}
	s.run(t.Context(), exitOK, nil)
	if stdout, _ := s.run(t.Context(), exitOK, []string{"--dry-run"}); !strings.Contains(stdout, "2 are answered already") {
		t.Errorf("after the batch:\n%s", stdout)
	}
}

// What a line says reaches the provider.
func TestBatchRequest(t *testing.T) {
	s := newBatchSite(t, llmsim.Options{Answer: echo})
	s.write("p.jsonl", `{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"step-2-chat","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}],"max_tokens":7,"temperature":0.5}}`+"\n")
	s.run(t.Context(), exitOK, nil)
	r := s.models[0].Requests()[0]
	messages, _ := json.Marshal(r.Messages)
	if string(messages) != `[{"Role":"system","Content":"Be brief."},{"Role":"user","Content":"Hi"}]` || r.MaxTokens != 7 || *r.Temperature != 0.5 {
		t.Errorf("asked %s, %d tokens, temperature %v", messages, r.MaxTokens, *r.Temperature)
	}
	if got := string(s.answers(s.read("p.answers.jsonl"), 1)[0].ID); got != `"a"` {
		t.Errorf("id %s", got)
	}
}
