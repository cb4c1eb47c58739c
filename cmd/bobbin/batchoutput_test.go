package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func someResults(n int) (lines []batchLine, results []*batchResult, text []byte) {
	input, err := parseBatchInput("p.jsonl", strings.NewReader(prompts(n)))
	if err != nil {
		panic(err)
	}
	for _, l := range input {
		answer := "An answer with \u2028 <b>ünïcode</b> and\nlines."
		r := &batchResult{ID: l.id, Line: l.number, Key: l.key, Answer: &answer}
		results = append(results, r)
		text = r.append(text)
	}
	return input, results, text
}

// A kill can cut the partial file anywhere: the whole lines count, and what is
// written next begins on a line of its own.
func TestBatchPartialCutAnywhere(t *testing.T) {
	lines, results, text := someResults(3)
	folder := t.TempDir()
	for cut := range len(text) + 1 {
		out := filepath.Join(folder, fmt.Sprint(cut))
		if err := os.WriteFile(partialName(out), append(slices.Clone(text[:cut]), make([]byte, cut%3)...), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := openBatchFile(out)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.load("p.jsonl", lines)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		whole := bytes.Count(text[:cut], []byte("\n"))
		if cut < len(text) && text[cut] == '\n' {
			whole++ // all but the line break
		}
		for i, r := range got {
			if (r != nil) != (i < whole) {
				t.Errorf("cut at %d: result %d is %v", cut, i+1, r)
			}
		}
		for _, r := range results[whole:] {
			if err := f.put(0, r); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.close(); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(partialName(out)); !bytes.Equal(got, text) {
			t.Fatalf("cut at %d, then completed:\n%s\nwant\n%s", cut, got, text)
		}
	}
}

// A kill after the rename and before the partial file is gone.
func TestBatchKilledWhileFinishing(t *testing.T) {
	lines, _, text := someResults(3)
	out := filepath.Join(t.TempDir(), "out")
	for _, name := range []string{out, partialName(out), partialName(out) + ".new"} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := openBatchFile(out)
	if err != nil {
		t.Fatal(err)
	}
	results, err := f.load("p.jsonl", lines)
	if err != nil || f.dropped != 0 || f.complete || slices.Contains(results, nil) {
		t.Fatalf("%v, %d dropped, complete %v, %v", err, f.dropped, f.complete, results)
	}
	if err := f.finish(true); err != nil {
		t.Fatal(err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%v\n%s", err, got)
	}
	if left, _ := filepath.Glob(out + ".*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// However many begin and end at the same time, one holds the output.
func TestBatchLock(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	var holders, held atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				f, err := openBatchFile(out)
				if err != nil {
					continue
				}
				if holders.Add(1) > 1 {
					t.Error("two hold it")
				}
				held.Add(1)
				holders.Add(-1)
				if err := f.close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if held.Load() == 0 {
		t.Error("nobody ever held it")
	}
}

func TestMatchResults(t *testing.T) {
	for _, c := range []struct{ lines, earlier, want string }{
		// A line or a result is its key, an optional place and, of a result, ! for an error.
		{"a1 b2", "a1 b2", "a1 b2"},
		{"b1 a2", "a1 b2", "b2 a1"},               // moved
		{"a1 x2", "a1 b2", "a1 -"},                // edited
		{"x1 a2 a3", "a1 a2", "- a2 a1"},          // put in
		{"a1 a2 a3", "a1 a2", "a1 a2 -"},          // one more of the same
		{"a1", "a1! a1", "a1"},                    // asked again
		{"a1", "a1 a1!", "a1"},                    // whatever the order
		{"a2", "a1 a2!", "a1"},                    // an answer from elsewhere before an error
		{"a1 a2", "a1! a2! a1", "a1 a2!"},         // the other one has its own past
		{"a1", "a1!1 a1!2", "a1!2"},               // the later error has the sum
		{"a1 b2 c3", "c3 b2! a1 a1", "a1 b2! c3"}, // the same answer twice is one
	} {
		parse := func(s string) (batchLine, *batchResult) {
			head, tail, failed := strings.Cut(s, "!")
			l := batchLine{key: head[:1], number: int(head[1] - '0')}
			r := &batchResult{Key: l.key, Line: l.number, Provider: s}
			if failed {
				r.Error = &batchError{Message: tail}
			} else {
				r.Answer = &s
			}
			return l, r
		}
		var lines []batchLine
		for _, s := range strings.Fields(c.lines) {
			l, _ := parse(s)
			lines = append(lines, l)
		}
		var earlier []*batchResult
		for _, s := range strings.Fields(c.earlier) {
			_, r := parse(s)
			earlier = append(earlier, r)
		}
		var got []string
		for _, r := range matchResults(lines, earlier).results {
			if r == nil {
				got = append(got, "-")
				continue
			}
			got = append(got, r.Provider)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("lines %s, earlier %s: got %s, want %s", c.lines, c.earlier, got, c.want)
		}
	}
}

func TestNanoCost(t *testing.T) {
	for _, c := range []struct {
		cost nanoCost
		text string
	}{
		{nanoCost{}, "0"}, {nanoCost{nano: 1}, "0.000000001"}, {nanoCost{nano: 123_000}, "0.000123"},
		{nanoCost{nano: 5_000_000_000}, "5"}, {nanoCost{nano: 9_007_199_254_740_993}, "9007199.254740993"}, {nanoCost{unknown: true}, "null"},
	} {
		text, err := json.Marshal(c.cost)
		if err != nil || string(text) != c.text {
			t.Errorf("%+v is written %s, %v; want %s", c.cost, text, err, c.text)
		}
		var back nanoCost
		if err := json.Unmarshal(text, &back); err != nil || back != c.cost {
			t.Errorf("%s is read %+v, %v; want %+v", text, back, err, c.cost)
		}
	}
	var c nanoCost
	if err := json.Unmarshal([]byte("1.23e-05"), &c); err != nil || c.nano != 12300 {
		t.Errorf("as other tools write it: %+v, %v", c, err)
	}
	if err := json.Unmarshal([]byte("-1"), &c); err == nil {
		t.Error("a negative cost is taken")
	}
	for want, got := range map[string]string{
		"$0.5": costText(5e8, 0), "unknown": costText(0, 3), "$0.5 + 1 call of unknown price": costText(5e8, 1),
		"$0.5 + 2 calls of unknown price": costText(5e8, 2), "$0": costText(0, 0), "1,234,567": thousands(1234567), "12": thousands(12),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
