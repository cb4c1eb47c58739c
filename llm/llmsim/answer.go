package llmsim

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"
	"unicode"
)

// DefaultAnswer is a friendly answer of some 100 to 200 words in Markdown. It
// quotes the last user message, says how many earlier messages it saw, and
// depends on nothing but the request: there is a list, a code block when the
// question asks for code, and a table when it asks for a table. It is sent at
// once.
func DefaultAnswer(r Request) Script { return Script{Text: answerText(r)} }

// PacedAnswer is DefaultAnswer at the speed of a real model: the first word
// after 0.4 s, then one every 25 to 40 ms.
func PacedAnswer(r Request) Script {
	script := DefaultAnswer(r)
	script.FirstToken = 400 * time.Millisecond
	script.Gap = 25 * time.Millisecond
	script.Jitter = 15 * time.Millisecond
	return script
}

func answerText(r Request) string {
	question, earlier := lastQuestion(r.Messages)
	asked := wordSet(question)
	t := pick(topics, asked)
	parts := []string{
		fmt.Sprintf(choose(openings, question), quote(question)),
		seen(earlier) + " " + t.body,
	}
	if anyOf(asked, "code", "function", "snippet", "script", "program", "example", "func") {
		parts = append(parts, codeFor(asked))
	}
	if anyOf(asked, "table", "compare", "comparison", "versus", "vs") {
		parts = append(parts, tablePart)
	}
	parts = append(parts, t.listIntro+"\n\n"+list(t.list), choose(closings, question))
	return strings.Join(parts, "\n\n")
}

// lastQuestion returns the last user message and how many messages of the
// conversation came before it. System prompts are not of the conversation.
func lastQuestion(messages []Message) (question string, earlier int) {
	n := 0
	for _, m := range messages {
		if m.Role == "system" || m.Role == "developer" {
			continue
		}
		if m.Role == "user" {
			question, earlier = m.Content, n
		}
		n++
	}
	return question, earlier
}

func seen(earlier int) string {
	switch earlier {
	case 0:
		return "This is the first message that I see in this conversation."
	case 1:
		return "I have read the one message before it, so you can refer to that."
	default:
		return fmt.Sprintf("I have read the %d messages before it, so you can refer to any of them.", earlier)
	}
}

// quote shortens a question to its first line and makes it fit for a quotation.
func quote(question string) string {
	const longest = 90
	line, _, _ := strings.Cut(strings.TrimSpace(question), "\n")
	line = strings.NewReplacer("*", "", "_", " ", "`", "'", `"`, "'").Replace(line)
	if runes := []rune(line); len(runes) > longest {
		line = strings.TrimRightFunc(string(runes[:longest]), unicode.IsSpace) + "…"
	}
	if line == "" {
		return "an empty message"
	}
	return "“" + line + "”"
}

// choose picks by the question's hash: varied, and the same in each run.
func choose(from []string, question string) string {
	h := fnv.New32a()
	h.Write([]byte(question))
	return from[h.Sum32()%uint32(len(from))]
}

func list(items []string) string {
	var b strings.Builder
	for i, item := range items {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("- " + item)
	}
	return b.String()
}

// wordSet returns the words of a text in lower case.
func wordSet(text string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		set[w] = true
	}
	return set
}

func anyOf(set map[string]bool, words ...string) bool {
	for _, w := range words {
		if set[w] {
			return true
		}
	}
	return false
}
