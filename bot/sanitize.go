package bot

import "strings"

// wordJoiner is invisible and breaks Slack's control sequences.
const wordJoiner = "\u2060"

// sanitize makes a model's text harmless: what Slack would read as a mention of
// a person, a channel or everybody becomes plain text. Slack resolves
// <!channel> and <@U…> even in markdown, and offers no switch against it.
//
// With end false, text is the beginning of more: a tail that might become a
// control sequence is held back, so that the result for a longer text always
// begins with the result for a shorter one.
func sanitize(text string, end bool) string {
	if !strings.Contains(text, "<") {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + 16)
	for {
		i := strings.IndexByte(text, '<')
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:i])
		text = text[i:]
		if !end && len(text) < 3 && undecided(text) {
			return b.String()
		}
		b.WriteByte('<')
		if controls(text) {
			b.WriteString(wordJoiner)
		}
		text = text[1:]
	}
}

// controls reports whether text begins a control sequence: <!here>, <@U…>,
// <#C…>. HTML comments and doctypes do not, and stay as they are.
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

// undecided reports whether a text of one or two bytes may grow into a control
// sequence.
func undecided(text string) bool {
	return len(text) == 1 || strings.IndexByte("!@#", text[1]) >= 0
}
