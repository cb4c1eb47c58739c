package slacksim

import (
	"regexp"
	"strings"
)

var (
	codeFence = regexp.MustCompile("^ {0,3}(`{3,}|~{3,})(.*)$")
	ruleCell  = regexp.MustCompile(`^[ \t]*:?-+:?[ \t]*$`)
)

// markdownTables counts the tables of a text in GitHub's Markdown: a line of
// cells over a rule of as many, outside code. docs.slack.dev does not say that
// they count as table blocks, see [Options].OneTable.
func markdownTables(text string) (n int) {
	fence, head, inTable := "", "", false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if m := codeFence.FindStringSubmatch(line); m != nil {
			switch {
			case fence == "":
				fence = m[1]
			case strings.HasPrefix(m[1], fence) && strings.TrimSpace(m[2]) == "":
				fence = ""
			}
			head, inTable = "", false
			continue
		}
		switch {
		case fence != "":
		case strings.TrimSpace(line) == "":
			head, inTable = "", false
		case inTable: // any line is a row, a rule too
		case head != "" && isRule(line) && len(cells(head)) == len(cells(line)):
			n++
			inTable = true
		case strings.HasPrefix(line, "    "):
			head = ""
		default:
			head = line
		}
	}
	return n
}

// isRule recognises the line under a table's head, such as |---|:-:|.
func isRule(line string) bool {
	for _, c := range cells(line) {
		if !ruleCell.MatchString(c) {
			return false
		}
	}
	return strings.Contains(line, "|")
}

// cells splits a line of a table. Bars at its ends and escaped ones part nothing.
func cells(line string) []string {
	line = strings.ReplaceAll(strings.TrimSpace(line), `\|`, " ")
	line = strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|")
	return strings.Split(line, "|")
}
