package bot

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// wordJoiner is invisible and breaks whatever Slack would read into the
// characters on both sides of it.
const wordJoiner = "\u2060"

// standIn looks like a backtick and is none.
const standIn = "ˋ"

// sanitize makes a model's text harmless. Whoever can make the model repeat
// something (a web page in the thread is enough) could otherwise ping the whole
// company or have a click carry the conversation away. In the result
//
//   - nothing is a mention of a person, a channel or everybody. Slack resolves
//     <!channel> and <@U…> even in markdown and has no switch against it;
//   - nothing is an image, an HTML tag or a reference to a link defined elsewhere;
//   - only links to hosts among hosts can be clicked. Others are shown as code,
//     their host in plain sight.
//
// Code keeps its text, mentions aside. What is code and what is not is read as
// CommonMark says; where it leaves room for doubt the text is not taken for code.
//
// With end false, text is the beginning of more: a tail whose meaning is open is
// held back, so that the result for a longer text always begins with the result
// for a shorter one.
func sanitize(text string, end bool, hosts linkHosts) string {
	if !end {
		text = strings.TrimSuffix(wholeRunes(text), "\r") // perhaps half of a line break
	}
	text = lineBreaks.Replace(text)
	s := sanitizer{text: text, end: end, hosts: hosts}
	s.out.Grow(len(text) + len(text)/16)
	for s.at < len(text) && !s.held {
		if s.atLineStart() {
			s.line()
		} else {
			s.prose()
		}
	}
	return s.out.String()
}

// lineBreaks makes all line breaks that Markdown knows the one we look for.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// wholeRunes cuts the beginning of a character off the end of text.
func wholeRunes(text string) string {
	for back := 1; back <= min(len(text), utf8.UTFMax); back++ {
		if i := len(text) - back; utf8.RuneStart(text[i]) {
			if !utf8.FullRuneInString(text[i:]) {
				return text[:i]
			}
			break
		}
	}
	return text
}

// sanitizer reads text from at on. Each step consumes something or holds the
// rest back.
type sanitizer struct {
	text  string
	end   bool
	hosts linkHosts
	out   strings.Builder
	at    int
	held  bool

	fence fence // the code block we are in; no marker: none
	item  int   // the column at which the newest list item's content begins; 0: no list
	doubt bool  // a code block was broken off: from here on code is not told from text
}

// fence is a code block's beginning.
type fence struct {
	marker string
	quotes int // > in front of it
	indent int // of a list item's content that it belongs to; 0: of none
}

func (s *sanitizer) atLineStart() bool { return s.at == 0 || s.text[s.at-1] == '\n' }

// hold keeps the rest back if more text may come, and reports whether it does.
func (s *sanitizer) hold() bool {
	s.held = s.held || !s.end
	return s.held
}

func (s *sanitizer) emit(text string) { s.out.WriteString(text) }

// take emits the next n bytes as they are.
func (s *sanitizer) take(n int) {
	s.emit(s.text[s.at : s.at+n])
	s.at += n
}

// linePrefix is what may stand in front of a block: quotations and list items.
var linePrefix = regexp.MustCompile(`^(?:[ \t]*(?:>|[-*+](?:[ \t]|$)|[0-9]{1,9}[.)](?:[ \t]|$)))*[ \t]*`)

// line looks at a new line: it may begin, continue or end a code block.
func (s *sanitizer) line() {
	rest := s.text[s.at:]
	line, _, complete := strings.Cut(rest, "\n")
	prefix := ""
	if line != "" && (strings.IndexByte(" \t>-*+", line[0]) >= 0 || line[0] >= '0' && line[0] <= '9') {
		prefix = linePrefix.FindString(line)
	}
	content := line[len(prefix):]
	run := fenceMarker(content)
	if !complete && strings.Trim(content, "`~ \t\r") == "" && s.hold() {
		return // may become a fence, or a longer prefix
	}
	if s.fence.marker != "" {
		s.codeLine(line, prefix, content, complete)
		return
	}
	switch {
	case strings.Trim(prefix, " \t>") != "":
		s.item = len(strings.TrimRight(prefix, " \t")) + 1
	case content != "" && strings.IndexByte(" \t", line[0]) < 0:
		s.item = 0
	}
	opens := run != "" && (run[0] == '~' || !strings.Contains(content[len(run):], "`"))
	if strings.Contains(prefix, "\t") || longestIndent(prefix) > 3 && (s.item == 0 || len(prefix) > s.item+3) {
		opens = false // code by indentation, or text
	}
	if !opens {
		s.take(len(prefix))
		s.prose()
		return
	}
	if !complete && s.hold() {
		return // the language may be followed by a backtick: no fence then
	}
	f := fence{marker: run, quotes: strings.Count(prefix, ">")}
	if s.item > 0 && len(prefix) >= 2 {
		f.indent = min(s.item, len(prefix))
	}
	s.take(len(prefix) + len(run))
	s.raw(len(content) - len(run))
	s.newline(complete)
	s.fence = f
}

// longestIndent is the widest run of spaces in a line's prefix.
func longestIndent(prefix string) int {
	widest := 0
	for _, spaces := range strings.FieldsFunc(prefix, func(r rune) bool { return r != ' ' }) {
		widest = max(widest, len(spaces))
	}
	return widest
}

// codeLine is a line within a code block.
func (s *sanitizer) codeLine(line, prefix, content string, complete bool) {
	f := s.fence
	inner := strings.TrimLeft(line, " \t")
	for range f.quotes {
		if !strings.HasPrefix(inner, ">") { // the quotation has ended, and the block with it
			if inner == "" && !complete && s.hold() {
				return
			}
			s.fence = fence{}
			s.doubt = true
			return
		}
		inner = strings.TrimLeft(inner[1:], " \t")
	}
	if f.indent > 0 && inner != "" && len(line)-len(strings.TrimLeft(line, " \t>")) < f.indent {
		s.doubt = true // the list item has ended, and the block perhaps with it
	}
	run := fenceMarker(inner)
	if strings.HasPrefix(run, f.marker) && strings.TrimSpace(inner) == run {
		s.fence = fence{}
		if longestIndent(prefix) > 3 && f.indent == 0 {
			s.doubt = true
		}
		s.take(len(line))
		s.newline(complete)
		return
	}
	if run != "" && run[0] == f.marker[0] && strings.HasPrefix(strings.TrimLeft(content, " "), run) && content != inner {
		s.doubt = true // a fence after a list marker
	}
	if s.doubt {
		s.prose()
		return
	}
	s.raw(len(line))
	s.newline(complete)
}

func (s *sanitizer) newline(complete bool) {
	if complete && !s.held {
		s.take(1)
	}
}

// raw copies the next n bytes, mentions neutralised.
func (s *sanitizer) raw(n int) {
	for stop := s.at + n; s.at < stop && !s.held; {
		next := strings.IndexAny(s.text[s.at:stop], "<@")
		if next < 0 {
			s.take(stop - s.at)
			return
		}
		s.take(next)
		s.mention()
	}
}

// mention handles < and @ wherever they stand.
func (s *sanitizer) mention() {
	rest := s.text[s.at:]
	switch rest[0] {
	case '<':
		if len(rest) < 3 && (len(rest) == 1 || strings.IndexByte("!@#", rest[1]) >= 0) && s.hold() {
			return
		}
		s.take(1)
		if controls(rest) {
			s.emit(wordJoiner)
		}
	case '@':
		for _, all := range [...]string{"channel", "everyone", "here"} {
			if len(rest)-1 < len(all) && strings.HasPrefix(all, strings.ToLower(rest[1:])) && s.hold() {
				return
			}
		}
		s.take(1)
		for _, all := range [...]string{"channel", "everyone", "here"} {
			if len(rest) > len(all) && strings.EqualFold(rest[1:len(all)+1], all) {
				s.emit(wordJoiner)
				break
			}
		}
	}
}

// controls reports whether text begins a control sequence: <!here>, <@U…>,
// <#C…>. HTML comments and doctypes do not.
func controls(text string) bool {
	if len(text) < 3 {
		return false
	}
	switch c := text[2]; text[1] {
	case '!':
		return c >= 'a' && c <= 'z'
	case '@', '#':
		return c >= 'A' && c <= 'Z'
	}
	return false
}

// prose handles text up to the end of the line, or the next thing in it that has
// a meaning.
func (s *sanitizer) prose() {
	for s.at < len(s.text) && !s.held {
		switch c := s.text[s.at]; c {
		case '\n':
			s.take(1)
			return
		case '`':
			s.codeSpan()
		case '\\':
			s.escape()
		case '<':
			s.angle()
		case '@':
			s.mention()
		case '&':
			s.entity()
		case '!':
			s.image()
		case '[':
			s.bracket(false)
		case ']':
			s.closing()
		default:
			if r, size := utf8.DecodeRuneInString(s.text[s.at:]); isWord(r) || r == '/' {
				s.word()
			} else {
				s.take(size)
			}
		}
	}
}

// codeSpan is code within a line. A backtick without a partner is replaced: it
// would make code of what we take for text, and text of our own code.
func (s *sanitizer) codeSpan() {
	rest := s.text[s.at:]
	n, size, open := spanAt(rest)
	if (open || size == len(rest)) && s.hold() {
		return
	}
	bar := size > 0 && strings.Contains(rest[n:size-n], "|")
	line, _, complete := strings.Cut(rest, "\n")
	if bar && !complete && s.hold() {
		return
	}
	// With a bar the code may be two cells of a table, and what follows no code.
	if size == 0 || bar && (linkStart.MatchString(line) || strings.Contains(line, "](")) {
		s.emit(strings.Repeat(standIn, n))
		s.at += n
		return
	}
	s.apart()
	s.take(n)
	for stop := s.at + size - 2*n; s.at < stop && !s.held; {
		if tag := strings.IndexByte(s.text[s.at:stop], '<'); bar && tag >= 0 {
			s.raw(tag)
			s.tag()
			continue
		}
		s.raw(stop - s.at)
	}
	if !s.held {
		s.take(n)
	}
}

// spanAt measures the code span at the beginning of text: its run of n
// backticks and its size in bytes, 0 if it has no end on the same line. It is
// open if the line may go on.
func spanAt(text string) (n, size int, open bool) {
	line, _, complete := strings.Cut(text, "\n")
	n = runOf(line, '`')
	for at := n; at < len(line); {
		if line[at] != '`' {
			at++
			continue
		}
		run := runOf(line[at:], '`')
		at += run
		if run == n {
			return n, at, false
		}
	}
	return n, 0, !complete
}

func runOf(text string, c byte) int {
	n := 0
	for n < len(text) && text[n] == c {
		n++
	}
	return n
}

// apart keeps what is in front from joining a run of backticks or escaping it.
func (s *sanitizer) apart() {
	if out := s.out.String(); strings.HasSuffix(out, "`") || strings.HasSuffix(out, "\\") {
		s.emit(wordJoiner)
	}
}

// escape is a backslash and what it escapes.
func (s *sanitizer) escape() {
	rest := s.text[s.at:]
	switch {
	case len(rest) == 1:
		if !s.hold() {
			s.take(1)
		}
	case rest[1] == '`':
		s.emit(standIn)
		s.at += 2
	case strings.IndexByte("[]!&\\", rest[1]) >= 0:
		s.take(2)
		if rest[1] != '\\' {
			s.emit(wordJoiner) // also where backslashes mean nothing
		}
	default:
		s.take(1)
	}
}

// Entities that stand for characters we look for.
var meaningfulEntity = regexp.MustCompile(`^&(?:#|(?:colon|sol|bsol|period|commat|num|excl|[lr]sqb|[lr]brack|[lr]par|grave|DiacriticalGrave|lowbar|vert|verbar|NewLine|Tab);)`)

var lessThanMention = regexp.MustCompile(`^&(?:lt|LT);[!@#]`)

func (s *sanitizer) entity() {
	rest := s.text[s.at:]
	if name := strings.TrimLeft(rest[1:], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"); (name == "" || name == ";") && len(rest) < 24 && s.hold() {
		return
	}
	switch {
	case meaningfulEntity.MatchString(rest):
		s.take(1)
		s.emit(wordJoiner)
	case lessThanMention.MatchString(rest):
		s.take(len("&lt;"))
		s.emit(wordJoiner)
	default:
		s.take(1)
	}
}
