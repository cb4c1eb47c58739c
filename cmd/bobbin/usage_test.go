package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

func TestUsagePeriods(t *testing.T) {
	// Ten minutes into the first of March, in a place where it is still February.
	now := time.Date(2024, 2, 29, 19, 10, 0, 0, time.FixedZone("", -5*3600))
	for _, c := range []struct {
		o        usageOptions
		from, to string
	}{
		{usageOptions{}, "2024-03-01", "2024-03-31"},
		{usageOptions{period: "month"}, "2024-03-01", "2024-03-31"},
		{usageOptions{period: "today"}, "2024-03-01", "2024-03-01"},
		{usageOptions{period: "week"}, "2024-02-24", "2024-03-01"},
		{usageOptions{period: "last-month"}, "2024-02-01", "2024-02-29"},
		{usageOptions{period: "year"}, "2023-04-01", "2024-03-31"},
		{usageOptions{since: "2024-02-29"}, "2024-02-29", ""},
		{usageOptions{until: "2024-02-29"}, "", "2024-02-29"},
		{usageOptions{since: "2024-02-29", until: "2024-02-29"}, "2024-02-29", "2024-02-29"},
	} {
		c.o.by = "day"
		q, err := c.o.query(now)
		day := func(d storage.Day) string {
			if d == 0 {
				return ""
			}
			return d.String()
		}
		if err != nil || day(q.From) != c.from || day(q.To) != c.to {
			t.Errorf("%+v: %s to %s, %v, want %s to %s", c.o, day(q.From), day(q.To), err, c.from, c.to)
		}
	}
}

func TestUsageDimensions(t *testing.T) {
	for by, want := range map[string]storage.Dimension{
		"provider,model": storage.ByProvider | storage.ByModel, "day, user ,day": storage.ByDay | storage.ByUser,
		"model,provider,channel,user,day": storage.ByAll, "": 0, "day,": 0, "Day": 0, "team": 0,
	} {
		o := usageOptions{by: by}
		if q, err := o.query(time.Now()); (err != nil) != (want == 0) || err == nil && q.By != want {
			t.Errorf("--by %q: %b, %v, want %b", by, q.By, err, want)
		}
	}
}

func TestUsageMistakes(t *testing.T) {
	valid := func(change func(*usageOptions)) usageOptions {
		o := usageOptions{by: "provider,model", format: "table"}
		change(&o)
		return o
	}
	for _, c := range []struct {
		o     usageOptions
		given string // flags
		want  string // "" is no mistake
	}{
		{valid(func(o *usageOptions) {}), "", ""},
		{valid(func(o *usageOptions) { o.calls = true }), "", ""},
		{valid(func(o *usageOptions) { o.user, o.channel, o.sort, o.top = "U0ANN", "D0ANN", "first-token", 3 }), "sort", ""},
		{valid(func(o *usageOptions) { o.since = "2026-02-30" }), "", `--since "2026-02-30": want a day such as 2026-11-23`},
		{valid(func(o *usageOptions) { o.until = "1969-12-31" }), "", `--until "1969-12-31": want a day`},
		{valid(func(o *usageOptions) { o.until = "1970-01-01" }), "", `--until "1970-01-01": want a day`},
		{valid(func(o *usageOptions) { o.since, o.until = "2026-02-02", "2026-02-01" }), "", "swap them"},
		{valid(func(o *usageOptions) { o.user = "ann" }), "", "want a member's id such as U0123ABCD"},
		{valid(func(o *usageOptions) { o.channel = "#general" }), "", "want a channel's id such as C0123ABCD"},
		{valid(func(o *usageOptions) { o.calls, o.compare = true, true }), "", "want one of them"},
		{valid(func(o *usageOptions) { o.calls = true }), "by", "leave out --by and --sort"},
		{valid(func(o *usageOptions) { o.calls = true }), "format", "--calls has no table: want --format csv or json"},
		{valid(func(o *usageOptions) { o.compare = true }), "sort", "leave out --by and --sort"},
	} {
		_, err := c.o.query(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
		if err == nil {
			err = c.o.check(func(flag string) bool { return flag == c.given })
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v with --%s: %v, want %q", c.o, c.given, err, c.want)
		}
	}
}

// usageSample is one total of each kind there is.
func usageSample() []storage.UsageTotal {
	price := &storage.Price{Input: 420_000_000, CachedInput: 42_000_000, Output: 420_000_000}
	row := storage.UsageRow{InputTokens: 12_345, CachedInputTokens: 2_000, OutputTokens: 678, Outcome: storage.OutcomeOK,
		FirstToken: 400 * time.Millisecond, Duration: 4 * time.Second, Price: price, CostNanoUSD: 4_710_000}
	total := func(user string, change func(*storage.UsageRow)) storage.UsageTotal {
		t := storage.UsageTotal{Day: 20000, UserID: user, Provider: "gateway", Model: "step-2-chat"}
		for range 3 {
			r := row
			change(&r)
			t.Add(r)
		}
		return t
	}
	unknown := func(r *storage.UsageRow) { r.Price, r.CostNanoUSD = nil, 0 }
	partly := total("U3PART", func(*storage.UsageRow) {})
	more := total("", unknown)
	partly.Merge(&more, 1)
	return []storage.UsageTotal{
		total("U1PLAIN", func(r *storage.UsageRow) { r.Fallback = true }),
		total("U2DEAR", func(r *storage.UsageRow) { r.CostNanoUSD *= 1000; r.FirstToken = 3 * time.Second }),
		partly,
		total("U4NOPRICE", unknown),
		total("U5FAILS", func(r *storage.UsageRow) { *r = storage.UsageRow{Outcome: "server"} }),
		total("U6GUESS", func(r *storage.UsageRow) { r.Estimated = true }),
		total("", func(r *storage.UsageRow) { r.FirstToken = 0 }),
	}
}

func TestUsageTable(t *testing.T) {
	totals := usageSample()
	all := storage.Sum(totals)
	got := totalsTable(storage.UsageQuery{By: storage.ByUser, Provider: "gateway", From: 20000, To: 20000}, totals, &all, 2, "cost", 0)
	want := `usage to gateway on 2024-10-04 (UTC)

user       answers  calls  failed  fallback      in  cached     out              cost  first   p95  whole
U1PLAIN          3      3       0    100.0%   37.0k   6,000   2,034             $0.01   0.4s  0.4s   4.3s
U2DEAR           3      3       0         -   37.0k   6,000   2,034            $14.13   3.0s  3.6s   4.3s
U3PART           6      6       0         -   74.1k   12.0k   4,068   $0.01 + unknown   0.4s  0.4s   4.3s
U4NOPRICE        3      3       0         -   37.0k   6,000   2,034           unknown   0.4s  0.4s   4.3s
U5FAILS          0      3       3         -       0       0       0             $0.00      -     -      -
U6GUESS          3      3       0         -  ~37.0k   6,000  ~2,034             $0.01   0.4s  0.4s   4.3s
-                3      3       0         -   37.0k   6,000   2,034             $0.01      -     -   4.3s
all             21     24       3     14.3%   ~259k   42.0k  ~14.2k  $14.19 + unknown   0.4s  3.3s   4.3s

first, p95: until the first text, median and 95th percentile; whole: until the last, median
and 2 more; "all" counts them
~: the tokens of 3 calls are estimates
`
	if got != want {
		t.Errorf("table:\n%s\nwant:\n%s", got, want)
	}
}

// A terminal gets what it has room for, and bars.
func TestUsageTableFits(t *testing.T) {
	totals := usageSample()[:2]
	all := storage.Sum(totals)
	for _, by := range []storage.Dimension{storage.ByDay, storage.ByUser, storage.ByProvider | storage.ByModel, storage.ByDay | storage.ByUser} {
		for width := 50; width <= 140; width++ {
			text := totalsTable(storage.UsageQuery{By: by}, totals, &all, 0, "cost", width)
			table := strings.Split(text, "\n\n")[1]
			for line := range strings.Lines(table) {
				if n := len([]rune(strings.TrimRight(line, "\n"))); n > width {
					t.Fatalf("by %b, %d columns: a line of %d:\n%s", by, width, n, text)
				}
			}
			if !strings.Contains(table, "cost") || !strings.Contains(table, "answers") {
				t.Fatalf("by %b, %d columns: the most important ones are not there:\n%s", by, width, text)
			}
			if bars := strings.Contains(table, "█"); bars != strings.Contains(text, "\nbars: cost\n") || width >= 120 && !bars {
				t.Fatalf("by %b, %d columns: bars %v:\n%s", by, width, bars, text)
			}
		}
	}
	wide := totalsTable(storage.UsageQuery{By: storage.ByUser}, totals, &all, 0, "cost", 200)
	if !strings.Contains(wide, " "+strings.Repeat("█", mostBar)+"\n") || !strings.Contains(wide, "whole") {
		t.Errorf("a wide terminal:\n%s", wide)
	}
	for value, want := range map[int64]string{0: "", 1: "▏", 50: "██", 63: "██▌", 100: "████"} {
		if got := barText(value, 100, 4); got != want {
			t.Errorf("bar of %d: %q, want %q", value, got, want)
		}
	}
}

func TestUsageOrder(t *testing.T) {
	for by, want := range map[string]string{
		"cost":        "U2DEAR U3PART U1PLAIN U6GUESS - U4NOPRICE U5FAILS",
		"tokens":      "U3PART U1PLAIN U2DEAR U4NOPRICE U6GUESS - U5FAILS",
		"calls":       "U3PART U1PLAIN U2DEAR U4NOPRICE U6GUESS - U5FAILS",
		"first-token": "U2DEAR U3PART U1PLAIN U4NOPRICE U6GUESS - U5FAILS",
		"name":        "U1PLAIN U2DEAR U3PART U4NOPRICE U5FAILS U6GUESS -",
	} {
		totals := usageSample()
		sortTotals(totals, by)
		var got []string
		for _, total := range totals {
			got = append(got, map[bool]string{true: "-", false: total.UserID}[total.UserID == ""])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("--sort %s: %v, want %s", by, got, want)
		}
	}
}

// What is not known is empty in a CSV and null in JSON, and never 0.
func TestUsageUnknownCost(t *testing.T) {
	cost := slices.Index(totalColumns, "cost_nano_usd")
	for user, want := range map[string][2]string{
		"U1PLAIN": {"14130000", "0.014130000"}, "U3PART": {"14130000", "0.014130000"}, "U4NOPRICE": {"", ""}, "U5FAILS": {"0", "0.000000000"},
	} {
		totals := usageSample()
		total := &totals[slices.IndexFunc(totals, func(t storage.UsageTotal) bool { return t.UserID == user })]
		if f := totalFields(total); len(f) != len(totalColumns) || f[cost] != want[0] || f[cost+1] != want[1] {
			t.Errorf("CSV of %s: %q, want the cost %q", user, f, want)
		}
		text, err := json.Marshal(jsonTotal(storage.ByUser, total))
		number := map[bool]string{true: "null", false: want[0]}[want[0] == ""]
		if err != nil || !strings.Contains(string(text), `"cost_nano_usd":`+number+`,`) {
			t.Errorf("JSON of %s: %s, %v, want the cost %s", user, text, err, number)
		}
	}
}

// A name that a spreadsheet would calculate is text in it; what is in it stays.
func TestUsageFormulas(t *testing.T) {
	for field, guarded := range map[string]bool{
		"=1+1": true, "+1": true, "@SUM(A1)": true, "\tx": true, "\r=x": true, "\n=x": true, "-cmd|' /C calc'!A0": true,
		"-2+3+cmd|' /C calc'!A0": true, "-": true, "＝1+1": true,
		"-5": false, "-0.000000001": false, "5": false, "": false, "step-2-chat": false, "a=b": false, "Zoë, \"the\nlast\"": false,
	} {
		var out bytes.Buffer
		if err := writeCSV(&out, []string{"name", "n"}, slices.Values([][]string{{field, "1"}})); err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(records) != 2 {
			t.Errorf("%q: %q, %v", field, records, err)
			continue
		}
		want := field
		if guarded {
			want = "'" + want
		}
		if got := records[1][0]; got != want {
			t.Errorf("%q became %q, want %q", field, got, want)
		}
	}
}

func TestCompact(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 9_999: "9,999", 10_000: "10.0k", 12_345: "12.3k", 99_949: "99.9k", 99_950: "100k", 999_499: "999k", 999_500: "1.00M",
		1_234_567: "1.23M", 9_995_000: "10.0M", 12_345_678: "12.3M", 999_500_000: "1.00G", 7e12: "7.00T", 7e15: "7000T",
	} {
		if got := compact(n); got != want {
			t.Errorf("compact(%d) = %q, want %q", n, got, want)
		}
	}
}
