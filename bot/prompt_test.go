package bot

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

// exchange is a history of n turns whose messages have size bytes each.
func exchange(n, size int) storage.History {
	var h storage.History
	for i := range n {
		for _, role := range []storage.Role{storage.RoleUser, storage.RoleAssistant} {
			h.Messages = append(h.Messages, storage.Message{Seq: uint64(len(h.Messages) + 1), Role: role,
				Text: fmt.Sprintf("%s %d %s", role, i, strings.Repeat("x", size))})
		}
	}
	return h
}

func TestPromptKeepsShortHistoryWhole(t *testing.T) {
	p := buildPrompt(promptInput{System: "S", History: exchange(3, 10), Question: "Q", Window: 16384, MaxOutput: 2048})
	if len(p.Request.Messages) != 7 || p.Dropped != 0 || p.From != 1 {
		t.Errorf("%d messages, %d dropped, from %d; want all 7 from 1", len(p.Request.Messages), p.Dropped, p.From)
	}
	if last := p.Request.Messages[6]; last != (llm.Message{Role: llm.RoleUser, Content: "Q"}) {
		t.Errorf("last message %v, want the question", last)
	}
}

// Whole turns go, oldest first, from the high watermark down to the low one;
// then the beginning stays the same for many turns.
func TestPromptCutsBetweenWatermarks(t *testing.T) {
	const window, maxOutput = 4000, 1000
	h := storage.History{}
	cuts, last := 0, uint64(0)
	for turn := range 60 {
		h.Messages = exchange(turn, 200).Messages
		p := buildPrompt(promptInput{System: "S", History: h, Question: "Q", Window: window, MaxOutput: maxOutput})
		if n := (*llm.Estimator)(nil).Request("", p.Request); n > int(highWatermark*(window-maxOutput)) {
			t.Fatalf("turn %d: prompt of %d tokens, over the high watermark", turn, n)
		}
		if first := p.Request.Messages[0]; first.Role != llm.RoleUser {
			t.Fatalf("turn %d: the prompt begins with an answer: %q", turn, first.Content)
		}
		if p.From != last && last != 0 {
			cuts++
		}
		last, h.From = p.From, p.From
	}
	if cuts == 0 || cuts > 8 {
		t.Errorf("%d cuts in 60 turns; want a few: each empties the provider's prefix cache", cuts)
	}
}

func TestPromptNeverDropsTheQuestion(t *testing.T) {
	p := buildPrompt(promptInput{History: exchange(5, 100), Question: strings.Repeat("Q", 100_000), Window: 1000, MaxOutput: 500})
	if n := len(p.Request.Messages); n != 1 || p.Dropped != 10 {
		t.Errorf("%d messages, %d dropped; want the question alone", n, p.Dropped)
	}
}

func TestPromptNamesPeople(t *testing.T) {
	p := buildPrompt(promptInput{
		Thread:   []storage.Message{{Text: authored("U1", "it is red")}, {Text: authored("U2", "ask <@U1>")}},
		Question: authored("U2", "why?"),
		Window:   16384,
		Name:     func(id string) string { return map[string]string{"U1": "Ann", "U2": "Ben"}[id] },
	})
	var got []string
	for _, m := range p.Request.Messages {
		got = append(got, string(m.Role)+" "+m.Content)
	}
	want := []string{"user Ann: it is red", "user Ben: ask @Ann", "user Ben: why?"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What the model side leaves out beside, the next prompt does not try again.
func TestPromptTakesInWhatWasTrimmed(t *testing.T) {
	for _, c := range []struct {
		trimmed, sent int
		from          uint64
		dropped       int
	}{
		{0, 7, 1, 0},
		{2, 7, 3, 2},
		{6, 7, 7, 6}, // nothing of the history was left: it begins with this turn
		{2, 9, 1, 0}, // a hook put two messages in, and nobody knows which were left out
	} {
		p := buildPrompt(promptInput{History: exchange(3, 10), Question: "Q", Window: 16384, MaxOutput: 2048})
		p.trimmed(c.trimmed, c.sent)
		if p.From != c.from || p.Dropped != c.dropped {
			t.Errorf("%d of %d trimmed: from %d, %d dropped; want from %d, %d", c.trimmed, c.sent, p.From, p.Dropped, c.from, c.dropped)
		}
	}
}

// A thread that is too heavy for the model loses its beginning, never the
// question.
func TestPromptTrimsTheThread(t *testing.T) {
	var thread []storage.Message
	for i := range 90 {
		thread = append(thread, storage.Message{Text: fmt.Sprintf("remark %d %s", i, strings.Repeat("x", 1000))})
	}
	p := buildPrompt(promptInput{History: exchange(3, 100), Thread: thread, Question: "Q", Window: 16384, MaxOutput: 2048})
	var all []string
	for _, m := range p.Request.Messages {
		all = append(all, m.Content)
	}
	text := strings.Join(all, "\n")
	if n := (*llm.Estimator)(nil).Request("", p.Request); n > 14336 || !strings.HasSuffix(text, "Q") || !strings.Contains(text, "remark 89 ") || strings.Contains(text, "remark 0 ") {
		t.Errorf("prompt of %d tokens, ending %q; want the thread's newest end and the question within the window", n, text[len(text)-20:])
	}
}
