package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

// homeWorkspace is what admins see beside their own: figures and verdicts, and
// nobody's words.
func (b *Bot) homeWorkspace(h home) []slack.Block {
	w := h.workspace
	blocks := []slack.Block{slack.NewDividerBlock(), header("Workspace")}
	blocks = append(blocks, paragraphs(periods(w.totals, h.now))...)
	blocks = append(blocks, homeChart(w.totals, h.now)...)
	if len(w.spends) > 0 {
		blocks = append(blocks, paragraphs(budgetLines(w.spends, h.now))...)
	}
	for _, list := range []struct {
		title  string
		totals []storage.UsageTotal
		name   func(storage.UsageTotal) string
	}{
		{"Dearest people of the last 30 days", w.users, func(t storage.UsageTotal) string { return mention("@", t.UserID) }},
		{"Dearest channels of the last 30 days", w.channels, func(t storage.UsageTotal) string { return mention("#", t.ChannelID) }},
	} {
		if len(list.totals) == 0 {
			continue
		}
		lines := []string{"*" + list.title + "*"}
		for _, t := range list.totals {
			lines = append(lines, fmt.Sprintf("• %s: %s, %s, %s", list.name(t), costText(t), count(t.Answers(), "answer"), count(t.Tokens(), "token")))
		}
		blocks = append(blocks, paragraphs(strings.Join(lines, "\n"))...)
	}
	blocks = append(blocks, header("Feedback"))
	if len(w.bad)+len(w.good) == 0 {
		return append(blocks, paragraphs("Nobody has rated an answer in the last 30 days.")...)
	}
	var lines []string
	for _, v := range slices.Concat(w.bad, w.good) {
		lines = append(lines, b.verdictLine(v))
	}
	return append(blocks, paragraphs(strings.Join(lines, "\n"))...)
}

// mention shows a person or channel; what belongs to nobody are probes.
func mention(sign, id string) string {
	switch {
	case id == "":
		return "_nobody: the providers were probed_"
	case strings.HasPrefix(id, "D"):
		return "_a direct message_"
	}
	return "<" + sign + id + ">"
}

func (b *Bot) verdictLine(v storage.Verdict) string {
	sign := ":thumbsup:"
	if v.Value < 0 {
		sign = ":thumbsdown:"
	}
	line := sign + " by " + mention("@", v.UserID) + " " + slackDate(v.Turn.ReceivedAt)
	if i := len(v.Turn.Calls) - 1; i >= 0 {
		line += ", " + escape(v.Turn.Calls[i].Provider+"/"+v.Turn.Calls[i].Model)
	}
	if link := b.Permalink(v.Turn.Key); link != "" && !v.Turn.Direct {
		line += ", <" + link + "|thread>"
	}
	return line
}

// dearest are the first n by cost, then by tokens.
func dearest(totals []storage.UsageTotal, n int) []storage.UsageTotal {
	slices.SortStableFunc(totals, dearer)
	return totals[:min(n, len(totals))]
}

func providerIcon(p llm.BreakerState) string {
	switch {
	case p.Phase == llm.BreakerOpen:
		return ":red_circle:"
	case p.Phase == llm.BreakerHalfOpen, p.Failures > 0:
		return ":large_yellow_circle:"
	}
	return ":large_green_circle:"
}

// refreshHome is the click on Refresh.
func (b *Bot) refreshHome(_ context.Context, who actor, _ action) (string, error) {
	b.homes.ask(who.UserID)
	return "", nil
}

// forgetFromHome is the confirmed click on Forget beside a conversation.
func (b *Bot) forgetFromHome(_ context.Context, who actor, a action) (string, error) {
	channel, ts, ok := strings.Cut(a.Value, ":")
	if !ok {
		return "", nil
	}
	key := storage.ConversationKey{TeamID: b.self.TeamID, ChannelID: channel, ThreadTS: ts}
	at := slackTime(a.TS)
	b.spawn <- func(ctx context.Context) {
		// The Home shows that it is gone; only why it is not is to be said.
		if _, _, why := b.forgetConversation(ctx, who, key, at); why != "" {
			ctx, cancel := lastWords(ctx)
			defer cancel()
			b.notShown(b.direct(ctx, who.UserID, why))
		}
		b.homes.ask(who.UserID)
	}
	return "", nil
}
