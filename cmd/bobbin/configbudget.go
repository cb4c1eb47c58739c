package main

import (
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
)

func (c budgetConfig) check(m *mistakes) {
	for _, b := range []struct {
		key    string
		usd    float64
		tokens int64
	}{
		{"user_daily", c.UserDailyUSD, c.UserDailyTokens},
		{"user_monthly", c.UserMonthlyUSD, c.UserMonthlyTokens},
		{"channel_daily", c.ChannelDailyUSD, c.ChannelDailyTokens},
		{"channel_monthly", c.ChannelMonthlyUSD, c.ChannelMonthlyTokens},
		{"workspace_daily", c.WorkspaceDailyUSD, c.WorkspaceDailyTokens},
		{"workspace_monthly", c.WorkspaceMonthlyUSD, c.WorkspaceMonthlyTokens},
	} {
		if !(b.usd >= 0 && b.usd < 1e9) {
			m.add("budget."+b.key+"_usd", "%v: want 0 (no limit) or more", b.usd)
		}
		if b.tokens < 0 {
			m.add("budget."+b.key+"_tokens", "%d: want 0 (no limit) or more", b.tokens)
		}
	}
}

// money reports whether a limit counts money, for which prices must be known.
func (c budgetConfig) money() bool {
	return c.UserDailyUSD > 0 || c.UserMonthlyUSD > 0 || c.ChannelDailyUSD > 0 || c.ChannelMonthlyUSD > 0 ||
		c.WorkspaceDailyUSD > 0 || c.WorkspaceMonthlyUSD > 0
}

func (c budgetConfig) budget() bot.Budget {
	limits := func(dailyUSD float64, dailyTokens int64, monthlyUSD float64, monthlyTokens int64) bot.Limits {
		return bot.Limits{
			DailyNanoUSD: nanoUSD(dailyUSD), DailyTokens: dailyTokens,
			MonthlyNanoUSD: nanoUSD(monthlyUSD), MonthlyTokens: monthlyTokens,
		}
	}
	return bot.Budget{
		User:      limits(c.UserDailyUSD, c.UserDailyTokens, c.UserMonthlyUSD, c.UserMonthlyTokens),
		Channel:   limits(c.ChannelDailyUSD, c.ChannelDailyTokens, c.ChannelMonthlyUSD, c.ChannelMonthlyTokens),
		Workspace: limits(c.WorkspaceDailyUSD, c.WorkspaceDailyTokens, c.WorkspaceMonthlyUSD, c.WorkspaceMonthlyTokens),
	}
}

func (c reportConfig) check(m *mistakes) {
	if c.Channel != "" && !isChannelID(c.Channel) {
		m.add("report.channel", "%q: %s", c.Channel, wantChannelID)
	}
	if _, ok := c.weekday(); !ok {
		m.add("report.weekday", "%q: want a day of the week such as monday", c.Weekday)
	}
	if _, err := time.Parse("15:04", c.At); err != nil {
		m.add("report.at", "%q: want a time such as \"09:00\", in quotes", c.At)
	}
}

func (c reportConfig) weekday() (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(d.String(), c.Weekday) {
			return d, true
		}
	}
	return 0, false
}

// report is in the machine's own time, as the backup's.
func (c reportConfig) report() bot.Report {
	day, _ := c.weekday() // checked with the configuration
	at, _ := time.Parse("15:04", c.At)
	return bot.Report{ChannelID: c.Channel, Weekday: day, At: time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, Location: time.Local}
}
