package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

// actionFeedback is the action id of 👍 and 👎. The value is "up:" or "down:"
// and the turn's id.
const actionFeedback = "bobbin_feedback"

// feedbackBlocks stand under a whole answer: who answered, if it was not the
// first provider, and the buttons.
func (b *Bot) feedbackBlocks(turn storage.Turn, r *llm.Response) []slack.Block {
	var blocks []slack.Block
	if r != nil && r.Instead != nil {
		// Plain text: provider names are configuration, not markup.
		blocks = append(blocks, slack.NewContextBlock("",
			slack.NewTextBlockObject(slack.PlainTextType, instead(r), false, false)))
	}
	button := func(text, value, label string) *slack.FeedbackButton {
		return slack.NewFeedbackButton(slack.NewTextBlockObject(slack.PlainTextType, text, true, false), value).
			WithAccessibilityLabel(label)
	}
	return append(blocks, slack.NewContextActionsBlock("", slack.NewFeedbackButtonsBlockElement(actionFeedback,
		button("Good answer", "up:"+turn.ID, "This answer was good"),
		button("Bad answer", "down:"+turn.ID, "This answer was bad"))))
}

// handleInteraction stores a click. A click by somebody who may not use the bot
// is answered like a message by them.
func (b *Bot) handleInteraction(ctx context.Context, in interaction) error {
	if in.Type != "block_actions" {
		return nil
	}
	who := actor{UserID: in.User.ID, ChannelID: in.Channel.ID, Direct: strings.HasPrefix(in.Channel.ID, "D"),
		External: in.User.TeamID != "" && in.User.TeamID != b.self.TeamID}
	for _, a := range in.Actions {
		if a.ID != actionFeedback {
			continue // a link button, or a button of an older version
		}
		if no := b.o.Access.authorize(who); no != allowed {
			b.spawn <- func(ctx context.Context) { b.whisper(ctx, who.ChannelID, who.UserID, "", string(no)) }
			continue
		}
		verdict, turnID, _ := strings.Cut(a.Value, ":")
		value := map[string]int{"up": 1, "down": -1}[verdict]
		err := b.o.Store.SetFeedback(ctx, turnID, in.User.ID, value, time.Now())
		if errors.Is(err, storage.ErrNotFound) {
			b.log.Info("feedback on a turn that is gone", "turn", turnID)
			continue
		}
		if err != nil {
			return b.storeError(fmt.Errorf("store feedback: %w", err))
		}
		b.log.Info("feedback", "turn", turnID, "value", value)
	}
	return nil
}

// whisper says something that only one person sees.
func (b *Bot) whisper(ctx context.Context, channelID, userID, threadTS, text string) {
	err := b.insist(ctx, call{method: methodEphemeral, rank: rankMust}, func(ctx context.Context) error {
		opts := []slack.MsgOption{slack.MsgOptionText(text, false), slack.MsgOptionParse(false)}
		if threadTS != "" {
			opts = append(opts, slack.MsgOptionTS(threadTS))
		}
		_, err := b.api.PostEphemeralContext(ctx, channelID, userID, opts...)
		return err
	})
	if err != nil {
		b.log.Warn("private answer not shown", "channel", channelID, "err", err)
	}
}

// setStatus shows "<bot> <status>" in the thread; "" takes it away. It is
// decoration: a failure costs nothing.
func (b *Bot) setStatus(ctx context.Context, key storage.ConversationKey, status string) error {
	err := b.attempt(ctx, call{method: methodSetStatus}, func(ctx context.Context) error {
		return b.api.SetAssistantThreadsStatusContext(ctx, slack.AssistantThreadsSetStatusParameters{
			ChannelID: key.ChannelID, ThreadTS: key.ThreadTS, Status: status})
	})
	if err != nil {
		b.log.Debug("status not shown", "err", err)
	}
	return err
}
