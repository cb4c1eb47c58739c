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
		if m.TS < turn.TS { // a turn that is answered again may have later ones
			oldest = max(oldest, m.TS)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, threadPatience)
	defer cancel()
	params := slack.GetConversationRepliesParameters{ChannelID: turn.Key.ChannelID, Timestamp: turn.Key.ThreadTS,
		Oldest: oldest, Latest: turn.TS, Inclusive: true, Limit: 200}
	var messages []slack.Message
	for more := true; more; {
		err := b.insist(ctx, call{method: methodReplies, rank: rankMust}, func(ctx context.Context) (err error) {
			var page []slack.Message
			page, more, params.Cursor, err = b.api.GetConversationRepliesContext(ctx, &params)
			messages = append(messages, page...)
			return err
		})
		if err != nil {
			b.log.Warn("thread not read, answering without all of it", "turn", turn.ID, "err", err)
			break
		}
	}
	var out []storage.Message
	for _, m := range messages {
		e := event{Subtype: m.SubType, UserID: m.User, BotID: m.BotID, ChannelID: turn.Key.ChannelID, TS: m.Timestamp}
		if known[m.Timestamp] || m.Timestamp >= turn.TS || !e.fromPerson(b.self) || forgotten(history, m.User, m.Timestamp) {
			continue
		}
		if mentions(m.Text, b.self.UserID) && time.Since(tsTime(m.Timestamp)) < tooLate {
			continue // a question that is still on its way to us
		}
		plain := plainText(m.Text, b.self.UserID)
		text := authored(m.User, plain)
		if _, command := parseCommand(plain); command || strings.Contains(turn.Text, text) {
			continue // answered privately, or a question that was joined into this turn
		}
		out = append(out, storage.Message{TurnID: turn.ID, Role: storage.RoleUser, UserID: m.User, TS: m.Timestamp, Text: text})
	}
	return out[max(0, len(out)-threadLimit):] // the newest say what is being discussed
}

// forgotten reports whether what a user said in the message ts was erased here.
// Slack still has it.
func forgotten(h storage.History, userID, ts string) bool {
	at := slackTime(ts)
	return !at.After(h.Forgotten[""]) || !at.After(h.Forgotten[userID])
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

// namesKept bounds what is remembered: anybody can type any number of ids.
const namesKept = 10_000

// Name returns a user's display name, or "" if Slack does not tell it before ctx
// ends, or has no time for the question. It is remembered. It may be called at any
// time.
func (b *Bot) Name(ctx context.Context, userID string) string {
	if name := b.nameOf(ctx, userID); name != userID {
		return name
	}
	return ""
}

// nameOf returns a user's display name, or the id if Slack does not tell before
// ctx ends.
func (b *Bot) nameOf(ctx context.Context, userID string) string {
	b.names.mu.Lock()
	n, ok := b.names.known[userID]
	b.names.mu.Unlock()
	if ok && time.Now().Before(n.until) {
		return n.text
	}
	n = name{userID, time.Now().Add(time.Minute)} // a failure is asked again soon
	err := b.attempt(ctx, call{method: methodUserInfo}, func(ctx context.Context) error {
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
	if len(b.names.known) >= namesKept {
		clear(b.names.known)
	}
	b.names.known[userID] = n
	b.names.mu.Unlock()
	return n.text
}
