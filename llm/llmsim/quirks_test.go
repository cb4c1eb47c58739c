package llmsim_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

var update = flag.Bool("update", false, "rewrite testdata")

// These pin each quirk's bytes: a client that was tested against them was
// tested against those files. Read their diff as you would read code.
func TestQuirksGolden(t *testing.T)   { golden(t, "testdata/quirks.golden", llmsim.Quirks()) }
func TestRefusalsGolden(t *testing.T) { golden(t, "testdata/refusals.golden", llmsim.Refusals()) }

func golden(t *testing.T, file string, quirks []llmsim.Quirk) {
	var b strings.Builder
	for _, q := range quirks {
		fmt.Fprintf(&b, "== %s (%v)", q.Name, q.Verdict)
		bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
			s.Enqueue(q.Play("Grüße an alle"))
			ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
			defer cancel()
			resp, err := s.post(ctx, counted)
			if err != nil {
				t.Errorf("%s: %v", q.Name, err)
				return
			}
			defer resp.Body.Close()
			fmt.Fprintf(&b, " %d", resp.StatusCode)
			for _, key := range slices.Sorted(maps.Keys(resp.Header)) {
				if key != "Date" && key != "Cache-Control" {
					fmt.Fprintf(&b, ", %s: %s", key, strings.Join(resp.Header[key], ", "))
				}
			}
			body, err := io.ReadAll(resp.Body)
			b.WriteString(visible(string(body)))
			open := ctx.Err() != nil
			if open != q.Open {
				t.Errorf("%s: the connection stays open: %v, want %v", q.Name, open, q.Open)
			}
			switch {
			case open:
				fmt.Fprint(&b, "\n! still open")
			case err != nil:
				fmt.Fprintf(&b, "\n! %v", err)
			}
			fmt.Fprintln(&b)
		})
	}
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, wanted := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(wanted)) {
		if i >= len(got) || i >= len(wanted) || got[i] != wanted[i] {
			t.Fatalf("%s:%d differs; if that is meant, run go test -update\n got %s\nwant %s", file, i+1,
				strings.Join(got[min(i, len(got)):min(i+3, len(got))], "\n     "),
				strings.Join(wanted[min(i, len(wanted)):min(i+3, len(wanted))], "\n     "))
		}
	}
}

// visible shows line ends, puts each event on a line of its own and takes out
// what all chunks have in common.
func visible(body string) string {
	body = strings.NewReplacer(
		`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":946684800,"model":"step-2-chat","choices":`, "{HEAD:",
		strings.Repeat("x", 1<<10), "<1024x>",
		"\ufeff", "<BOM>", "\r\n", "␍␊", "\r", "␍", "\n", "␊",
	).Replace(body)
	body = strings.ReplaceAll(body, strings.Repeat("<1024x>", 256), "<262144x>")
	body = regexp.MustCompile("[␍␊]+").ReplaceAllString(body, "$0\n")
	return strings.TrimSuffix("\n"+body, "\n")
}

func TestQuirksAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	next := 0
	for _, q := range slices.Concat(llmsim.Quirks(), llmsim.Refusals()) {
		if seen[q.Name] {
			t.Errorf("two quirks are named %q", q.Name)
		}
		seen[q.Name] = true
		row := fmt.Sprintf("//\t%-37s %-9s %s\n", q.Name, q.Verdict, q.Source)
		at := strings.Index(string(doc[next:]), row)
		if at < 0 {
			t.Errorf("doc.go has no such row, or not at its place:\n%s", row)
			continue
		}
		next += at
	}
	if rows := strings.Count(string(doc), " complete ") + strings.Count(string(doc), " broken ") + strings.Count(string(doc), " told "); rows != len(seen) {
		t.Errorf("doc.go has %d rows, there are %d quirks", rows, len(seen))
	}
}

// Where a quirk is Complete, the whole answer and its end must be in the
// bytes; where it is Broken, no client may find a success in them.
func TestQuirksTellTheTruth(t *testing.T) {
	for _, q := range llmsim.Quirks() {
		bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
			s.Enqueue(q.Play("one two three"))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if resp, err := s.post(ctx, stream); err == nil {
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			r := s.last()
			finish := q.Play("").FinishReason
			ok := r.Outcome == "ok" && r.Billed.CompletionTokens > 1
			if want := q.Verdict != llmsim.Broken || finish != ""; ok != want {
				t.Errorf("%s is %v, the server says %q and billed %+v", q.Name, q.Verdict, r.Outcome, r.Billed)
			}
		})
	}
}
