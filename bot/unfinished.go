package bot

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// longestEmphasis is how far behind its beginning a bold passage is waited for.
const longestEmphasis = 160

var (
	markerOnly  = regexp.MustCompile(`^[ \t>]*(?:#{1,6}|[-*+_=]+|[0-9]{1,9}[.)])?[ \t]*$`)
	delimiters  = regexp.MustCompile(`^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t\r]*$`)
	openingName = regexp.MustCompile(`(?:^|[\s(*_])(:[a-z0-9_+-]{0,40})$`)
)

// settled returns how much of text looks right already. What follows is Markdown
// whose other half is still to come: stars that would be seen as stars, the head
// of a table that is no table yet. It is held back for a moment; code and links
// are by [sanitize].
func settled(text string) int {
	if openFence(text) != "" {
		return len(text)
	}
	start := strings.LastIndexByte(text, '\n') + 1
	line := text[start:]
	if strings.HasPrefix(strings.TrimLeft(line, " "), "|") || line == "" && start > 0 {
		return start - tableHead(text[:start])
	}
	if markerOnly.MatchString(line) {
		return start
	}
	n := start + unclosed(line)
	if m := openingName.FindStringSubmatchIndex(text[start:n]); m != nil {
		n = start + m[2] // :smi
	}
	return n
}

// tableHead is the length of the line at the end of text that may be a table's
// head. 0 if its table has begun already.
func tableHead(text string) int {
	above := strings.TrimSuffix(text, "\n")
	i := strings.LastIndexByte(above, '\n') + 1
	line := above[i:]
	if !strings.HasPrefix(strings.TrimLeft(line, " "), "|") || inTable(text) {
		return 0
	}
	return len(text) - i
}

// inTable reports whether text, which ends with a line break, ends within a table.
func inTable(text string) bool { return openTable(text) != "" }

// openTable returns the first two lines, head and delimiters, of the table in
// which text ends, or "". text ends with a line break. A line without a bar ends
// a table, though a renderer may take it for a row of one cell.
func openTable(text string) string {
	if i := strings.LastIndex(text, "\n\n"); i >= 0 {
		text = text[i+2:]
	}
	table, above := "", ""
	for line := range strings.Lines(text) {
		switch {
		case !strings.Contains(line, "|"):
			table = ""
		case table == "" && isTableHead(above, line):
			table = above + line
		}
		above = line
	}
	return table
}

// unclosed returns where in line an emphasis begins that has no end, or the
// length of line.
func unclosed(line string) int {
	type opener struct {
		at, n int
		c     byte
	}
	var open []opener
	for i := 0; i < len(line); {
		c := line[i]
		switch c {
		case '\\':
			i += 2
			continue
		case '`':
			n, size, _ := spanAt(line[i:])
			i += max(n, size)
			continue
		case '[':
			i += max(1, parseLink(line[i:]).size)
			continue
		case '*', '_', '~':
		default:
			i++
			continue
		}
		n := runOf(line[i:], c)
		before, _ := utf8.DecodeLastRuneInString(line[:i])
		after, _ := utf8.DecodeRuneInString(line[i+n:])
		atEnd := i+n == len(line)
		opens := atEnd || !unicode.IsSpace(after)
		closes := i > 0 && !unicode.IsSpace(before)
		within := isWord(before) && isWord(after) && !atEnd
		last := len(open) - 1
		switch {
		case c == '~' && n != 2, within && (c == '_' || n == 1):
		case closes && last >= 0 && open[last].c == c && open[last].n == n:
			open = open[:last]
		case opens && !(closes && atEnd && isWord(before) && c == '_'):
			open = append(open, opener{i, n, c})
		}
		i += n
	}
	for _, o := range open {
		if len(line)-o.at <= longestEmphasis {
			return o.at
		}
	}
	return len(line)
}
