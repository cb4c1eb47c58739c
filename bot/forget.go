package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/storage"
)

// slackKeeps ends each message about something that was forgotten.
const slackKeeps = "The messages in Slack stay: they are Slack's, and who wrote them can delete them."

// offerForget asks somebody whether everything they said is to be forgotten.
// Nothing happens without the click.
func (b *Bot) offerForget(ctx context.Context, a aside) {
	questions, heard, conversations := 0, 0, map[storage.ConversationKey]bool{}
	for e, err := range storage.ExportAll(ctx, b.o.Store, a.who.UserID) {
		if err != nil {
			b.cannotRead(ctx, a, err)
			return
		}
		switch e.Kind {
		case storage.ExportQuestion:
			questions++
		case storage.ExportHeard:
			heard++
		}
		conversations[e.Key] = true
	}
	if len(conversations) == 0 {
		b.tell(ctx, a, "I remember nothing that you said.")
		return
	}
	text := "I remember " + count(int64(questions), "question") + " of yours"
	if heard > 0 {
		text += " and " + count(int64(heard), "message") + " that you wrote in threads I was called into,"
	}
	text += " in " + count(int64(len(conversations)), "conversation") + ".\n" +
		"If I forget, that and the answers are gone for good, and so is a question that I answered together with one of yours. " +
		"Counts and costs stay in my books, without any text. What I am writing for you now is stopped. " + slackKeeps
	b.tell(ctx, a, text,
		slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, text, false, false), nil, nil),
		slack.NewActionBlock("", button(actionForget, a.who.UserID+":"+newTurnID(), "Forget everything I said").WithStyle(slack.StyleDanger)))
}

// pressForget carries out the click under what offerForget said, once: a second
// one would find nothing, and say so in the place of what was forgotten.
func (b *Bot) pressForget(ctx context.Context, who actor, c action) (string, error) {
	if !strings.HasPrefix(c.Value, who.UserID+":") {
		return "", nil // nobody else is shown the button
	}
	fresh, err := b.o.Store.Once(ctx, []storage.DedupeKey{{Kind: "action", Value: c.ID + ":" + c.Value}}, time.Now())
	if err != nil || !fresh {
		return "", b.storeError(err)
	}
	a := aside{who: who, url: c.responseURL, replace: true}
	b.spawn <- func(ctx context.Context) { b.forgetPerson(ctx, a, slackTime(c.TS)) }
	return "", nil
}

func (b *Bot) forgetPerson(ctx context.Context, a aside, at time.Time) {
	b.tell(ctx, a, "I am forgetting what you said…") // in the place of the button
	done, err := b.erase(ctx, storage.Forgetting{UserID: a.who.UserID, At: at}, a.who.UserID)
	if err != nil {
		b.tellLast(ctx, a, b.unforgotten(done, err))
		return
	}
	b.log.Info("forgot a person", "conversations", done.Conversations, "turns", done.Turns, "messages", done.Messages)
	if done.Conversations == 0 {
		b.tell(ctx, a, "I remember nothing that you said. "+slackKeeps)
		return
	}
	b.tell(ctx, a, "I have forgotten "+erased(done)+" in "+count(int64(done.Conversations), "conversation")+". "+slackKeeps)
}

// forgetThread forgets a conversation, if who asks for it may.
func (b *Bot) forgetThread(ctx context.Context, a aside, key storage.ConversationKey, at time.Time) {
	done, known, why := b.forgetConversation(ctx, a.who, key, at)
	switch {
	case why != "":
		b.tellLast(ctx, a, why)
	case !known:
		b.tell(ctx, a, "I remember nothing of this thread. `forget` is about the thread in which it is written; "+
			"`"+b.o.Command+" forget me` is about everything you said.")
	default:
		b.tell(ctx, a, "I have forgotten this thread: "+erased(done)+". "+slackKeeps)
	}
}

// forgetConversation forgets one, if who asks for it may. why is what to say if it
// was not forgotten, or not all; known is false if there was nothing.
func (b *Bot) forgetConversation(ctx context.Context, who actor, key storage.ConversationKey, at time.Time) (done storage.Forgotten, known bool, why string) {
	no, known, err := b.mayForget(ctx, who, key)
	if err != nil {
		return done, known, b.unreadable(err)
	}
	if no != allowed || !known {
		return done, known, string(no)
	}
	if done, err = b.erase(ctx, storage.Forgetting{Key: key, At: at}, who.UserID); err != nil {
		return done, known, b.unforgotten(done, err)
	}
	b.log.Info("forgot a conversation", "turns", done.Turns, "messages", done.Messages)
	return done, known, ""
}

// erased is what was forgotten, in words.
func erased(done storage.Forgotten) string {
	return count(int64(done.Turns), "question") + " and " + count(int64(done.Messages), "message")
}

// mayForget is the gate for forgetting a thread: who asked something in it, and
// admins. known is false if there is nothing to forget.
func (b *Bot) mayForget(ctx context.Context, who actor, key storage.ConversationKey) (no refusal, known bool, err error) {
	turns, err := b.o.Store.Turns(ctx, key)
	if err != nil {
		return "", false, fmt.Errorf("read turns: %w", err)
	}
	history, err := b.o.Store.History(ctx, key, 0)
	if err != nil {
		return "", false, fmt.Errorf("read history: %w", err)
	}
	known = len(turns)+len(history.Messages) > 0
	// When all who asked were forgotten, what was heard of others may be left.
	switch {
	case !known, b.o.Access.admin(who.UserID), asked(turns, who.UserID),
		len(turns) == 0 && heard(history, who.UserID):
		return allowed, known, nil
	}
	return "Only people who asked me something in this thread and admins can have me forget it.", known, nil
}

// asked reports whether somebody has asked one of the turns, alone or joined into
// another's.
func asked(turns []storage.Turn, userID string) bool {
	return slices.ContainsFunc(turns, func(t storage.Turn) bool { return t.UserID == userID })
}

// heard reports whether the history has a message of somebody by name.
func heard(h storage.History, userID string) bool {
	return slices.ContainsFunc(h.Messages, func(m storage.Message) bool { return m.UserID == userID })
}

// erase stops what is being answered, waits until it has ended, and forgets.
func (b *Bot) erase(ctx context.Context, f storage.Forgetting, byUser string) (storage.Forgotten, error) {
	ctx, cancel := context.WithTimeout(ctx, finalPatience)
	defer cancel()
	var sum storage.Forgotten
	stopped := map[string]bool{}
	defer b.live.pardon(stopped)
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		open, err := b.stopAll(ctx, f, stoppedError{userID: byUser}, stopped)
		if err != nil {
			return sum, err
		}
		if open == 0 {
			done, err := storage.ForgetAll(ctx, b.o.Store, f, nil)
			sum.Conversations += done.Conversations
			sum.Turns += done.Turns
			sum.Messages += done.Messages
			sum.Open = done.Open
			if err == nil && done.Open == 0 || err != nil && !errors.Is(err, storage.ErrConflict) {
				return sum, err
			}
		}
		if err := sleep(ctx, pause); errors.Is(err, context.DeadlineExceeded) {
			return sum, storage.ErrConflict
		} else if err != nil {
			return sum, err
		}
	}
}

// stopAll stops the open turns that are to be forgotten, once each, and returns
// how many are open. One whose answer is stored already ends by itself.
func (b *Bot) stopAll(ctx context.Context, f storage.Forgetting, why stoppedError, stopped map[string]bool) (open int, err error) {
	keys := []storage.ConversationKey{f.Key}
	if f.UserID != "" {
		if keys, err = b.o.Store.OpenConversations(ctx); err != nil {
			return 0, fmt.Errorf("read open conversations: %w", err)
		}
	}
	for _, key := range keys {
		turns, err := b.o.Store.Open(ctx, key)
		if err != nil {
			return 0, fmt.Errorf("read open turns: %w", err)
		}
		for _, t := range turns {
			// A question of theirs may have been joined into another's.
			if f.UserID != "" && t.UserID != f.UserID && !slices.Contains(authors(t.Text), f.UserID) {
				continue
			}
			open++
			if t.State != storage.StateFinal && !stopped[t.ID] {
				stopped[t.ID] = true
				b.live.doom(t.ID, why)
			}
		}
	}
	return open, nil
}

func (b *Bot) cannotRead(ctx context.Context, a aside, err error) { b.tell(ctx, a, b.unreadable(err)) }

// unreadable logs an error of the store and says it to a person.
func (b *Bot) unreadable(err error) string {
	b.log.Error("records not read", "err", b.storeError(err))
	return "I cannot read my records right now. Please try again later."
}

// unforgotten logs that not all was forgotten, and says what to do.
func (b *Bot) unforgotten(done storage.Forgotten, err error) string {
	b.log.Error("not all was forgotten", "turns", done.Turns, "messages", done.Messages, "err", b.storeError(err))
	switch {
	case errors.Is(err, storage.ErrConflict):
		return "I could not forget everything: an answer is still being written. Please try again in a minute."
	case errors.Is(err, context.Canceled), errors.Is(err, errShutdown):
		return "I was stopped before I had forgotten everything. Please try again in a minute."
	}
	return "I could not forget everything: something went wrong with my records. Please ask whoever runs me."
}

// lastWords gives what must be said a moment more if the bot is stopping.
func lastWords(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
}

// tellLast is tell with lastWords.
func (b *Bot) tellLast(ctx context.Context, a aside, text string) {
	ctx, cancel := lastWords(ctx)
	defer cancel()
	b.tell(ctx, a, text)
}
