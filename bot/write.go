package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/storage"
)

// target names the message a write is for: part number of turn's reply, which
// has a seat at the pacer.
type target struct {
	turn   storage.Turn
	ts     string
	number int
	seat   *seat
}

// call is a call for the target's message.
func (t target) call(method string, rank rank) call {
	return call{method: method, channel: t.turn.Key.ChannelID, rank: rank, seat: t.seat}
}

// marker names our message in Slack's metadata, which every member can read:
// it holds nothing but the turn's opaque id and the number of the part.
const markerEvent = "bobbin_reply"

func (t target) marker() slack.MsgOption {
	return slack.MsgOptionMetadata(slack.SlackMetadata{
		EventType:    markerEvent,
		EventPayload: map[string]any{"reply": t.turn.ID, "part": t.number},
	})
}

// post sends p's first text: as a native stream if more will come and the
// pacer's ladder and the channel allow it, else as a message.
func (b *Bot) post(ctx context.Context, t target, p *part, w write) error {
	key := t.turn.Key
	if !w.seal && t.seat.granted == "" { // the reply goes on in another message
		t.seat.open(b.streams(key.ChannelID))
	}
	if !w.seal && (t.seat.granted == methodStartStream || t.seat.owesStop()) {
		err := b.startStream(ctx, t, p, w)
		code := refusalCode(err)
		switch {
		case errors.Is(err, errNotNow): // a message takes no start of a stream
		case err == nil, code == "", fatal(err):
			return err
		case streamsRefused(code):
			b.refuseStreams(key.ChannelID, code)
		}
	}
	if !w.seal {
		t.seat.endsWith(methodUpdate)
	}
	do := func(ctx context.Context) (err error) {
		opts := append(body(w), slack.MsgOptionTS(key.ThreadTS), t.marker(),
			slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
		_, p.ts, err = b.api.PostMessageContext(ctx, key.ChannelID, opts...)
		return err
	}
	// Never repeated blindly: Slack has no idempotency key for it.
	if err := b.insist(ctx, t.call(methodPost, w.rank(rankMust)), do); err != nil {
		p.ts = ""
		return err
	}
	p.stream, p.sent = false, w.body
	return nil
}

func (b *Bot) startStream(ctx context.Context, t target, p *part, w write) error {
	key := t.turn.Key
	err := b.attempt(ctx, t.call(methodStartStream, rankFirst), func(ctx context.Context) (err error) {
		_, p.ts, err = b.api.StartStreamContext(ctx, key.ChannelID,
			slack.MsgOptionTS(key.ThreadTS),
			// Needed in channels, and seen to be needed in direct messages.
			slack.MsgOptionRecipientUserID(t.turn.UserID),
			slack.MsgOptionRecipientTeamID(key.TeamID),
			textChunk(w.body))
		return err
	})
	if err != nil {
		p.ts = ""
		return err
	}
	p.stream, p.sent = true, w.body
	return nil
}

func (b *Bot) appendStream(ctx context.Context, t target, text string) error {
	return b.attempt(ctx, t.call(methodAppendStream, rankMore), func(ctx context.Context) error {
		_, _, err := b.api.AppendStreamContext(ctx, t.turn.Key.ChannelID, t.ts, textChunk(text))
		return err
	})
}

// stopStream ends a stream with its last text. If the outcome is unknown the
// caller must edit: a second stop would not say whether the text arrived.
func (b *Bot) stopStream(ctx context.Context, t target, text string, w write) error {
	opts := []slack.MsgOption{t.marker()}
	if text != "" {
		opts = append(opts, textChunk(text))
	}
	if len(w.blocks) > 0 {
		opts = append(opts, slack.MsgOptionBlocks(w.blocks...))
	}
	return b.insist(ctx, t.call(methodStopStream, w.rank(rankMust)), func(ctx context.Context) error {
		_, _, err := b.api.StopStreamContext(ctx, t.turn.Key.ChannelID, t.ts, opts...)
		return err
	})
}

// endStream makes a message that was, or may have been, a native stream editable.
// Whether a refusal matters shows in the edit that follows: a stream that Slack
// has closed already, or a message that was none, can be edited.
func (b *Bot) endStream(ctx context.Context, t target, must bool) error {
	do := func(ctx context.Context) error {
		_, _, err := b.api.StopStreamContext(ctx, t.turn.Key.ChannelID, t.ts, t.marker())
		if code := refusalCode(err); code != "" && code != "ratelimited" && code != "rate_limited" && !fatal(err) {
			return nil
		}
		return err
	}
	c := t.call(methodStopStream, rankMust)
	if must {
		return b.repeat(ctx, c, do)
	}
	return b.attempt(ctx, c, do)
}

// update replaces a message's text.
func (b *Bot) update(ctx context.Context, t target, w write) error {
	do := func(ctx context.Context) error {
		_, _, _, err := b.api.UpdateMessageContext(ctx, t.turn.Key.ChannelID, t.ts, append(body(w), t.marker())...)
		return err
	}
	c := t.call(methodUpdate, w.rank(rankMore))
	if w.final {
		return b.repeat(ctx, c, do)
	}
	return b.attempt(ctx, c, do)
}

func (b *Bot) deleteMessage(ctx context.Context, channelID, ts string) error {
	err := b.repeat(ctx, call{method: methodDelete, rank: rankMust}, func(ctx context.Context) error {
		_, _, err := b.api.DeleteMessageContext(ctx, channelID, ts)
		return err
	})
	if refusalCode(err) == "message_not_found" {
		return nil
	}
	return err
}

// body is a message's text as a markdown block, which takes standard Markdown,
// with a plain beginning for notifications and screen readers. chat.update
// refuses text over 4,000 characters.
func body(w write) []slack.MsgOption {
	blocks := append([]slack.Block{slack.NewMarkdownBlock("", w.body)}, w.blocks...)
	text := escape(head(w.body, 3000))
	for n := 2000; len(text) > 3900; n /= 2 { // escaping can make it five times as long
		text = escape(head(w.body, n))
	}
	return []slack.MsgOption{
		slack.MsgOptionText(text, false),
		slack.MsgOptionBlocks(blocks...),
		slack.MsgOptionParse(false),
	}
}

// head is the beginning of s of at most n bytes, in whole characters.
func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:cutAt(s, n, "")] + "…"
}

// textChunk carries text in chunks mode. The first call decides a stream's
// mode and Slack refuses to mix them, so every call uses this one.
func textChunk(text string) slack.MsgOption {
	return slack.MsgOptionChunks(slack.NewMarkdownTextChunk(text))
}

// found is a message of ours that was not recorded.
type found struct {
	ts     string
	stream bool
}

// findReply looks in the thread for part number of turn's reply. A message
// has our marker in its metadata; an open native stream can carry none, and is
// recognised as our only message without one after the question that belongs to
// no other turn. Slack may show a new message late, so it looks three times over
// ten seconds before it says nil.
func (b *Bot) findReply(ctx context.Context, turn storage.Turn, number int) (*found, error) {
	turns, err := b.o.Store.Open(ctx, turn.Key) // a question that came late stands before others
	if err != nil {
		return nil, fmt.Errorf("read the open turns: %w", err)
	}
	turns = append(turns, turn)
	for look := range 3 {
		if look > 0 {
			if err := sleep(ctx, 5*time.Second); err != nil {
				return nil, err
			}
		}
		messages, err := b.replies(ctx, turn.Key, turn.TS, rankMust)
		if err != nil {
			return nil, fmt.Errorf("look for the reply in the thread: %w", err)
		}
		var open *found
		for _, m := range messages {
			if m.User != b.self.UserID && m.BotID != b.self.BotID || m.Timestamp <= turn.TS {
				continue
			}
			switch {
			case m.Metadata.EventType == "":
				if !recorded(turns, m.Timestamp) {
					open = &found{ts: m.Timestamp, stream: true}
				}
			case isPart(m.Metadata, turn.ID, number):
				return &found{ts: m.Timestamp}, nil
			}
		}
		if open != nil {
			return open, nil
		}
	}
	return nil, nil
}

func recorded(turns []storage.Turn, ts string) bool {
	return slices.ContainsFunc(turns, func(t storage.Turn) bool {
		return slices.ContainsFunc(t.Parts, func(p storage.Part) bool { return p.TS == ts })
	})
}

func isPart(m slack.SlackMetadata, turnID string, number int) bool {
	n, ok := m.EventPayload["part"].(float64)
	return m.EventType == markerEvent && m.EventPayload["reply"] == turnID && ok && int(n) == number
}

// replies reads a thread from the message at oldest on, all pages.
func (b *Bot) replies(ctx context.Context, key storage.ConversationKey, oldest string, rank rank) ([]slack.Message, error) {
	params := slack.GetConversationRepliesParameters{ChannelID: key.ChannelID, Timestamp: key.ThreadTS,
		Oldest: oldest, Inclusive: true, Limit: 200, IncludeAllMetadata: true}
	var all []slack.Message
	for {
		err := b.repeat(ctx, call{method: methodReplies, rank: rank, since: time.Now()}, func(ctx context.Context) error {
			page, more, cursor, err := b.api.GetConversationRepliesContext(ctx, &params)
			if err != nil {
				return err
			}
			all = append(all, page...)
			params.Cursor = cursor
			if !more {
				params.Cursor = ""
			}
			return nil
		})
		if err != nil || params.Cursor == "" {
			return all, err
		}
		if len(all) > 2000 {
			return all, errors.New("the thread is too long to read")
		}
	}
}
