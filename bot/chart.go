package bot

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/storage"
)

// Limits of Slack's charts
// (docs.slack.dev/reference/block-kit/blocks/data-visualization-block).
const (
	chartPoints = 20
	chartSeries = 6
	chartLabel  = 20 // characters
)

// series are a value for each of a few providers, over spans of days.
type series struct {
	money  bool // values are nano-USD, else tokens
	labels []string
	names  []string
	values map[string][]int64 // by name, a value for each label
	sums   []int64            // of all names
}

// usageSeries adds totals up by provider and day, or by spans of days if there are
// more than a chart takes. It counts money if all prices are known.
func usageSeries(totals []storage.UsageTotal, first, last storage.Day) series {
	all := storage.Sum(totals)
	s := series{money: all.UnpricedCalls == 0 && all.CostNanoUSD > 0, values: map[string][]int64{}}
	days := int(last-first) + 1
	span := (days + chartPoints - 1) / chartPoints
	for from := first; from <= last; from += storage.Day(span) {
		label := from.Time().Format("2 Jan")
		if to := min(from+storage.Day(span)-1, last); to > from {
			label = fmt.Sprintf("%d–%s", from.Time().Day(), to.Time().Format("2 Jan"))
		}
		s.labels = append(s.labels, label)
	}
	s.sums = make([]int64, len(s.labels))
	for _, t := range totals {
		value := t.Tokens()
		if s.money {
			value = t.CostNanoUSD
		}
		if s.values[t.Provider] == nil {
			s.values[t.Provider] = make([]int64, len(s.labels))
		}
		at := min(max(int(t.Day-first)/span, 0), len(s.labels)-1)
		s.values[t.Provider][at] += value
		s.sums[at] += value
	}
	sum := func(values []int64) (n int64) {
		for _, v := range values {
			n += v
		}
		return n
	}
	s.names = slices.SortedFunc(maps.Keys(s.values), func(a, b string) int {
		return cmp.Or(cmp.Compare(sum(s.values[b]), sum(s.values[a])), cmp.Compare(a, b))
	})
	return s
}

// usageChart draws usage day by day: as Slack's chart, and as text for where it
// has none.
func usageChart(u usage) (*slack.DataVisualizationBlock, string) {
	first, last, _ := UsageDays(u.args.period, u.now)
	s := usageSeries(u.totals, first, min(last, storage.DayOf(u.now)))
	return s.chart(), s.bars()
}

func (s series) title() string {
	if s.money {
		return "Cost by day, USD"
	}
	return "Tokens by day"
}

func (s series) number(v int64) float64 {
	if s.money {
		return float64(v/1000) / 1e6 // micro-dollars say enough
	}
	return float64(v)
}

// chart is nil if there is nothing to compare.
func (s series) chart() *slack.DataVisualizationBlock {
	if len(s.labels) < 2 || len(s.names) == 0 {
		return nil
	}
	var list []slack.DataVisualizationDataSeries
	taken := map[string]bool{}
	add := func(name string, values []int64) {
		runes := []rune(cmp.Or(name, "unknown"))
		name = string(runes[:min(len(runes), chartLabel)])
		for n := 2; taken[name]; n++ { // names that are cut may be the same
			name = fmt.Sprintf("%s %d", string(runes[:min(len(runes), chartLabel-3)]), n)
		}
		taken[name] = true
		points := make([]slack.DataVisualizationDataPoint, len(values))
		for i, v := range values {
			points[i] = slack.NewDataVisualizationDataPoint(s.labels[i], s.number(v))
		}
		list = append(list, slack.NewDataVisualizationDataSeries(name, points...))
	}
	shown := s.names
	if len(shown) > chartSeries {
		shown = shown[:chartSeries-1]
	}
	for _, name := range shown {
		add(name, s.values[name])
	}
	if rest := s.names[len(shown):]; len(rest) > 0 {
		values := make([]int64, len(s.labels))
		for _, name := range rest {
			for i, v := range s.values[name] {
				values[i] += v
			}
		}
		add("others", values)
	}
	return slack.NewDataVisualizationBlock(s.title(), slack.NewDataVisualizationBarChart(
		slack.NewDataVisualizationAxisConfig(s.labels...), list...))
}

// barWidth keeps a line within a phone.
const barWidth = 14

// bars is the chart as text.
func (s series) bars() string {
	if len(s.labels) < 2 {
		return ""
	}
	most := slices.Max(s.sums)
	var cells [][]string
	for i, v := range s.sums {
		value := thousands(v)
		if s.money {
			value = usd(v)
		}
		drawn := strings.ReplaceAll(bar(float64(v), float64(most), barWidth), "░", " ")
		cells = append(cells, []string{s.labels[i], drawn, value})
	}
	return s.title() + "\n" + table(cells)
}
