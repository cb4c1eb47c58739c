package llmsim

import (
	"iter"
	"unicode"
	"unicode/utf8"
)

// delta is one piece of an answer.
type delta struct {
	kind deltaKind
	text string // of a toolDelta, the arguments
	tool int    // index into Script.ToolCalls
}

type deltaKind int

const (
	contentDelta deltaKind = iota
	reasoningDelta
	toolNameDelta
	toolDelta
)

// size is how many bytes of the delta are billed.
func (d delta) size() int { return len(d.text) }

// deltas yields the script's answer. When max_tokens of the request does not
// reach, it cuts the answer and sets the finish reason to "length".
func (p *player) deltas() iter.Seq[delta] {
	return func(yield func(delta) bool) {
		p.finish = p.script.FinishReason
		if p.finish == "" {
			p.finish = "stop"
			if len(p.script.ToolCalls) > 0 {
				p.finish = "tool_calls"
			}
		}
		limited := p.req.MaxTokens > 0
		left := 4 * p.req.MaxTokens
		for d := range p.script.deltas() {
			if limited && d.size() > left {
				p.finish = "length"
				if d.text = cutRunes(d.text, left); d.text != "" {
					yield(d)
				}
				return
			}
			left -= d.size()
			if !yield(d) {
				return
			}
		}
	}
}

// deltas yields everything the script says.
func (s Script) deltas() iter.Seq[delta] {
	return func(yield func(delta) bool) {
		text := func(kind deltaKind, pieces iter.Seq[string]) bool {
			for piece := range pieces {
				if !yield(delta{kind: kind, text: piece}) {
					return false
				}
			}
			return true
		}
		if s.Reasoning != "" {
			ok := true
			if s.ReasoningIn == ReasoningInline {
				ok = text(contentDelta, words("<think>\n"+s.Reasoning+"\n</think>\n\n"))
			} else {
				ok = text(reasoningDelta, words(s.Reasoning))
			}
			if !ok {
				return
			}
		}
		pieces := words(s.Text)
		if s.Deltas != nil {
			pieces = func(yield func(string) bool) {
				for _, d := range s.Deltas {
					if !yield(d) {
						return
					}
				}
			}
		}
		if !text(contentDelta, pieces) {
			return
		}
		for i, call := range s.ToolCalls {
			if !yield(delta{kind: toolNameDelta, tool: i}) {
				return
			}
			if !yield(delta{kind: toolDelta, tool: i, text: call.Arguments}) {
				return
			}
		}
	}
}

// longestWord is where a text without spaces, such as Chinese, is cut.
const longestWord = 16

// words cuts a text before each word, so that the space leads the piece as in
// real tokens. Put together, the pieces are the text.
func words(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(text) > 0 {
			n := wordEnd(text)
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

// wordEnd returns the length of the first piece: spaces, then anything else.
func wordEnd(text string) int {
	runes, inWord := 0, false
	for i, r := range text {
		space := unicode.IsSpace(r)
		if inWord && (space || runes == longestWord) {
			return i
		}
		if !space {
			inWord = true
			runes++
		}
	}
	return len(text)
}

// cutRunes returns the longest prefix of at most n bytes that ends no rune
// in the middle.
func cutRunes(s string, n int) string {
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:min(n, len(s))]
}
