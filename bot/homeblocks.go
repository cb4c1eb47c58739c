package bot

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/storage"
)

// Action ids of the App Home.
const (
	actionHomeRefresh = "bobbin_home_refresh"
	actionHomeForget  = "bobbin_home_forget" // its value is channel:thread ts
	actionHomeOpen    = "bobbin_home_open"   // a link; the click needs no answer
)

// homeBlocks are the view of one person. What cannot be read is said: a Home that
// stays as it was would show old figures as new ones.
func (b *Bot) homeBlocks(ctx context.Context, userID string, now time.Time) []slack.Block {
	if no := b.o.Access.authorize(actor{UserID: userID, Direct: true}); no != allowed {
		return paragraphs(string(no))
	}
	h, err := b.readHome(ctx, userID, now)
	if err != nil {
		b.log.Error("App Home not read", "err", b.storeError(err))
		return paragraphs("I cannot read my records right now. Please come back in a moment.")
	}
	blocks := homeUsage(h)
	blocks = append(blocks, b.homeProviders(now)...)
	blocks = append(blocks, b.homeConversations(h)...)
	blocks = append(blocks, b.homeModel()...)
	if h.workspace != nil {
		blocks = append(blocks, b.homeWorkspace(h)...)
	}
	return append(blocks, slack.NewDividerBlock(),
		slack.NewActionBlock("", button(actionHomeRefresh, "refresh", "Refresh")),
		note("As of "+slackDate(now)+". Days and months are counted in UTC."))
}

func header(text string) slack.Block {
	return slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, text, false, false))
}

func note(mrkdwn string) slack.Block {
	return slack.NewContextBlock("", slack.NewTextBlockObject(slack.MarkdownType, clip(mrkdwn, sectionLimit), false, false))
}

// slackDate shows a moment in the reader's own time zone.
func slackDate(at time.Time) string {
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s>", at.Unix(), at.UTC().Format("2 January 15:04 MST"))
}

// since picks the totals from a day on.
func since(totals []storage.UsageTotal, from storage.Day) (list []storage.UsageTotal) {
	for _, t := range totals {
		if t.Day >= from {
			list = append(list, t)
		}
	}
	return list
}

// figureLine is a period in one line.
func figureLine(name string, t storage.UsageTotal) string {
	if t.Calls == 0 {
		return name + ": nothing yet"
	}
	line := name + ": *" + costText(t) + "*, " + count(t.Answers(), "answer") + ", " + count(t.Tokens(), "token")
	if d, ok := t.FirstToken.Quantile(0.5); ok {
		line += ", first text after " + seconds(d)
	}
	if t.Fallbacks > 0 {
		line += ", " + percent(t.Fallbacks, t.Answers()) + " by fallback"
	}
	return line
}

// periods are today's figures, the week's and the month's.
func periods(totals []storage.UsageTotal, now time.Time) string {
	month, _ := storage.PerMonth.Days(now)
	return figureLine("Today", storage.Sum(since(totals, storage.DayOf(now)))) + "\n" +
		figureLine("Last 7 days", storage.Sum(since(totals, storage.DayOf(now)-6))) + "\n" +
		figureLine(now.UTC().Format("January"), storage.Sum(since(totals, month)))
}

// homeChart is in characters: Slack draws charts in messages alone
// (docs.slack.dev/reference/block-kit/blocks/data-visualization-block).
func homeChart(totals []storage.UsageTotal, now time.Time) []slack.Block {
	today := storage.DayOf(now)
	recent := since(totals, today-homeDays+1)
	if len(recent) == 0 {
		return nil
	}
	return paragraphs(fenced(usageSeries(recent, today-homeDays+1, today).bars()))
}

func homeUsage(h home) []slack.Block {
	blocks := append([]slack.Block{header("My usage")}, paragraphs(periods(h.totals, h.now))...)
	blocks = append(blocks, homeChart(h.totals, h.now)...)
	if len(h.spends) > 0 {
		blocks = append(blocks, header("My budget"))
		blocks = append(blocks, paragraphs(budgetLines(h.spends, h.now))...)
	}
	return blocks
}

func budgetLines(spends []storage.Spend, now time.Time) string {
	var lines []string
	for _, s := range spends {
		lines = append(lines, budgetLine(s, now))
	}
	return strings.Join(lines, "\n")
}

func (b *Bot) homeProviders(now time.Time) []slack.Block {
	if b.o.Providers == nil {
		return nil
	}
	var lines []string
	for _, p := range b.o.Providers() {
		lines = append(lines, providerIcon(p)+" *"+escape(p.Provider)+"* "+providerStatus(p, now))
	}
	return append([]slack.Block{header("Model providers")}, paragraphs(strings.Join(lines, "\n"))...)
}

func (b *Bot) homeConversations(h home) []slack.Block {
	blocks := []slack.Block{header("My conversations")}
	if len(h.conversations) == 0 {
		return append(blocks, paragraphs("None yet. Mention <@"+b.self.UserID+"> in a channel, or write to me under *Messages*.")...)
	}
	for _, c := range h.conversations {
		where := "<#" + c.Key.ChannelID + ">"
		if strings.HasPrefix(c.Key.ChannelID, "D") {
			where = "Direct message"
		}
		question := strings.TrimPrefix(c.Question, authored(h.userID, ""))
		question = strings.Join(strings.Fields(question), " ")
		if short := clip(question, 150); short != question {
			question = short + "…"
		}
		blocks = append(blocks, slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType,
			where+", "+count(int64(c.Turns), "question")+", "+slackDate(c.Active)+"\n>"+escape(question), false, true), nil, nil))
		forget := button(actionHomeForget, c.Key.ChannelID+":"+c.Key.ThreadTS, "Forget").WithStyle(slack.StyleDanger).
			WithConfirm(slack.NewConfirmationBlockObject(
				slack.NewTextBlockObject(slack.PlainTextType, "Forget this conversation?", false, false),
				slack.NewTextBlockObject(slack.PlainTextType, "What was asked and answered in it is gone for good, for everyone in it. The messages in Slack stay.", false, false),
				slack.NewTextBlockObject(slack.PlainTextType, "Forget", false, false),
				slack.NewTextBlockObject(slack.PlainTextType, "Keep", false, false)))
		elements := []slack.BlockElement{forget}
		if link := b.Permalink(c.Key); link != "" {
			open := button(actionHomeOpen, "open", "Open")
			open.URL = link
			elements = []slack.BlockElement{open, forget}
		}
		blocks = append(blocks, slack.NewActionBlock("", elements...))
	}
	return blocks
}

// homeModel says who answers, and what every conversation begins with.
func (b *Bot) homeModel() []slack.Block {
	var models []string
	for _, o := range b.o.Offers {
		if o.Configured {
			models = append(models, "*"+escape(o.Provider)+"* `"+escape(strings.ReplaceAll(o.Model, "`", "'"))+"`")
		}
	}
	text := "My answers come from " + b.o.Provider.Name() + "."
	if len(models) > 0 {
		text = "I ask " + models[0]
		if len(models) > 1 {
			text += ", and where it cannot answer " + strings.Join(models[1:], ", then ")
		}
		text += "."
	}
	for _, c := range b.o.Chat.Channels {
		if c.Model != "" || c.SystemPrompt != "" {
			text += " Some channels have a model or a prompt of their own."
			break
		}
	}
	prompt := b.o.Chat.SystemPrompt
	if short := clip(prompt, 600); short != prompt {
		prompt = short + "…"
	}
	return append([]slack.Block{header("My model and prompt")},
		append(paragraphs(text+" Every conversation begins with:\n>"+strings.ReplaceAll(escape(prompt), "\n", "\n>")), note("Both are set by whoever runs me."))...)
}
