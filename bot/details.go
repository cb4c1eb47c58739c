package bot

import (
	"fmt"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

// detailsText says in mrkdwn how an answer came about: who gave it and what it
// cost, and what the model had read.
func (b *Bot) detailsText(turn storage.Turn) string {
	lines := []string{"*How this answer came about*"}
	for _, c := range turn.Calls {
		lines = append(lines, "• "+callText(c))
	}
	switch {
	case len(turn.Calls) > 0:
	case turn.State == storage.StateFinal, turn.State == storage.StateDone: // from before calls were kept
		lines = append(lines, "I have kept no record of what it took.")
	case !turn.State.Terminal():
		lines = append(lines, "I am still writing this answer.")
	default:
		lines = append(lines, "No model has answered this.")
	}
	if len(turn.Calls) > 1 {
		var all storage.UsageTotal
		for _, c := range turn.Calls {
			all.Add(c)
		}
		lines = append(lines, "Together: "+costText(all)+", "+count(all.InputTokens+all.OutputTokens, "token")+".")
	}
	p := turn.Prompt
	read := "*Read*: your question alone."
	if p.Used > 0 {
		read = "*Read*: " + count(int64(p.Used), "message") + " of this conversation" + b.since(turn.Key, p.Oldest)
		if p.Thread > 0 {
			read += ", and " + count(int64(p.Thread), "message") + " of the thread that nobody had addressed to me"
		}
		read += "."
	} else if p.Thread > 0 {
		read = "*Read*: your question and " + count(int64(p.Thread), "message") + " of the thread."
	}
	if len(turn.Calls) > 0 {
		lines = append(lines, read)
	}
	if p.Dropped > 0 {
		lines = append(lines, "*Left out*: the oldest "+count(int64(p.Dropped), "message")+
			fmt.Sprintf(", because the model takes %s tokens at once.", thousands(int64(p.Window))))
	}
	return strings.Join(append(lines, "In my log this is turn `"+turn.ID+"`."), "\n")
}

// callText is one call to a provider.
func callText(c storage.UsageRow) string {
	who := "*" + escape(c.Provider) + "* `" + escape(strings.ReplaceAll(c.Model, "`", "'")) + "`"
	if c.Outcome != storage.OutcomeOK {
		return fmt.Sprintf("%s %s (after %s)", who, reason(llm.Class(c.Outcome)), seconds(c.Duration))
	}
	tokens := thousands(c.InputTokens) + " tokens read"
	if c.CachedInputTokens > 0 {
		tokens += " (" + thousands(c.CachedInputTokens) + " from the cache)"
	}
	tokens += ", " + thousands(c.OutputTokens) + " written"
	if c.ReasoningTokens > 0 {
		tokens += " (" + thousands(c.ReasoningTokens) + " of them thinking)"
	}
	if c.Estimated {
		tokens += ", estimated"
	}
	cost := "price unknown"
	if c.Price != nil {
		cost = usd(c.CostNanoUSD)
	}
	return fmt.Sprintf("%s: first text after %s, %s in all; %s; %s", who, seconds(c.FirstToken), seconds(c.Duration), tokens, cost)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// since links to the oldest message that was read.
func (b *Bot) since(key storage.ConversationKey, ts string) string {
	if ts == "" || b.self.URL == "" {
		return ""
	}
	return fmt.Sprintf(", from <%sarchives/%s/p%s?thread_ts=%s&amp;cid=%s|this one> on", b.self.URL, key.ChannelID,
		strings.ReplaceAll(ts, ".", ""), key.ThreadTS, key.ChannelID)
}
