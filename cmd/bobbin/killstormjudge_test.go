package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// view is what all threads show at a moment.
type view struct {
	whole   map[int][]*shownAnswer // by question
	givenUp []slacksim.Message
	other   []*shownAnswer  // neither
	open    map[string]bool // threads in which an answer is missing
	asked   int
}

// quiet reports whether nothing more is to be expected of the bot.
func (v *view) quiet() bool { return len(v.other) == 0 && len(v.open) == 0 }

const interruptedNote = "I was interrupted each time I tried to answer this."

// look reads all threads.
func (r *killRound) look() *view {
	r.mu.Lock()
	questions := slices.Clone(r.questions)
	r.mu.Unlock()
	type place struct{ channel, thread string }
	asked := map[place]int{}
	for _, q := range questions {
		asked[place{q.channel, q.thread}]++
	}
	v := &view{whole: map[int][]*shownAnswer{}, open: map[string]bool{}, asked: len(questions)}
	for at := range asked {
		givenUp := false
		for _, a := range r.shown(at.channel, at.thread) {
			switch {
			case strings.Contains(a.text, interruptedNote):
				v.givenUp = append(v.givenUp, a.last())
				givenUp = true
			case a.whole() && a.finished:
				for _, id := range a.ids {
					v.whole[id] = append(v.whole[id], a)
				}
			default:
				v.other = append(v.other, a)
			}
		}
		if givenUp { // which questions it was for is not to be seen
			asked[at] = 0
		}
	}
	for _, q := range questions {
		if at := (place{q.channel, q.thread}); len(v.whole[q.id]) == 0 && asked[at] > 0 {
			v.open[at.channel+":"+at.thread] = true
		}
	}
	return v
}

// judge counts what is wrong once everything is over, and closes the round.
func (r *killRound) judge() {
	r.tb.Helper()
	seen := r.look()
	for _, q := range r.questions {
		switch n := len(seen.whole[q.id]); {
		case n == 0:
			r.lost++
			r.tb.Errorf("q%d in %s of %s was never answered%s", q.id, q.thread, q.channel, r.story(q))
		case n > 1:
			r.doubled++
			r.tb.Errorf("q%d in %s of %s was answered %d times:", q.id, q.thread, q.channel, n)
			for _, a := range seen.whole[q.id] {
				r.tb.Errorf("  in %s, as %s: %.60q", a.last().TS, a.last().Metadata, a.text)
			}
		}
		r.answers += min(1, len(seen.whole[q.id]))
	}
	for _, a := range seen.other {
		m := a.last()
		r.stuck++
		if a.twice() {
			r.doubled++
		}
		r.tb.Errorf("in %s of %s %d messages (parts %v, %s) show %d bytes: %.150q … %.80q", m.ThreadTS, m.Channel, len(a.messages), a.parts,
			m.StreamingState, len(a.text), a.text, a.text[max(0, len(a.text)-80):])
	}
	store, err := boltstore.Open(filepath.Join(r.folder, "bobbin.db"), boltstore.Options{})
	if err != nil {
		r.tb.Fatal(err)
	}
	defer store.Close()
	keys, err := store.OpenConversations(r.tb.Context())
	if err != nil || len(keys) > 0 {
		r.stuck += len(keys)
		r.tb.Errorf("open conversations in the end: %v, %v", keys, err)
	}
	r.judgePrompts()
	for _, d := range r.slack.Deliveries() {
		if d.Attempt > 0 {
			r.redelivered++
		}
	}
	for _, c := range r.slack.Calls() {
		if c.HTTPStatus == 429 || c.HTTPStatus == 503 {
			r.refused++
		}
	}
}

// story is what people saw of a question that was lost.
func (r *killRound) story(q question) string {
	var b strings.Builder
	for _, other := range r.questions {
		if other.thread == q.thread {
			fmt.Fprintf(&b, "\n  %s asked q%d in %s", other.user, other.id, other.ts)
		}
	}
	for _, a := range r.shown(q.channel, q.thread) {
		fmt.Fprintf(&b, "\n  shown in %s, finished %v: %.80q", a.last().TS, a.finished, a.text)
	}
	for _, user := range []string{"U0ANN", "U0BEN", "U0CHIDI", "U0DANA"} {
		for _, m := range r.slack.Ephemerals(user, q.channel) {
			fmt.Fprintf(&b, "\n  %s was told: %.100q", user, m.Text)
		}
	}
	return b.String()
}

// judgePrompts looks for what the model was told wrongly: half an answer, an
// answer twice, or a thread without an answer that stood in it when the question
// was asked.
func (r *killRound) judgePrompts() {
	for _, q := range r.model.Requests() {
		told := map[int]int{}
		wrong := false
		for _, m := range q.Messages {
			if m.Role != "assistant" {
				continue
			}
			head := answerHead.FindStringSubmatch(m.Content)
			if head == nil || m.Content != answerToQuestions(idsIn(head[1])) {
				wrong = true
				r.tb.Errorf("the model was told half an answer: %.80q …, %d bytes", m.Content, len(m.Content))
				continue
			}
			for _, id := range idsIn(head[1]) {
				told[id]++
			}
		}
		for _, id := range questionsOf(q) {
			for _, before := range r.questions[id-1].answered {
				if told[before] != 1 {
					wrong = true
					r.tb.Errorf("asked for q%d the model was told the answer to q%d %d times", id, before, told[before])
				}
			}
		}
		if wrong {
			r.half++
		}
	}
}
