package slacksim

import (
	"slices"
	"strings"
)

// typed turns what a person types into Slack's wire form: "@bobbin" becomes a
// mention, and &, < and > are escaped unless they already belong to an entity
// or a control sequence. docs.slack.dev/messaging/formatting-message-text
func (w *Workspace) typed(text string) string {
	return mentionNames(escapeTyped(text), w.opt.Bot)
}

func escapeTyped(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		switch c := text[i]; {
		case c == '&' && !hasAnyPrefix(rest, "&amp;", "&lt;", "&gt;"):
			b.WriteString("&amp;")
		case c == '<':
			end := strings.IndexAny(rest[1:], "<>\n")
			if end > 0 && rest[1+end] == '>' && hasAnyPrefix(rest[1:], "@", "#", "!", "http://", "https://", "mailto:") {
				b.WriteString(rest[:end+2])
				i += end + 1
				continue
			}
			b.WriteString("&lt;")
		case c == '>':
			b.WriteString("&gt;")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

func mentionNames(text string, bot Person) string {
	name := "@" + strings.ToLower(bot.Name)
	lower := strings.ToLower(text)
	if len(lower) != len(text) { // a rare letter that changes its length
		lower = text
	}
	var b strings.Builder
	for {
		i := strings.Index(lower, name)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		end := i + len(name)
		b.WriteString(text[:i])
		if (i > 0 && (wordByte(lower[i-1]) || lower[i-1] == '<')) || (end < len(lower) && wordByte(lower[end])) {
			b.WriteString(text[i:end])
		} else {
			b.WriteString("<@" + bot.ID + ">")
		}
		text, lower = text[end:], lower[end:]
	}
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
