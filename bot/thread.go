package bot

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/storage"
)

// threadLimit is how many unseen messages of a thread a prompt takes.
const threadLimit = 100

// threadPatience bounds how long a question waits for its thread to be read.
const threadPatience = 3 * time.Second

// unseen returns what people said in the thread before the question without
// mentioning the bot: a bot that is called into a discussion should know it. If
// the thread cannot be read the question is answered without it.
func (b *Bot) unseen(ctx context.Context, turn storage.Turn, history storage.History) []storage.Message {
	if turn.Direct || turn.TS == turn.Key.ThreadTS {
		return nil
	}
	oldest := turn.Key.ThreadTS
	known := map[string]bool{turn.TS: true}
	for _, m := range history.Messages {
		known[m.TS] = true
		oldest = max(oldest, m.TS)
	}
	ctx, cancel := context.WithTimeout(ctx, threadPatience)
	defer cancel()
	var page []slack.Message
	err := b.attempt(ctx, methodReplies, func(ctx context.Context) (err error) {
		page, _, _, err = b.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
			ChannelID: turn.Key.ChannelID, Timestamp: turn.Key.ThreadTS,
			Oldest: oldest, Latest: turn.TS, Inclusive: true, Limit: threadLimit})
		return err
	})
	if err != nil {
		b.log.Warn("thread not read, answering without it", "turn", turn.ID, "err", err)
		return nil
	}
	var out []storage.Message
	for _, m := range page {
		e := event{Subtype: m.SubType, UserID: m.User, BotID: m.BotID, ChannelID: turn.Key.ChannelID, TS: m.Timestamp}
		if known[m.Timestamp] || m.Timestamp >= turn.TS || !e.fromPerson(b.self) {
			continue
		}
		plain := plainText(m.Text, b.self.UserID)
		text := authored(m.User, plain)
		if _, command := parseCommand(plain); command || strings.Contains(turn.Text, text) {
			continue // answered privately, or a question that was joined into this turn
		}
		out = append(out, storage.Message{TurnID: turn.ID, Role: storage.RoleUser, UserID: m.User, TS: m.Timestamp, Text: text})
	}
	return out
}

// nameTTL is how long a display name is believed.
const nameTTL = 6 * time.Hour

// names remembers display names.
type names struct {
	mu    sync.Mutex
	known map[string]name
}

type name struct {
	text  string
	until time.Time
}

// nameOf returns a user's display name, or the id if Slack does not tell.
func (b *Bot) nameOf(ctx context.Context, userID string) string {
	b.names.mu.Lock()
	n, ok := b.names.known[userID]
	b.names.mu.Unlock()
	if ok && time.Now().Before(n.until) {
		return n.text
	}
	ctx, cancel := context.WithTimeout(ctx, threadPatience)
	defer cancel()
	n = name{userID, time.Now().Add(time.Minute)} // a failure is asked again soon
	err := b.attempt(ctx, methodUserInfo, func(ctx context.Context) error {
		u, err := b.api.GetUserInfoContext(ctx, userID)
		if err != nil {
			return err
		}
		for _, text := range []string{u.Profile.DisplayName, u.RealName, u.Profile.RealName, u.Name} {
			if text != "" {
				n = name{text, time.Now().Add(nameTTL)}
				break
			}
		}
		return nil
	})
	if err != nil {
		b.log.Debug("name not read", "user", userID, "err", err)
	}
	b.names.mu.Lock()
	b.names.known[userID] = n
	b.names.mu.Unlock()
	return n.text
}
