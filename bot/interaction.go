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

// Action ids of the buttons. The value is the turn's id, unless noted; for feedback
// "up:" or "down:" stands before it.
const (
	actionFeedback   = "bobbin_feedback"
	actionStop       = "bobbin_stop"
	actionRegenerate = "bobbin_regenerate"
	actionDetails    = "bobbin_details"
	actionRemove     = "bobbin_remove"
	actionForget     = "bobbin_forget" // its value is the person and the offer
)

// answerBlocks stand under a whole answer: who answered, if it was not the
// first provider, and the buttons.
func (b *Bot) answerBlocks(turn storage.Turn, r *llm.Response) []slack.Block {
	var blocks []slack.Block
	if r != nil && r.Instead != nil {
		// Plain text: provider names are configuration, not markup.
		blocks = append(blocks, slack.NewContextBlock("",
			slack.NewTextBlockObject(slack.PlainTextType, instead(r), false, false)))
	}
	rate := func(text, value, label string) *slack.FeedbackButton {
		return slack.NewFeedbackButton(slack.NewTextBlockObject(slack.PlainTextType, text, true, false), value).
			WithAccessibilityLabel(label)
	}
	return append(blocks,
		slack.NewContextActionsBlock("", slack.NewFeedbackButtonsBlockElement(actionFeedback,
			rate("Good answer", "up:"+turn.ID, "This answer was good"),
			rate("Bad answer", "down:"+turn.ID, "This answer was bad"))),
		slack.NewActionBlock("",
			button(actionRegenerate, turn.ID, "Regenerate"),
			button(actionDetails, turn.ID, "Details")))
}

// retryBlocks stand under what could not be answered, or not to the end.
func retryBlocks(turn storage.Turn) []slack.Block {
	return []slack.Block{slack.NewActionBlock("", button(actionRegenerate, turn.ID, "Try again"))}
}

// stopBlocks stand under an answer while it grows. A native stream takes none:
// they could not be taken away again without an edit of the whole message.
func stopBlocks(turn storage.Turn) []slack.Block {
	return []slack.Block{slack.NewActionBlock("", button(actionStop, turn.ID, "Stop"))}
}

// lateBlocks stand under the question whether to answer at all.
func lateBlocks(turn storage.Turn) []slack.Block {
	return []slack.Block{slack.NewActionBlock("", button(actionRegenerate, turn.ID, "Yes, answer it"), button(actionRemove, turn.ID, "No"))}
}

// removeBlocks are a message that offers to remove an answer.
func removeBlocks(turn storage.Turn, text string) []slack.Block {
	return []slack.Block{slack.NewSectionBlock(slack.NewTextBlockObject(slack.PlainTextType, text, false, false), nil, nil),
		slack.NewActionBlock("", button(actionRemove, turn.ID, "Remove the answer"))}
}

func button(action, value, text string) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(action, value, slack.NewTextBlockObject(slack.PlainTextType, text, false, false))
}

// handleInteraction carries out clicks. A click by somebody who may not use the
// bot is answered like a message by them.
func (b *Bot) handleInteraction(ctx context.Context, in interaction) error {
	if in.Type != "block_actions" {
		return nil
	}
	atHome := in.Channel.ID == ""
	who := actor{UserID: in.User.ID, ChannelID: in.Channel.ID, Direct: atHome || strings.HasPrefix(in.Channel.ID, "D"),
		External: in.User.TeamID != "" && in.User.TeamID != b.self.TeamID}
	for _, a := range in.Actions {
		do := map[string]func(context.Context, actor, action) (string, error){
			actionFeedback: b.rate, actionStop: b.pressStop, actionRegenerate: b.regenerate, actionDetails: b.details, actionRemove: b.remove,
			actionForget: b.pressForget, actionHomeRefresh: b.refreshHome, actionHomeForget: b.forgetFromHome,
		}[a.ID]
		if do == nil {
			continue // a link button, or a button of an older version
		}
		a.responseURL = in.ResponseURL
		say := string(b.o.Access.authorize(who))
		if say == "" {
			var err error
			if say, err = do(ctx, who, a); err != nil {
				return err
			}
		}
		if atHome {
			continue // it shows what there is to say
		}
		b.sayPrivately(who, storage.ConversationKey{ChannelID: who.ChannelID, ThreadTS: in.thread()}, say)
	}
	return nil
}

// The functions below carry out one click each. They return what to tell the
// person who clicked, or "".

func (b *Bot) rate(ctx context.Context, who actor, a action) (string, error) {
	verdict, turnID, _ := strings.Cut(a.Value, ":")
	value := map[string]int{"up": 1, "down": -1}[verdict]
	err := b.o.Store.SetFeedback(ctx, turnID, who.UserID, value, time.Now())
	if errors.Is(err, storage.ErrNotFound) {
		b.log.Info("feedback on a turn that is gone", "turn", turnID)
		return "", nil
	}
	if err != nil {
		return "", b.storeError(fmt.Errorf("store feedback: %w", err))
	}
	b.log.Info("feedback", "turn", turnID, "value", value)
	return "", nil
}

func (b *Bot) pressStop(ctx context.Context, who actor, a action) (string, error) {
	return b.stopAnswer(ctx, who, a.Value)
}

// regenerate has a turn that has ended answered again, in the same messages.
func (b *Bot) regenerate(ctx context.Context, who actor, a action) (string, error) {
	turn, gone, err := b.remembered(ctx, a.Value)
	if gone != "" || err != nil {
		return gone, err
	}
	if no, err := b.mayControl(ctx, who, turn); no != allowed || err != nil {
		return string(no), err
	}
	if turn.State.Terminal() {
		b.live.spare(turn.ID) // a stop that came too late for the last answer
	}
	if turn, err = b.ended(ctx, turn); err != nil { // Slack shows the button before it has confirmed it
		return "I am still writing this answer.", nil
	}
	turn, fresh, err := b.o.Store.Reopen(ctx, storage.Reopening{TurnID: turn.ID, At: time.Now(),
		Keys: []storage.DedupeKey{{Kind: "action", Value: a.TS + ":" + who.UserID + ":" + a.Value}}})
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return noSuchTurn, nil
	case errors.Is(err, storage.ErrConflict):
		return "I am still writing this answer.", nil
	case err != nil:
		return "", b.storeError(fmt.Errorf("open the turn again: %w", err))
	case fresh:
		b.log.Info("answering again", "turn", turn.ID, "user", who.UserID)
		b.wake(turn.Key)
	}
	return "", nil
}

func (b *Bot) details(ctx context.Context, _ actor, a action) (string, error) {
	turn, gone, err := b.remembered(ctx, a.Value)
	if gone != "" || err != nil {
		return gone, err
	}
	return b.detailsText(turn), nil
}

// sayPrivately tells one person something in a thread, if there is something to
// tell.
func (b *Bot) sayPrivately(who actor, key storage.ConversationKey, text string) {
	if text == "" {
		return
	}
	b.spawn <- func(ctx context.Context) { b.whisper(ctx, key.ChannelID, who.UserID, key.ThreadTS, text) }
}

// whisper says something that only one person sees. What cannot be shown is in
// the log.
func (b *Bot) whisper(ctx context.Context, channelID, userID, threadTS, text string, blocks ...slack.Block) {
	b.notShown(b.sayEphemeral(ctx, channelID, userID, threadTS, text, blocks...))
}

func (b *Bot) sayEphemeral(ctx context.Context, channelID, userID, threadTS, text string, blocks ...slack.Block) error {
	return b.insist(ctx, call{method: methodEphemeral, rank: rankMust}, func(ctx context.Context) error {
		opts := []slack.MsgOption{slack.MsgOptionText(text, false), slack.MsgOptionParse(false)}
		if threadTS != "" {
			opts = append(opts, slack.MsgOptionTS(threadTS))
		}
		if len(blocks) > 0 {
			opts = append(opts, slack.MsgOptionBlocks(blocks...))
		}
		_, err := b.api.PostEphemeralContext(ctx, channelID, userID, opts...)
		return err
	})
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
