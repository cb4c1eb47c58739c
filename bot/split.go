package bot

import (
	"strings"
	"unicode/utf8"
)

// partLimit is how many bytes of an answer one Slack message takes. A markdown
// block holds 12,000 characters, but a native stream breaks at about 11,000
// bytes in all; see docs of chat.appendStream and CopilotKit#6063.
const partLimit = 9000

// cutAt returns where to end a message that may hold limit bytes of text, which
// is longer: at the last paragraph that fits, else line, else word, else rune.
// The end of the cut belongs to the first message.
func cutAt(text string, limit int) int {
	head := text[:limit]
	for _, border := range []string{"\n\n", "\n", " "} {
		// A cut in the first half would leave more messages than needed.
		if i := strings.LastIndex(head, border); i >= limit/2 {
			return i + len(border)
		}
	}
	for limit > 1 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return limit
}

// slice returns text[start:end] as a message of its own: a code block that is
// open at start is opened again. With closed, one that is open at end is closed.
func slice(text string, start, end int, closed bool) string {
	body := text[start:end]
	if start > 0 {
		body = strings.TrimLeft(body, "\n")
		if fence := openFence(text[:start]); fence != "" {
			body = reopen(fence) + "\n" + body
		}
	}
	if !closed {
		return body
	}
	fence := openFence(body)
	if fence == "" {
		return body
	}
	if !strings.HasSuffix(body, "\n") {
		body += "\n"
	}
	return body + fenceMarker(fence)
}

// openFence returns the line that opened the code block in which text ends, or
// "" if it ends outside of one.
func openFence(text string) string {
	open := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		marker := fenceMarker(line)
		switch {
		case marker == "":
		case open == "" && marker[0] == '`' && strings.Contains(line[len(marker):], "`"):
			// Code within a line: a fence has no backticks behind it
			// (spec.commonmark.org, fenced code blocks).
		case open == "":
			open = line
		case strings.HasPrefix(marker, fenceMarker(open)) && marker == line:
			open = ""
		}
	}
	return open
}

// reopen is the line that goes on with the code block fence opened. What follows
// the language is left out: it may be as long as a message.
func reopen(fence string) string {
	marker := fenceMarker(fence)
	language, _, _ := strings.Cut(strings.TrimSpace(fence[len(marker):]), " ")
	if len(language) > 30 {
		language = ""
	}
	return marker + language
}

// fenceMarker returns the run of at least three backticks or tildes that line
// begins with.
func fenceMarker(line string) string {
	for _, c := range []string{"`", "~"} {
		n := len(line) - len(strings.TrimLeft(line, c))
		if n >= 3 && n < 100 {
			return line[:n]
		}
	}
	return ""
}
