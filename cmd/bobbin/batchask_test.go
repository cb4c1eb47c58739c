package main

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

// scripted is a provider that is what its function says.
type scripted func(ctx context.Context, req llm.Request) (string, error)

func (scripted) Name() string { return "sim" }

func (s scripted) Stream(ctx context.Context, req llm.Request) iter.Seq2[llm.Delta, error] {
	return func(yield func(llm.Delta, error) bool) {
		text, err := s(ctx, req)
		a := llm.Attempt{Provider: "sim", Model: "m", Usage: llm.Usage{InputTokens: 10, OutputTokens: 5}}
		if _, stopped := err.(signalError); stopped {
			a.Err = &llm.Error{Class: llm.ClassCancelled, Provider: "sim"}
			yield(llm.Delta{Attempt: &a}, nil)
			yield(llm.Delta{}, err)
			return
		}
		if e, ok := err.(*llm.Error); ok {
			if e.Class != llm.ClassLocal {
				yield(llm.Delta{Attempt: &llm.Attempt{Provider: "sim", Model: "m", Err: e}}, nil)
			}
			yield(llm.Delta{}, err)
			return
		}
		if yield(llm.Delta{Text: text}, nil) && yield(llm.Delta{Attempt: &a}, nil) {
			yield(llm.Delta{Response: &llm.Response{Provider: "sim", Model: "m", FinishReason: "stop"}}, nil)
		}
	}
}

// batchOf runs n prompts on fake time, one at a time, and returns what it wrote.
func batchOf(t *testing.T, n int, p llm.Provider, progress func(*bytes.Buffer) *batchProgress) (stdout, stderr string, err error) {
	t.Helper()
	lines, err := parseBatchInput("p.jsonl", strings.NewReader(prompts(n)))
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	b := &batchRun{provider: p, providers: []providerConfig{{Name: "sim"}}, lines: lines, results: make([]*batchResult, n),
		o: batchOptions{out: standardStream, concurrency: 1}, progress: progress(&errs)}
	b.sink = &batchStream{w: &out, results: b.results}
	err = b.run(t.Context(), &errs)
	return out.String(), errs.String(), err
}

func plain(w *bytes.Buffer) *batchProgress { return newBatchProgress(w, false) }

// Without a terminal there is a line every 10 s; on one, a bar that goes away.
func TestBatchProgress(t *testing.T) {
	// A millisecond more than one: ticks and answers must not fall together.
	second := scripted(func(context.Context, llm.Request) (string, error) {
		time.Sleep(1001 * time.Millisecond)
		return "an answer", nil
	})
	for _, c := range []struct {
		name         string
		progress     func(*bytes.Buffer) *batchProgress
		wants, nones []string
	}{
		{"plain", plain, []string{"9 of 25, 0 failed, unknown\n", "19 of 25, 0 failed"}, []string{"\r"}},
		{"quiet", func(w *bytes.Buffer) *batchProgress { return newBatchProgress(w, true) }, []string{"25 answered"}, []string{"9 of 25"}},
		{"bar", func(w *bytes.Buffer) *batchProgress { return &batchProgress{w: w, terminal: true} }, []string{"(12/25", "0 failed, 180 tokens, unknown", "[12s:"}, []string{"9 of 25"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stdout, stderr, err := batchOf(t, 25, second, c.progress)
				if err != nil || strings.Count(stdout, "an answer") != 25 {
					t.Errorf("%v\n%s", err, stdout)
				}
				for _, want := range c.wants {
					if !strings.Contains(stderr, want) {
						t.Errorf("no %q in:\n%.2000q", want, stderr)
					}
				}
				for _, none := range append(c.nones, "an answer") {
					if strings.Contains(stderr, none) {
						t.Errorf("%q in:\n%.2000q", none, stderr)
					}
				}
				if !strings.Contains(stderr, "time     25.025s, 60 lines a minute") {
					t.Errorf("no time in:\n%s", stderr)
				}
			})
		})
	}
}

// Lines wait for limits and breakers; an outage ends the batch and no line.
func TestBatchOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		open := &llm.Error{Class: llm.ClassLocal, Provider: "sim", RetryAfter: 20 * time.Second, Message: "its breaker is open since: connect",
			Err: &llm.Error{Class: llm.ClassConnect, Provider: "sim"}}
		short := scripted(func(context.Context, llm.Request) (string, error) {
			if time.Since(begun) < 5*time.Minute {
				return "", open
			}
			return "an answer", nil
		})
		if stdout, _, err := batchOf(t, 3, short, plain); err != nil || strings.Count(stdout, "an answer") != 3 {
			t.Errorf("after an outage of 5 minutes: %v\n%s", err, stdout)
		}
		begun = time.Now()
		_, stderr, err := batchOf(t, 3, scripted(func(context.Context, llm.Request) (string, error) { return "", open }), plain)
		if took := time.Since(begun); took < batchPatience || took > batchPatience+batchLongWait {
			t.Errorf("gave up after %v", took)
		}
		if err == nil || !strings.Contains(err.Error(), "no answer for 10m0s: sim: not_attempted") || !strings.Contains(err.Error(), "fix: check base_url") ||
			!strings.Contains(err.Error(), "stopped after 0 of 3") || !strings.Contains(stderr, "0 answered, 0 failed") {
			t.Errorf("%v\n%s", err, stderr)
		}
	})
}

// One line that is refused for ever does not hold up the others' end.
func TestBatchLineWithRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		p := scripted(func(_ context.Context, req llm.Request) (string, error) {
			if req.Messages[0].Content == "prompt 1" {
				calls++
				return "", &llm.Error{Class: llm.ClassRate, Provider: "sim", Status: 429, Message: "request too large"}
			}
			time.Sleep(time.Minute)
			return "an answer", nil
		})
		lines, _ := parseBatchInput("p.jsonl", strings.NewReader(prompts(30)))
		var out, errs bytes.Buffer
		b := &batchRun{provider: p, providers: []providerConfig{{Name: "sim"}}, lines: lines, results: make([]*batchResult, 30),
			o: batchOptions{out: standardStream, concurrency: 2}, progress: plain(&errs)}
		b.sink = &batchStream{w: &out, results: b.results}
		err := b.run(t.Context(), &errs)
		if err == nil || err.Error() != "1 of 30 lines failed" || !strings.Contains(errs.String(), "1 × rate_limit, first line 1") || calls > 30 {
			t.Errorf("%v after %d calls:\n%s", err, calls, errs.String())
		}
	})
}

// What a call has cost that was broken off is kept, and the line is asked again.
func TestBatchKeepsTheCostOfBrokenCalls(t *testing.T) {
	lines, _, _ := someResults(2)
	out := filepath.Join(t.TempDir(), "out")
	ctx, cancel := context.WithCancelCause(t.Context())
	p := scripted(func(ctx context.Context, req llm.Request) (string, error) {
		if req.Messages[0].Content == "prompt 2" {
			cancel(signalError{os.Interrupt}) // the second run has another context
		}
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "an answer", nil
	})
	for _, c := range []struct {
		ctx   context.Context
		calls []int
	}{{ctx, []int{1, 1}}, {t.Context(), []int{1, 2}}} {
		f, err := openBatchFile(out)
		if err != nil {
			t.Fatal(err)
		}
		results, err := f.load("p.jsonl", lines)
		if err != nil {
			t.Fatal(err)
		}
		var errs bytes.Buffer
		b := &batchRun{provider: p, lines: lines, results: results, sink: f, o: batchOptions{out: out, concurrency: 1}, progress: plain(&errs)}
		err = b.run(c.ctx, &errs)
		if _, stopped := err.(signalError); stopped != (c.ctx == ctx) {
			t.Errorf("%v\n%s", err, errs.String())
		}
		for i, r := range results {
			if r.Calls != c.calls[i] || r.Input != int64(10*r.Calls) || (r.Answer == nil) != (i == 1 && c.ctx == ctx) {
				t.Errorf("result %d: %+v", i+1, r)
			}
		}
		if err := f.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A disk that is full ends the batch: an answer that cannot be kept must not
// be paid for.
func TestBatchCannotWrite(t *testing.T) {
	lines, _ := parseBatchInput("p.jsonl", strings.NewReader(prompts(100)))
	var errs bytes.Buffer
	calls := 0
	b := &batchRun{
		provider: scripted(func(context.Context, llm.Request) (string, error) { calls++; return "an answer", nil }),
		lines:    lines, results: make([]*batchResult, 100), o: batchOptions{out: "out", concurrency: 1}, progress: plain(&errs), sink: fullDisk{},
	}
	err := b.run(t.Context(), &errs)
	if err == nil || !strings.Contains(err.Error(), "no space left") || !strings.Contains(err.Error(), "run the same command again to go on") || calls > 3 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

type fullDisk struct{}

func (fullDisk) put(int, *batchResult) error {
	return fmt.Errorf("write answers: no space left on device")
}
func (fullDisk) sync() error       { return nil }
func (fullDisk) finish(bool) error { return nil }
