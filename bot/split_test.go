package bot

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// sections cuts text into messages of limit bytes.
func sections(text string, limit int) (out []section) {
	for start := 0; start < len(text); {
		s := section{number: len(out), limit: limit, start: start, end: len(text)}
		if s.end-start > limit {
			s.end = start + cutAt(text[start:], limit, openFence(text[:start]))
		}
		out = append(out, s)
		start = s.end
	}
	return out
}

// Cutting a text into messages loses nothing, leaves each message within the
// limit and each code block whole.
func FuzzSplit(f *testing.F) {
	f.Add("para one\n\npara two\n\n```go\ncode\n```\nend", uint8(12))
	f.Add(strings.Repeat("é", 50), uint8(7))
	f.Add("~~~\n```\n~~~\n", uint8(4))
	f.Add("[a](b) [cc](dd) `e e e` :smile: 👩‍💻🇩🇪👍🏽", uint8(9))
	f.Add("| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\nend", uint8(30))
	f.Add("00\n\n0\n#00\n｣000000", uint8(7))
	f.Add("- ```\n  a\n  ```\n1. ~~~\n   ```\n   ~~~", uint8(9))
	f.Fuzz(func(t *testing.T, text string, n uint8) {
		if !utf8.ValidString(text) {
			return
		}
		limit := max(int(n), 8)
		var rebuilt strings.Builder
		for _, s := range sections(text, limit) {
			if s.end <= s.start || s.end-s.start > limit {
				t.Fatalf("cut [%d:%d] with limit %d", s.start, s.end, limit)
			}
			if !utf8.ValidString(text[s.start:s.end]) {
				t.Fatalf("a character was cut in two: %q", text[s.start:s.end])
			}
			if part := s.body(text, true, false); openFence(part) != "" {
				t.Errorf("message %q leaves the code block %q open", part, openFence(part))
			}
			rebuilt.WriteString(text[s.start:s.end])
		}
		if rebuilt.String() != text {
			t.Errorf("got %q back from %q", rebuilt.String(), text)
		}
	})
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		name  string
		text  string
		limit int
		want  string // the first message
	}{
		{"after a paragraph", "one two\n\nthree four five", 16, "one two\n\n"},
		{"after a line", "one two three\nfour five six", 16, "one two three\n"},
		{"after a word", "one two three four five", 16, "one two three "},
		{"in a long word", strings.Repeat("x", 40), 16, strings.Repeat("x", 16)},
		{"between characters", strings.Repeat("€", 10), 16, strings.Repeat("€", 5)},
		{"not within a link", "see this [long label](https://a.example) now", 30, "see this "},
		{"not within code", "and now `some longer code` here", 20, "and now "},
		{"not within an emoji", strings.Repeat("👩‍💻", 4), 16, "👩‍💻"},
		{"not between skin and hand", strings.Repeat("👍🏽", 4), 14, "👍🏽"},
		{"not within a flag", "🇩🇪🇫🇷🇮🇹", 13, "🇩🇪"},
		{"not within the name of an emoji", "aaaaaaaa:wave::wave:", 12, "aaaaaaaa"},
		{"not behind a heading", "text text text\n\n## Heading\n\nmore text that follows", 30, "text text text\n\n"},
		{"between rows of a table", "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n| 5 | 6 |\n", 45, "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n"},
		{"before a table", "some text here\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", 30, "some text here\n\n"},
		{"between lines of code", "```go\none()\ntwo()\nthree()\nfour()\n```\n", 25, "```go\none()\ntwo()\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.text[:cutAt(c.text, c.limit, "")]; got != c.want {
				t.Errorf("cut after %q, want after %q", got, c.want)
			}
		})
	}
}

func TestSectionBody(t *testing.T) {
	code := "```go file\none()\ntwo()\n```\nend"
	table := "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n"
	for _, c := range []struct {
		name string
		text string
		s    section
		more bool
		want string
	}{
		{"the only one", "text", section{end: 4}, false, "text"},
		{"the first of two", "one\n\ntwo", section{end: 5}, true, "one" + goesOn},
		{"the second of two", "one\n\ntwo", section{number: 1, start: 5, end: 8}, false, "_… continued, part 2_\n\ntwo"},
		{"code, first", code, section{end: 17}, true, "```go file\none()\n```" + goesOn},
		{"code, second", code, section{number: 1, start: 17, end: len(code)}, false, "_… continued, part 2_\n\n```go\ntwo()\n```\nend"},
		{"a blank line of code", "```py\none\n\ntwo\n```", section{number: 1, start: 10, end: 18}, false, "_… continued, part 2_\n\n```py\n\ntwo\n```"},
		{"code of a list item", "1. ```sh\n   one\n   ```\nend", section{end: 26}, false, "1. ```sh\n   one\n   ```\nend"},
		{"code of a list item, first", "1. ```sh\n   one\n   two\n   ```", section{end: 16}, true, "1. ```sh\n   one\n   ```" + goesOn},
		{"code of a deep list item, second", "    - ```sh\n      one\n        two\n      ```\n      end", section{number: 1, start: 22, end: 53}, false, "_… continued, part 2_\n\n```sh\n  two\n```\n      end"},
		{"table, second", table, section{number: 1, start: 30, end: 40}, false, "_… continued, part 2_\n\n" + table[:20] + table[30:]},
		{"behind a table", table + "\nend", section{number: 1, start: 41, end: 44}, false, "_… continued, part 2_\n\nend"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.s.limit = partLimit
			if got := c.s.body(c.text, true, c.more); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// No message of an answer is longer than Slack takes, its marks included, also
// when Slack takes less than we thought.
func TestSectionsFit(t *testing.T) {
	row := "| " + strings.Repeat("cell ", 20) + "| b |\n"
	wide := "| " + strings.Repeat("head ", 210) + "| b |\n"
	for name, text := range map[string]string{
		"words": strings.Repeat("word ", 8000),
		"code":  "```go\n" + strings.Repeat("some(code)\n", 3000) + "```\n",
		"table": row + "|---|---|\n" + strings.Repeat(row, 300),
		"wide":  wide + "|---|---|\n" + strings.Repeat(row, 300),
		"signs": strings.Repeat("好", 10_000),
	} {
		for _, limit := range []int{partLimit, partLimit / 8} {
			for start, number := 0, 0; start < len(text); number++ {
				s := section{number: number, limit: limit, start: start, end: len(text)}
				more := s.end-s.start > s.room(text)
				if more {
					s.end = start + cutAt(text[start:], s.room(text), openFence(text[:start]))
				}
				if body := s.body(text, true, more); len(body) > limit {
					t.Errorf("%s: message %d has %d bytes", name, number, len(body))
				}
				start = s.end
			}
		}
	}
}

// While an answer grows, only what looks right is shown.
func TestSettled(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"plain text ", "plain text "},
		{"some **bold te", "some "},
		{"some **bold** text", "some **bold** text"},
		{"some *it", "some "},
		{"some ~~str", "some "},
		{"some __x", "some "},
		{"2 * 3 and snake_case_name", "2 * 3 and snake_case_name"},
		{"**bold " + strings.Repeat("x", longestEmphasis), "**bold " + strings.Repeat("x", longestEmphasis)},
		{"text\n## ", "text\n"},
		{"text\n## Head", "text\n## Head"},
		{"text\n- ", "text\n"},
		{"text\n---", "text\n"},
		{"text\n| a | b", "text\n"},
		{"text\n| a | b |\n", "text\n"},
		{"text\n| a | b |\n|--", "text\n"},
		{"| a | b |\n|---|---|\n", "| a | b |\n|---|---|\n"},
		{"| a | b |\n|---|---|\n| 1 |", "| a | b |\n|---|---|\n"},
		{"a [link](https://a_b.example) x", "a [link](https://a_b.example) x"},
		{"nice :smi", "nice "},
		{"nice :smile: ", "nice :smile: "},
		{"at 10:30", "at 10:30"},
		{"```\n**open", "```\n**open"},
		{"`a*b` c", "`a*b` c"},
	} {
		if got := c.text[:settled(c.text)]; got != c.want {
			t.Errorf("of %q is shown %q, want %q", c.text, got, c.want)
		}
	}
}

// A table ends with its last row, whatever follows.
func TestTableEnds(t *testing.T) {
	const table = "| a | b |\n|---|---|\n| 1 | 2 |\n"
	for text, want := range map[string]bool{
		table: true, table + "| 3 | 4 |\n": true, "Text\n" + table: true,
		table + "\nText\n": false, table + " \nText\n": false, table + "## Heading\nText\n": false, table + "- item\n": false,
		"```\n" + table + "```\nText\n": false,
	} {
		if inTable(text) != want {
			t.Errorf("%q ends in a table: %v", text, !want)
		}
	}
}

func TestTablesAsCode(t *testing.T) {
	for in, want := range map[string]string{
		"a\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\nb": "a\n\n```\n| x | y |\n|---|---|\n| 1 | 2 |\n```\n\nb",
		"| x |\n|---|":             "```\n| x |\n|---|\n```\n",
		"```\n| x |\n|---|\n```\n": "```\n| x |\n|---|\n```\n",
		"a | b":                    "a | b",
	} {
		if got := tablesAsCode(in); got != want {
			t.Errorf("tablesAsCode(%q) = %q, want %q", in, got, want)
		}
	}
}
