package openai

import "strings"

// thinkFilter parts <think>…</think>, which some servers leave in the content,
// from the answer. Tags may be cut anywhere between two deltas. Only a tag at
// the very start of the answer counts: later ones are text about tags.
type thinkFilter struct {
	state thinkState
	held  string
}

type thinkState uint8

const (
	thinkStart  thinkState = iota // nothing but white space and perhaps half a tag so far
	thinkInside                   // between the tags
	thinkAfter                    // white space after the closing tag is dropped
	thinkText                     // plain text from here on
)

const (
	thinkOpen  = "<think>"
	thinkClose = "</think>"
)

// feed takes a piece of content and returns what is text and what is
// reasoning. It may hold back a few bytes until more come.
func (f *thinkFilter) feed(s string) (text, reasoning string) {
	if f.state == thinkText {
		return s, ""
	}
	s = f.held + s
	f.held = ""
	for {
		switch f.state {
		case thinkStart:
			trimmed := strings.TrimLeft(s, " \t\r\n")
			if rest, ok := strings.CutPrefix(trimmed, thinkOpen); ok {
				f.state, s = thinkInside, rest
				continue
			}
			if strings.HasPrefix(thinkOpen, trimmed) {
				f.held = s
				return text, reasoning
			}
			f.state = thinkText
			return text + s, reasoning
		case thinkInside:
			if before, after, ok := strings.Cut(s, thinkClose); ok {
				reasoning += before
				f.state, s = thinkAfter, after
				continue
			}
			keep := overlap(s, thinkClose)
			f.held = s[len(s)-keep:]
			return text, reasoning + s[:len(s)-keep]
		case thinkAfter:
			s = strings.TrimLeft(s, " \t\r\n")
			if s == "" {
				return text, reasoning
			}
			f.state = thinkText
			return text + s, reasoning
		default:
			return text + s, reasoning
		}
	}
}

// flush returns what was held back when the stream ended.
func (f *thinkFilter) flush() (text, reasoning string) {
	held := f.held
	f.held = ""
	if f.state == thinkInside {
		return "", held
	}
	return held, ""
}

// overlap is the length of the longest end of s that begins tag.
func overlap(s, tag string) int {
	for n := min(len(s), len(tag)-1); n > 0; n-- {
		if strings.HasPrefix(tag, s[len(s)-n:]) {
			return n
		}
	}
	return 0
}
