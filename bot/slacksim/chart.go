package slacksim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of a chart, in characters or items.
// docs.slack.dev/reference/block-kit/blocks/data-visualization-block
const (
	chartType      = "data_visualization"
	maxChartTitle  = 50
	maxChartLabel  = 20
	maxAxisLabel   = 50
	maxChartSeries = 12 // and segments of a pie
	maxChartPoints = 20
)

type chartBlock struct {
	Title string `json:"title"`
	Chart *chart `json:"chart"`
}

type chart struct {
	Type     string        `json:"type"`
	Segments []chartPoint  `json:"segments"`
	Series   []chartSeries `json:"series"`
	Axis     *chartAxis    `json:"axis_config"`
}

type chartSeries struct {
	Name string       `json:"name"`
	Data []chartPoint `json:"data"`
}

type chartPoint struct {
	Label string   `json:"label"`
	Value *float64 `json:"value"`
}

type chartAxis struct {
	Categories []string `json:"categories"`
	XLabel     string   `json:"x_label"`
	YLabel     string   `json:"y_label"`
}

// chartProblem returns what Slack refuses in a chart and a JSON pointer to it,
// or "".
func chartProblem(raw json.RawMessage) (why, at string) {
	var b chartBlock
	if err := json.Unmarshal(raw, &b); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return "unexpected " + wrong.Value, "/" + strings.ReplaceAll(wrong.Field, ".", "/")
		}
		return err.Error(), ""
	}
	if why, at := labelProblem("title", b.Title, maxChartTitle); why != "" {
		return why, at
	}
	if b.Chart == nil {
		return "missing required field: chart", ""
	}
	switch b.Chart.Type {
	case "pie":
		why, at = b.Chart.pieProblem()
	case "bar", "area", "line":
		why, at = b.Chart.seriesProblem()
	case "":
		why = "missing required field: type"
	default:
		why, at = "unsupported type: "+b.Chart.Type, "/type"
	}
	return why, "/chart" + at
}

func labelProblem(name, text string, limit int) (why, at string) {
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return "missing required field: " + name, ""
	case n > limit:
		return tooLong(limit), "/" + name
	}
	return "", ""
}

func countProblem(name string, n, limit int) (why, at string) {
	if n < 1 || n > limit {
		return fmt.Sprintf("must have 1 to %d items", limit), "/" + name
	}
	return "", ""
}

func (c *chart) pieProblem() (why, at string) {
	if why, at := countProblem("segments", len(c.Segments), maxChartSeries); why != "" {
		return why, at
	}
	for i, s := range c.Segments {
		at := fmt.Sprintf("/segments/%d", i)
		if why, inside := s.problem(); why != "" {
			return why, at + inside
		}
		if *s.Value <= 0 {
			return "must be greater than 0", at + "/value"
		}
	}
	return "", ""
}

func (p chartPoint) problem() (why, at string) {
	if why, at := labelProblem("label", p.Label, maxChartLabel); why != "" {
		return why, at
	}
	if p.Value == nil {
		return "missing required field: value", ""
	}
	return "", ""
}

func (c *chart) seriesProblem() (why, at string) {
	if why, at := countProblem("series", len(c.Series), maxChartSeries); why != "" {
		return why, at
	}
	if c.Axis == nil {
		return "missing required field: axis_config", ""
	}
	if why, at := c.Axis.problem(); why != "" {
		return why, "/axis_config" + at
	}
	names := map[string]bool{}
	for i, s := range c.Series {
		at := fmt.Sprintf("/series/%d", i)
		if why, inside := s.problem(c.Axis.Categories); why != "" {
			return why, at + inside
		}
		if names[s.Name] {
			return fmt.Sprintf("series name %q is used twice", s.Name), at + "/name"
		}
		names[s.Name] = true
	}
	return "", ""
}

func (a *chartAxis) problem() (why, at string) {
	if why, at := countProblem("categories", len(a.Categories), maxChartPoints); why != "" {
		return why, at
	}
	for i, c := range a.Categories {
		at := fmt.Sprintf("/categories/%d", i)
		switch {
		case c == "":
			return "must be more than 0 characters", at
		case utf8.RuneCountInString(c) > maxChartLabel:
			return tooLong(maxChartLabel), at
		case slices.Contains(a.Categories[:i], c):
			return fmt.Sprintf("category %q is used twice", c), at
		}
	}
	switch {
	case utf8.RuneCountInString(a.XLabel) > maxAxisLabel:
		return tooLong(maxAxisLabel), "/x_label"
	case utf8.RuneCountInString(a.YLabel) > maxAxisLabel:
		return tooLong(maxAxisLabel), "/y_label"
	}
	return "", ""
}

// problem checks a series: it has one value for each category, in any order.
func (s chartSeries) problem(categories []string) (why, at string) {
	if why, at := labelProblem("name", s.Name, maxChartLabel); why != "" {
		return why, at
	}
	if why, at := countProblem("data", len(s.Data), maxChartPoints); why != "" {
		return why, at
	}
	seen := map[string]bool{}
	for i, p := range s.Data {
		at := fmt.Sprintf("/data/%d", i)
		if why, inside := p.problem(); why != "" {
			return why, at + inside
		}
		switch {
		case !slices.Contains(categories, p.Label):
			return fmt.Sprintf("label %q is not among the categories", p.Label), at + "/label"
		case seen[p.Label]:
			return fmt.Sprintf("label %q is used twice", p.Label), at + "/label"
		}
		seen[p.Label] = true
	}
	if len(seen) < len(categories) {
		return "must have a value for each category", "/data"
	}
	return "", ""
}

// SetCharts switches data_visualization blocks on or off. While they are off,
// messages with one are refused with invalid_blocks, as in a workspace that the
// roll-out of the block has not reached. Those that are there stay.
func (w *Workspace) SetCharts(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.charts != on {
		w.charts = on
		w.setControl("charts", on)
	}
}
