package bot

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// linkHosts are the hosts that a model's text may link to: "example.com",
// "*.example.com" for everything below it, "*" for all.
type linkHosts []string

// CheckLinkHost says what is wrong with an entry of [ReplyOptions].LinkHosts.
func CheckLinkHost(host string) error {
	name := strings.TrimPrefix(host, "*.")
	if host == Everyone || hostName.MatchString(name) {
		return nil
	}
	hint := "want a name such as docs.example.com, *.example.com or *"
	if u, err := url.Parse(host); err == nil && hostName.MatchString(strings.ToLower(u.Hostname())) {
		hint = "want the host alone: " + strings.ToLower(u.Hostname())
	} else if lower := strings.ToLower(host); lower != host && CheckLinkHost(lower) == nil {
		hint = "want lower case: " + lower
	}
	return fmt.Errorf("link host %q: %s", host, hint)
}

func (h linkHosts) allows(host string) bool {
	host = strings.ToLower(host)
	for _, allowed := range h {
		below, wild := strings.CutPrefix(allowed, "*.")
		switch {
		case allowed == Everyone, allowed == host, wild && strings.HasSuffix(host, "."+below):
			return true
		}
	}
	return false
}

var (
	hostName = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$`)
	// safeURL leaves no two readers of different opinion: no user names, no
	// escapes in the host, nothing that Markdown or a browser takes for
	// something else.
	safeURL  = regexp.MustCompile(`^(?i:https?)://([A-Za-z0-9.-]+)(?::[0-9]{1,5})?(?:[/?#][A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]*)?$`)
	safeMail = regexp.MustCompile(`^(?i:mailto):[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+$`)
	// linkStart is where something begins that Slack may make a link of.
	linkStart = regexp.MustCompile(`(?i)https?://|www\.|(?://)?[\p{L}\p{N}-][\p{L}\p{N}.-]*\.\p{L}{2,}(?::[0-9]+)?[/?#]`)
	anyScheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`)
)

// clickable reports whether a link to dest may stand in a message.
func (h linkHosts) clickable(dest string) bool {
	m := safeURL.FindStringSubmatch(dest)
	if m == nil || len(dest) < len("http://w") {
		return false
	}
	// An address within an address: who redirects decides where it leads.
	rest := strings.ToLower(dest[len("http://w"):])
	return !strings.Contains(rest, "://") && !strings.Contains(rest, "www.") && h.allows(m[1])
}

// The longest label and destination that are taken for a link. What is longer
// is text.
const (
	maxLabel = 1000
	maxDest  = 2000
)

// image takes the sign away that makes an image of a link.
func (s *sanitizer) image() {
	rest := s.text[s.at:]
	switch {
	case len(rest) == 1 && s.hold():
	case len(rest) > 1 && rest[1] == '[':
		s.at++
		s.bracket(true)
		if s.held {
			s.at--
		}
	default:
		s.take(1)
	}
}

// inline is the text of a label: nothing in it can be clicked by itself.
func inline(text string) string {
	s := sanitizer{text: text, end: true}
	for s.at < len(text) {
		s.prose()
	}
	return s.out.String()
}

// bracket is a link, or a [ that begins none.
func (s *sanitizer) bracket(image bool) {
	l := parseLink(s.text[s.at:])
	if l.open && s.hold() {
		return
	}
	if l.size == 0 {
		if image {
			s.emit("!" + wordJoiner)
		}
		s.take(1)
		return
	}
	s.at += l.size
	label := strings.TrimSpace(inline(l.label))
	if label == "" && image {
		label = "image"
	}
	switch {
	case label != "" && (s.hosts.clickable(l.dest) || safeMail.MatchString(l.dest)):
		s.emit("[" + label + "](" + strings.NewReplacer("(", "%28", ")", "%29").Replace(l.dest) + ")")
	case strings.HasPrefix(l.dest, "#") && label != "":
		s.emit(label) // a place within a page that there is not
	case label == "" || strings.Trim(label, "`") == shownURL(l.dest):
		s.code(l.dest)
	default:
		s.emit(label + " (")
		s.code(l.dest)
		s.emit(")")
	}
}

// closing is a ] that ends no link. What could make one of it is kept apart.
func (s *sanitizer) closing() {
	rest := s.text[s.at:]
	if len(rest) == 1 && s.hold() {
		return
	}
	s.take(1)
	if len(rest) > 1 && strings.IndexByte("([:", rest[1]) >= 0 {
		s.emit(wordJoiner)
	}
}

// angle is <: an address in angle brackets, a tag or a plain sign.
func (s *sanitizer) angle() {
	rest := s.text[s.at:]
	i := strings.IndexAny(rest, "> \t\n")
	if i < 0 && len(rest) < maxDest && len(rest) > 1 && rest[1] != '<' && (anyScheme.MatchString(rest[1:]) || isScheme(rest[1:])) && s.hold() {
		return
	}
	if i > 0 && i < maxDest && rest[i] == '>' && anyScheme.MatchString(rest[1:]) && !strings.Contains(rest[1:i], "<") {
		dest, label, _ := strings.Cut(rest[1:i], "|") // Slack's own form has a label
		s.at += i + 1
		if label != "" {
			s.emit(inline(label) + " (")
			s.code(dest)
			s.emit(")")
		} else {
			s.address(dest)
		}
		return
	}
	s.tag()
}

// tag is a < that may begin a tag or a mention.
func (s *sanitizer) tag() {
	rest := s.text[s.at:]
	switch {
	case len(rest) < 3 && s.hold():
	case len(rest) > 1 && (isASCIIWord(rest[1]) || strings.IndexByte("/?!", rest[1]) >= 0):
		s.take(1)
		s.emit(wordJoiner)
	default:
		s.mention()
	}
}

func isScheme(text string) bool {
	for i := range len(text) {
		if !isASCIIWord(text[i]) && strings.IndexByte("+.-", text[i]) < 0 {
			return false
		}
	}
	return len(text) < 32
}

// address shows an address that stands for itself.
func (s *sanitizer) address(dest string) {
	if s.hosts.clickable(dest) {
		s.emit(dest)
		return
	}
	s.code(dest)
}

// code shows an address that nobody can click.
func (s *sanitizer) code(dest string) {
	s.apart()
	s.emit("`" + shownURL(dest) + "`")
}

// shownURL leaves out what could hide where an address leads.
func shownURL(dest string) string {
	dest = strings.Map(func(r rune) rune {
		switch {
		case r == '`', r == '|', r == '<', r == '>', unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, dest)
	if dest = strings.TrimSpace(dest); dest == "" {
		return "no address"
	}
	return dest
}

// word is a run of characters without a space: an address, perhaps with
// something in front of it, or a word.
func (s *sanitizer) word() {
	rest := s.text[s.at:]
	n := wordEnd(rest)
	if n == len(rest) && n < maxDest && s.hold() {
		return
	}
	word := rest[:n]
	i := addressIn(word, s.at > 0 && isASCIIWord(s.text[s.at-1]))
	if i < 0 {
		s.plain(word)
		return
	}
	// To some readers an address ends at white space only. It must not swallow
	// what comes behind it.
	behind := rest[n:max(n, min(len(rest), maxDest))]
	space := strings.IndexAny(behind, " \t\r\n<")
	if space < 0 {
		if len(rest) < maxDest && s.hold() {
			return
		}
		space = len(behind)
	}
	s.plain(word[:i])
	dest := trimAddress(word[i:])
	s.at += len(dest)
	if behind = word[i+len(dest):] + behind[:space]; strings.Trim(behind, ".,;:!?'\"*_~|)]}>") != "" {
		s.code(dest)
		return
	}
	s.address(dest)
}

var everybody = regexp.MustCompile(`(?i)([^a-z0-9]@)(channel|everyone|here)`)

// plain emits a word that is no address. A scheme that is none of the web's
// leads into other programs: it is broken.
func (s *sanitizer) plain(word string) {
	s.at += len(word)
	if strings.ContainsAny(word, ":@") {
		word = strings.ReplaceAll(word, "://", ":"+wordJoiner+"//")
		word = everybody.ReplaceAllString(word, "${1}"+wordJoiner+"${2}")
	}
	s.emit(word)
}

// Scripts that are written without spaces. Their characters are no part of a
// word here: a whole paragraph would be one.
var spaceless = []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar}

func isWord(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsDigit(r)) && (r < 0x0E00 || !unicode.In(r, spaceless...))
}

func isASCIIWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// wordEnd is how far the run at the beginning of text goes.
func wordEnd(text string) int {
	end := min(len(text), maxDest)
	for i, r := range text[:end] {
		switch {
		case r > unicode.MaxLatin1 && !isWord(r) && r != 0x2060, unicode.IsSpace(r), strings.ContainsRune("<>`\"|[]\\", r):
			return max(i, 1)
		}
	}
	return end
}

// addressIn returns where in word an address begins, or -1. within says that
// the word goes on one that was cut.
func addressIn(word string, within bool) int {
	if !strings.ContainsAny(word, ".:") {
		return -1 // most words, without the cost of the expression
	}
	for _, m := range linkStart.FindAllStringIndex(word, -1) {
		i := m[0]
		if i == 0 && !within || i > 0 && !isASCIIWord(word[i-1]) {
			return i
		}
	}
	return -1
}

// trimAddress leaves the punctuation behind an address to the sentence.
func trimAddress(dest string) string {
	for len(dest) > 1 {
		last := dest[len(dest)-1]
		switch {
		case strings.IndexByte(".,;:!?'*_~", last) >= 0:
		case last == ')' && strings.Count(dest, ")") > strings.Count(dest, "("):
		default:
			return dest
		}
		dest = dest[:len(dest)-1]
	}
	return dest
}

// link is an inline link: [label](dest "title"), on one line.
type link struct {
	label, dest string
	size        int  // in bytes; 0: it is none
	open        bool // more text would decide
}

// parseLink reads the link at the beginning of text, which is a [.
func parseLink(text string) link {
	end, open := labelEnd(text)
	if end == 0 {
		return link{open: open}
	}
	if end == len(text) {
		return link{open: true}
	}
	if text[end] != '(' {
		return link{}
	}
	dest, n, open := parseDest(text[end:])
	if n == 0 {
		return link{open: open}
	}
	return link{label: text[1 : end-1], dest: dest, size: end + n}
}

// labelEnd returns the index behind the ] that closes the [ at the beginning
// of text; 0 if none does.
func labelEnd(text string) (end int, open bool) {
	depth := 0
	for i := 0; i < len(text); i++ {
		if i > maxLabel {
			return 0, false
		}
		switch text[i] {
		case '\\':
			i++
		case '`':
			n, size, open := spanAt(text[i:])
			if open {
				return 0, true
			}
			i += max(n, size) - 1
		case '\n':
			return 0, false
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return i + 1, false
			}
		}
	}
	return 0, true
}

// parseDest reads (dest "title") at the beginning of text.
func parseDest(text string) (dest string, size int, open bool) {
	closing := 0
	depth := 0
	quote := byte(0)
	for i := 0; i < len(text) && closing == 0; i++ {
		c := text[i]
		switch {
		case i > maxDest:
			return "", 0, false
		case c == '\n':
			return "", 0, false
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && i > 0 && (text[i-1] == ' ' || text[i-1] == '\t'):
			quote = c
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				closing = i
			}
		}
	}
	if closing == 0 {
		return "", 0, true
	}
	inner := strings.TrimSpace(text[1:closing])
	if strings.HasPrefix(inner, "<") {
		if dest, _, ok := strings.Cut(inner[1:], ">"); ok {
			return dest, closing + 1, false
		}
	}
	if i := strings.IndexAny(inner, " \t"); i >= 0 {
		inner = inner[:i]
	}
	return inner, closing + 1, false
}
