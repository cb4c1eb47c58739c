package bot

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// partLimit is how many bytes one Slack message of a reply takes. A markdown
// block holds 12,000 characters, but a native stream breaks at about 11,000
// bytes in all; see docs of chat.appendStream and CopilotKit#6063.
const partLimit = 9000

// goesOn stands at the end of a message whose answer goes on in another one.
const goesOn = "\n\n_continued in the next message …_"

// continued stands at the beginning of an answer's second message and the
// following ones: on a phone, where each arrives as a notification of its own,
// they would be riddles.
func continued(number int) string { return fmt.Sprintf("_… continued, part %d_\n\n", number+1) }

// section is what one message shows of an answer.
type section struct {
	number     int // place among the messages
	limit      int // bytes that the message takes
	start, end int // in the answer
}

// prefix is what stands before the section's text: that it goes on, and the head
// of the code block or table in whose middle it begins.
func (s section) prefix(text string) string {
	if s.start == 0 {
		return ""
	}
	before := text[:s.start]
	out := ""
	if s.number > 0 {
		out = continued(s.number)
	}
	if fence := openFence(before); fence != "" {
		return out + reopen(fence) + "\n"
	}
	if strings.HasSuffix(before, "\n") && !strings.HasPrefix(text[s.start:], "\n") {
		if head := openTable(before); len(head) < s.limit/8 {
			return out + head
		}
	}
	return out
}

// room is how many bytes of the answer the message takes from the section's
// start on.
func (s section) room(text string) int {
	const closingFence = 100
	return s.limit - len(s.prefix(text)) - len(goesOn) - closingFence
}

// body is the message. With closed, a code block that is open at the section's
// end is closed. A section that is not whole says that more follows.
func (s section) body(text string, closed, more bool) string {
	prefix := s.prefix(text)
	body := text[s.start:s.end]
	if fence := openFence(text[:s.start]); fence != "" {
		body = prefix + outdent(body, fence)
	} else if s.start > 0 {
		body = prefix + strings.TrimLeft(body, "\n")
	}
	if closed {
		if fence := openFence(body); fence != "" {
			if !strings.HasSuffix(body, "\n") {
				body += "\n"
			}
			body += closing(fence)
		}
	}
	if more {
		body = strings.TrimRight(body, "\n") + goesOn
	}
	return body
}

// cutAt returns where to end a message that takes limit bytes of text, which is
// longer and begins within fence, if that is not "". A paragraph's end is best,
// then a line's, a row's or a code line's, a word's, a character's. What has just
// been headed is not left behind, and no link, code or emoji is cut. The end of
// the cut belongs to the first message.
func cutAt(text string, limit int, fence string) int {
	// A cut in the first half would leave more messages than needed.
	const paragraph, line, inBlock = 0, 1, 2
	var best [3]int
	var previous string
	at := 0
	for l := range strings.Lines(text[:limit]) {
		if !strings.HasSuffix(l, "\n") {
			break
		}
		at += len(l)
		next := text[at:]
		trimmed := strings.TrimSpace(l)
		fence = fenceAfter(fence, l)
		switch {
		case at < limit/2:
		case strings.HasPrefix(trimmed, "#"), trimmed == "" && strings.HasPrefix(previous, "#"):
			// A heading belongs to what follows.
		case fence != "", inTable(text[:at]) && !strings.HasPrefix(next, "\n"):
			best[inBlock] = at
		case trimmed == "":
			best[paragraph] = at
		default:
			best[line] = at
		}
		if trimmed != "" {
			previous = trimmed
		}
	}
	for _, cut := range best {
		if cut > 0 {
			return cut
		}
	}
	return at + cutLine(text[at:], limit-at)
}

// cutLine cuts within a line that is longer than limit.
func cutLine(text string, limit int) int {
	space, letter := 0, 0
	for i := 0; i < limit; {
		size := 1
		switch text[i] {
		case '`':
			n, span, _ := spanAt(text[i:])
			size = max(n, span)
		case '[':
			size = max(1, parseLink(text[i:]).size)
		default:
			size = cluster(text[i:])
		}
		if i+size > limit {
			break
		}
		if text[i] == ' ' {
			space = i + 1
		}
		i += size
		letter = i
	}
	switch {
	case space >= limit/2:
		return space
	case letter > 0:
		return letter
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit-- // a link longer than a message, or no room for a character
	}
	return limit
}

// cluster is the length of what is seen as one character at the beginning of
// text: an emoji may be several runes, or a name between colons.
func cluster(text string) int {
	r, n := utf8.DecodeRuneInString(text)
	if r == ':' {
		name := len(text[1:]) - len(strings.TrimLeft(text[1:], "abcdefghijklmnopqrstuvwxyz0123456789_+-"))
		if name > 0 && name < 50 && strings.HasPrefix(text[1+name:], ":") {
			return name + 2
		}
		return n
	}
	flag := isFlag(r)
	for n < len(text) {
		next, size := utf8.DecodeRuneInString(text[n:])
		switch {
		case next == '\u200d': // joins two emoji to one
			_, joined := utf8.DecodeRuneInString(text[n+size:])
			size += joined
		case flag && isFlag(next):
			flag = false
		case unicode.Is(unicode.M, next), next >= 0x1F3FB && next <= 0x1F3FF: // accents, variants, tones of skin
		default:
			return n
		}
		n += size
	}
	return n
}

func isFlag(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

// openFence returns the line that opened the code block in which text ends, with
// its indentation, or "" if text ends outside of one.
func openFence(text string) string {
	open := ""
	for line := range strings.Lines(text) {
		open = fenceAfter(open, line)
	}
	return open
}

// listMarkers may stand in front of a fence. So may a quotation's, but the code
// block ends with the quotation, and needs no other end in a message.
var listMarkers = regexp.MustCompile(`^[ \t]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)*`)

// fenceAfter returns the fence that is open after a line if open was before it.
func fenceAfter(open, line string) string {
	if !strings.Contains(line, "```") && !strings.Contains(line, "~~~") {
		return open
	}
	line = strings.TrimRight(line, " \t\r\n")
	content := strings.TrimLeft(line, " \t")
	if open == "" {
		content = line[len(listMarkers.FindString(line)):]
	}
	marker := fenceMarker(content)
	switch {
	case marker == "":
	case open == "" && marker[0] == '`' && strings.Contains(content[len(marker):], "`"):
		// Code within a line: a fence has no backticks behind it
		// (spec.commonmark.org, fenced code blocks).
	case open == "":
		return strings.Repeat(" ", len(line)-len(content)) + content
	case strings.HasPrefix(marker, fenceMarker(strings.TrimLeft(open, " "))) && marker == content:
		return ""
	}
	return open
}

// reopen is the line that goes on with the code block fence opened. What follows
// the language is left out: it may be as long as a message.
func reopen(fence string) string {
	fence = strings.TrimLeft(fence, " ")
	marker := fenceMarker(fence)
	language, _, _ := strings.Cut(strings.TrimSpace(fence[len(marker):]), " ")
	if len(language) > 30 {
		language = ""
	}
	return marker + language
}

// closing is the line that ends the code block fence opened. In a list it is
// indented like the block: on the left it would end the list, and open another.
func closing(fence string) string {
	content := strings.TrimLeft(fence, " ")
	return fence[:len(fence)-len(content)] + fenceMarker(content)
}

// outdent takes fence's indentation from the rest of the block it opened, which
// is reopened without: four spaces in front of its end, and it were none.
func outdent(text, fence string) string {
	indent := len(fence) - len(strings.TrimLeft(fence, " "))
	if indent == 0 {
		return text
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		if fence != "" {
			fence = fenceAfter(fence, line)
			for n := 0; n < indent && strings.HasPrefix(line, " "); n++ {
				line = line[1:]
			}
		}
		out.WriteString(line)
	}
	return out.String()
}

// fenceMarker returns the run of at least three backticks or tildes that line
// begins with.
func fenceMarker(line string) string {
	for _, c := range [...]byte{'`', '~'} {
		if n := runOf(line, c); n >= 3 && n < 100 {
			return line[:n]
		}
	}
	return ""
}
