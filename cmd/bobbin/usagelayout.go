package main

import (
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// textTable is a table for people.
type textTable struct {
	columns []textColumn
	rows    [][]string
}

type textColumn struct {
	head string
	left bool // the side its text is on
	drop int  // if the table is too wide, the lowest goes first; 0 stays
}

func (t *textTable) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t textTable) widths() (each []int, all int) {
	each = make([]int, len(t.columns))
	for i, c := range t.columns {
		each[i] = utf8.RuneCountInString(c.head)
		for _, row := range t.rows {
			each[i] = max(each[i], utf8.RuneCountInString(row[i]))
		}
		all += each[i] + 2
	}
	return each, max(all-2, 0)
}

// fit returns the table without as many columns as make it as narrow as width, as
// far as it can be, and the room that is left. 0 is no limit.
func (t textTable) fit(width int) (fitting textTable, room int) {
	for {
		_, all := t.widths()
		victim := -1
		for i, c := range t.columns {
			if c.drop > 0 && (victim < 0 || c.drop < t.columns[victim].drop) {
				victim = i
			}
		}
		if width == 0 || all <= width || victim < 0 {
			return t, max(width-all, 0)
		}
		t = t.without(victim)
	}
}

func (t textTable) without(column int) textTable {
	less := textTable{columns: slices.Delete(slices.Clone(t.columns), column, column+1)}
	for _, row := range t.rows {
		less.row(slices.Delete(slices.Clone(row), column, column+1)...)
	}
	return less
}

func (t textTable) has(head string) bool {
	return slices.ContainsFunc(t.columns, func(c textColumn) bool { return c.head == head })
}

func (t textTable) String() string {
	widths, _ := t.widths()
	heads := make([]string, len(t.columns))
	for i, c := range t.columns {
		heads[i] = c.head
	}
	var b strings.Builder
	for _, row := range append([][]string{heads}, t.rows...) {
		line := ""
		for i, cell := range row {
			if i > 0 {
				line += "  "
			}
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if t.columns[i].left {
				line += cell + pad
			} else {
				line += pad + cell
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// terminalWidth is 0 if w is no terminal: who reads it then may want everything.
func terminalWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return width
		}
	}
	return 0
}

// barText is exact to an eighth of a character. What is not nothing is seen.
func barText(value, most int64, width int) string {
	if value <= 0 || most <= 0 {
		return ""
	}
	eighths := max(int(math.Round(float64(value)/float64(most)*float64(8*width))), 1)
	bar := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		bar += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return bar
}
