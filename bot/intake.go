package bot

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// handle takes in one envelope. It returns what to acknowledge it with. With an
// error the envelope must not be acknowledged, so that Slack sends it again:
// nothing of it was stored.
//
// Redeliveries are not told apart by retry_attempt: what was sent while no
// socket was open arrives first as a "retry". The dedupe keys decide.
func (b *Bot) handle(ctx context.Context, env envelope) (ack answerAtOnce, err error) {
	switch env.Type {
	case "events_api":
		cb, err := decodeCallback(env.Payload)
		if err != nil {
			b.log.Warn("event not understood", "err", err)
			return answerAtOnce{}, nil // it will not be clearer the second time
		}
		return answerAtOnce{}, b.handleEvent(ctx, cb)
	case "slash_commands":
		var cmd slashCommand
		if err := json.Unmarshal(env.Payload, &cmd); err != nil {
			b.log.Warn("command not understood", "err", err)
			return answerAtOnce{}, nil
		}
		return b.handleCommand(ctx, cmd), nil
	case "interactive":
		var in interaction
		if err := json.Unmarshal(env.Payload, &in); err != nil {
			b.log.Warn("interaction not understood", "err", err)
			return answerAtOnce{}, nil
		}
		return answerAtOnce{}, b.handleInteraction(ctx, in)
	}
	b.log.Info("envelope of an unknown type", "type", env.Type)
	return answerAtOnce{}, nil
}

// handleEvent takes in what has happened in Slack.
func (b *Bot) handleEvent(ctx context.Context, cb callback) error {
	if cb.Type != "event_callback" {
		return nil
	}
	switch cb.Event.Type {
	case "message", "app_mention":
		switch cb.Event.Subtype {
		case "message_changed":
			return b.handleEdit(ctx, cb)
		case "message_deleted":
			return b.handleDeletion(ctx, cb, cb.Event.DeletedTS)
		}
		if err := b.handleMessage(ctx, cb); err != nil {
			return err
		}
		if e := cb.Event; e.ChannelID != "" && e.TS != "" {
			b.watch.saw(storage.Watermark{ChannelID: e.ChannelID, TS: e.TS, Shared: cb.ExtShared})
		}
		return nil
	case "reaction_added":
		return b.handleReaction(ctx, cb)
	case "app_home_opened":
		if cb.Event.Tab == "home" {
			b.homes.ask(cb.Event.UserID)
		}
	case "agent_session_stopped":
		return b.handleSessionStopped(ctx, cb)
	}
	return nil
}

// handleMessage turns a message to the bot into a stored turn.
func (b *Bot) handleMessage(ctx context.Context, cb callback) error {
	e := cb.Event
	if !e.fromPerson(b.self) {
		return nil
	}
	addressed := e.direct() || e.Type == "app_mention" || mentions(e.Text, b.self.UserID)
	key := b.keyOf(e)
	if !addressed {
		follows, err := b.follows(ctx, key, e)
		if err != nil || !follows {
			return b.storeError(err)
		}
	}
	who := actor{UserID: e.UserID, ChannelID: e.ChannelID, Direct: e.direct(), External: b.external(cb)}
	keys := dedupeKeys(cb)
	if no := b.o.Access.authorize(who); no != allowed {
		if !addressed || cb.late {
			return nil // talk among people who never called the bot
		}
		return b.answerPrivately(ctx, keys, e, string(no))
	}
	text := plainText(e.Text, b.self.UserID)
	if c, ok := parseCommand(text); ok && addressed {
		if cb.late {
			return nil
		}
		return b.commandInThread(ctx, keys, e, who, c)
	}
	text = b.question(e)
	if text == "" && cb.late {
		return nil
	}
	if text == "" {
		return b.answerPrivately(ctx, keys, e, b.helpText())
	}
	if newer, changed := b.early.of(e.ChannelID+":"+e.TS, time.Now()); changed {
		if text = newer; text == "" { // deleted before it came
			_, err := b.o.Store.Once(ctx, keys, time.Now())
			return b.storeError(err)
		}
	}
	waiting, err := b.waiting(ctx, key)
	if err != nil {
		return err
	}
	if waiting >= maxWaiting {
		return b.answerPrivately(ctx, keys, e, fmt.Sprintf(
			"There are %d messages in this thread that I have not answered yet. Please ask again when I have caught up.", waiting))
	}
	turn := storage.Turn{
		ID: newTurnID(), Key: key, State: storage.StateReceived,
		UserID: e.UserID, TS: e.TS, Text: text, Direct: e.direct(), ReceivedAt: time.Now(),
	}
	if cb.late {
		turn.ReceivedAt = tsTime(e.TS) // for the people it is as old as that
	}
	fresh, err := b.o.Store.Accept(ctx, turn, keys)
	if errors.Is(err, storage.ErrFull) {
		b.refuseFull(key, e, err)
		return nil
	}
	if err != nil {
		return b.storeError(fmt.Errorf("journal the message: %w", err))
	}
	if fresh {
		b.wake(key)
	}
	return nil
}

// maxWaiting is how many messages of a thread may wait for an answer.
const maxWaiting = 20

// waiting counts the messages of a conversation that wait for an answer.
func (b *Bot) waiting(ctx context.Context, key storage.ConversationKey) (n int, err error) {
	open, err := b.o.Store.Open(ctx, key)
	for _, t := range open {
		if t.State == storage.StateReceived {
			n++
		}
	}
	if err != nil {
		return 0, b.storeError(fmt.Errorf("read the waiting turns: %w", err))
	}
	return n, nil
}

// keyOf is the conversation in which the message stands.
func (b *Bot) keyOf(e event) storage.ConversationKey {
	return storage.ConversationKey{TeamID: b.self.TeamID, ChannelID: e.ChannelID, ThreadTS: e.thread()}
}

// question is what a message asks, for the model. "" if it says nothing.
func (b *Bot) question(e event) string {
	text := plainText(e.Text, b.self.UserID)
	if len(e.Files) > 0 {
		text = strings.TrimSpace(text + "\n" + filesNote(e.Files))
	}
	if text == "" || e.direct() {
		return text
	}
	return authored(e.UserID, text)
}

// follows reports whether a message without a mention is meant for the bot: it
// stands in a thread the bot has answered in, in a channel that wants this.
func (b *Bot) follows(ctx context.Context, key storage.ConversationKey, e event) (bool, error) {
	if b.o.Chat.Channels[e.ChannelID].Reply != "thread" || e.ThreadTS == "" || userMention.MatchString(e.Text) {
		return false, nil
	}
	h, err := b.o.Store.History(ctx, key, 1)
	if err != nil || len(h.Messages) > 0 {
		return err == nil, err
	}
	open, err := b.o.Store.Open(ctx, key)
	return len(open) > 0, err
}

// external reports whether the author or the channel is shared with another
// company (docs.slack.dev/apis/slack-connect).
func (b *Bot) external(cb callback) bool {
	foreign := func(team string) bool { return team != "" && team != b.self.TeamID }
	return cb.ExtShared || foreign(cb.Event.UserTeam) || foreign(cb.Event.SourceTeam)
}

// dedupeKeys are all the names under which Slack may deliver this message
// again. The one without the team catches twins in shared channels.
func dedupeKeys(cb callback) []storage.DedupeKey {
	e := cb.Event
	keys := []storage.DedupeKey{{Kind: "message", Value: e.ChannelID + ":" + e.TS}}
	if cb.EventID != "" {
		keys = append(keys, storage.DedupeKey{Kind: "event", Value: cb.EventID})
	}
	if e.ClientMsgID != "" {
		keys = append(keys, storage.DedupeKey{Kind: "client", Value: e.ChannelID + ":" + e.UserID + ":" + e.ClientMsgID})
	}
	return keys
}

// answerPrivately says something to the author alone, once. It is not
// journalled: whoever misses such a line asks again.
func (b *Bot) answerPrivately(ctx context.Context, keys []storage.DedupeKey, e event, text string) error {
	fresh, err := b.o.Store.Once(ctx, keys, time.Now())
	if err != nil || !fresh {
		return b.storeError(err)
	}
	b.spawn <- func(ctx context.Context) { b.whisper(ctx, e.ChannelID, e.UserID, e.ThreadTS, text) }
	return nil
}

// filesNote tells the model what it cannot see.
func filesNote(files []file) string {
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = strconv.Quote(f.Name)
	}
	return "[attached, but not readable for you: " + strings.Join(names, ", ") + "]"
}

// newTurnID is opaque and unique; its beginning grows with time.
func newTurnID() string {
	return fmt.Sprintf("%011x%s", time.Now().UnixMilli(), strings.ToLower(rand.Text()))
}
