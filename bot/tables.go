package bot

import "strings"

// refusesTables reports whether a refusal may be about tables. Slack takes one
// table block a message (docs.slack.dev/reference/block-kit/blocks/table-block)
// and does not say how many tables a markdown block may hold.
func refusesTables(code string) bool {
	switch code {
	case "invalid_blocks", "invalid_attachments", "only_one_table_allowed", "invalid_blocks_format":
		return true
	}
	return false
}

// tablesAsCode shows the tables of a message in fixed-width characters, as
// Markdown writes them.
func tablesAsCode(text string) string {
	var out strings.Builder
	lines := strings.SplitAfter(text, "\n")
	fence := ""
	for i := 0; i < len(lines); i++ {
		if fence == "" && i+1 < len(lines) && isTableHead(lines[i], lines[i+1]) {
			out.WriteString("```\n")
			for ; i < len(lines) && strings.TrimSpace(lines[i]) != ""; i++ {
				out.WriteString(strings.TrimRight(lines[i], "\n") + "\n")
			}
			out.WriteString("```\n")
			i--
			continue
		}
		fence = fenceAfter(fence, lines[i])
		out.WriteString(lines[i])
	}
	return out.String()
}

// isTableHead reports whether two lines begin a table.
func isTableHead(head, below string) bool {
	below = strings.TrimSuffix(below, "\n")
	return strings.Contains(below, "|") && strings.Contains(head, "|") && delimiters.MatchString(below)
}
