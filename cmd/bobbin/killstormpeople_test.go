package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// question is one that a person has asked.
type question struct {
	id                        int
	user, channel, thread, ts string
	answered                  []int // in its thread, before it was asked
}

// channels are where the people of a round ask: fewer under Slack's limits,
// since each start reads all of them.
func (r *killRound) channels() []string {
	if r.limits {
		return []string{"C0GENERAL", r.slack.DM("U0ANN")}
	}
	return []string{"C0GENERAL", "G0OPS", r.slack.DM("U0ANN"), r.slack.DM("U0BEN")}
}

// person asks until ctx ends, in a new thread or in one that there is, whether
// or not somebody has been answered in it.
func (r *killRound) person(ctx context.Context, user string, rng *rand.Rand) {
	pause := 2 * time.Second
	if r.limits {
		pause = 4 * time.Second
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(rng.ExpFloat64() * float64(pause))):
		}
		mine := slices.DeleteFunc(r.channels(), func(c string) bool { return strings.HasPrefix(c, "D") && c != r.slack.DM(user) })
		channel, thread := mine[rng.IntN(len(mine))], ""
		if rng.IntN(3) > 0 {
			thread = r.someThread(channel, rng)
		}
		ts := r.ask(user, channel, thread)
		if rng.IntN(5) == 0 {
			if err := r.slack.Redeliver(channel, ts); err != nil {
				r.tb.Error(err)
			}
		}
	}
}

// someThread is one of the last threads of a channel that is not long yet.
func (r *killRound) someThread(channel string, rng *rand.Rand) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var roots []string
	size := map[string]int{}
	for _, q := range r.questions {
		if q.channel == channel {
			if size[q.thread]++; size[q.thread] == 1 {
				roots = append(roots, q.thread)
			}
		}
	}
	roots = slices.DeleteFunc(roots, func(ts string) bool { return size[ts] >= 8 })
	roots = roots[max(0, len(roots)-4):]
	if len(roots) == 0 {
		return ""
	}
	return roots[rng.IntN(len(roots))]
}

// ask posts a question and remembers it with what its thread shows by then.
func (r *killRound) ask(user, channel, thread string) (ts string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := question{id: len(r.questions) + 1, user: user, channel: channel, thread: thread}
	if thread != "" {
		for _, a := range r.shown(channel, thread) {
			if a.whole() && a.finished {
				q.answered = append(q.answered, a.ids...)
			}
		}
	}
	text := fmt.Sprintf("what about q%d?", q.id)
	if !strings.HasPrefix(channel, "D") {
		text = "@bobbin " + text
	}
	ts, err := r.slack.Post(user, channel, thread, text)
	if err != nil {
		r.tb.Error(err)
		return ""
	}
	q.ts, q.thread = ts, cmp.Or(thread, ts)
	r.questions = append(r.questions, q)
	r.asked++
	return ts
}

var (
	questionID   = regexp.MustCompile(`q(\d+)\?`)
	answerHead   = regexp.MustCompile(`^Answer to ((?:q\d+\? )+)`)
	continuation = regexp.MustCompile(`_continued in the next message …_|_… continued, part \d+_`)
)

func idsIn(text string) (ids []int) {
	for _, m := range questionID.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(m[1])
		ids = append(ids, n)
	}
	return ids
}

// answerToQuestions is the one right answer to questions that were asked together: in
// one message, or in two or three.
func answerToQuestions(ids []int) string {
	var b strings.Builder
	b.WriteString("Answer to")
	for _, id := range ids {
		fmt.Fprintf(&b, " q%d?", id)
	}
	words := 20 + ids[0]*13%50
	if ids[0]%6 == 0 {
		words = 1000 + ids[0]*37%1500
	}
	for i := range words {
		fmt.Fprintf(&b, " word%04d", i)
	}
	return b.String() + " end."
}

// questionsOf are those that a request asks. What was said in the thread before
// is not asked, but stands in the same message, above an empty line: servers want
// no two of a user's messages in a row. A kill may cut a request off before its
// messages have arrived: that one asks nothing.
func questionsOf(q llmsim.Request) []int {
	if len(q.Messages) == 0 {
		return nil
	}
	text := q.Messages[len(q.Messages)-1].Content
	return idsIn(text[strings.LastIndex(text, "\n\n")+1:])
}

// answerQuestions says the answer to what was asked last, within a second or so.
func answerQuestions(q llmsim.Request) llmsim.Script {
	ids := questionsOf(q)
	if len(ids) == 0 { // somebody else's request, such as a probe
		return llmsim.Script{Text: "Yes."}
	}
	text := answerToQuestions(ids)
	s := llmsim.Script{FirstToken: 30 * time.Millisecond, Gap: time.Duration(10+ids[0]%4*10) * time.Millisecond}
	for piece := range slices.Chunk([]byte(text), 1+len(text)/25) {
		s.Deltas = append(s.Deltas, string(piece))
	}
	return s
}

// shownAnswer is what Slack shows of one reply.
type shownAnswer struct {
	messages []slacksim.Message
	parts    []int
	text     string
	ids      []int
	finished bool // the buttons are there
}

func (a *shownAnswer) whole() bool {
	return len(a.ids) > 0 && a.text == answerToQuestions(a.ids) && !a.twice()
}

// twice reports whether a part of the answer stands in two messages.
func (a *shownAnswer) twice() bool {
	return len(slices.Compact(slices.Clone(a.parts))) < len(a.parts)
}

func (a *shownAnswer) last() slacksim.Message { return a.messages[len(a.messages)-1] }

// shown puts the bot's messages in a thread together by the marks they have in
// their metadata. Messages without one, which are open streams, come as one.
func (r *killRound) shown(channel, thread string) (out []*shownAnswer) {
	by := map[string]*shownAnswer{}
	type marked struct {
		m    slacksim.Message
		id   string
		part int
	}
	var all []marked
	for _, m := range r.slack.Thread(channel, thread) {
		if m.User != "U0BOBBIN" {
			continue
		}
		var mark struct {
			Payload struct {
				Reply string `json:"reply"`
				Part  int    `json:"part"`
			} `json:"event_payload"`
		}
		if len(m.Metadata) > 0 {
			if err := json.Unmarshal(m.Metadata, &mark); err != nil {
				r.tb.Error(err)
			}
		}
		all = append(all, marked{m, mark.Payload.Reply, mark.Payload.Part})
	}
	slices.SortStableFunc(all, func(a, b marked) int { return a.part - b.part })
	for _, k := range all {
		a := by[k.id]
		if a == nil {
			a = &shownAnswer{}
			by[k.id] = a
			out = append(out, a)
		}
		a.messages, a.parts = append(a.messages, k.m), append(a.parts, k.part)
		a.text += " " + k.m.Markdown
	}
	for _, a := range out {
		a.text = strings.Join(strings.Fields(continuation.ReplaceAllString(a.text, "")), " ")
		if head := answerHead.FindStringSubmatch(a.text + " "); head != nil {
			a.ids = idsIn(head[1])
		}
		a.finished = finished(a.last())
	}
	return out
}
