package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// editRest is how long an edited question rests before it is answered again:
// who corrects one word often corrects another.
const editRest = 3 * time.Second

// handleEdit follows a person's edit of a message. A question that waits gets
// the new words, one that is being answered is begun again, one that was answered
// is answered again in the same place.
func (b *Bot) handleEdit(ctx context.Context, cb callback) error {
	m, old := cb.Event.Message, cb.Event.Previous
	if m == nil {
		return nil
	}
	if m.Subtype == "tombstone" { // what is left of a deleted message that has a thread
		return b.handleDeletion(ctx, cb, m.TS)
	}
	m.ChannelID, m.ChannelType = cb.Event.ChannelID, cb.Event.ChannelType
	if !m.fromPerson(b.self) || old != nil && old.Text == m.Text { // a link was unfurled
		return nil
	}
	who := actor{UserID: m.UserID, ChannelID: m.ChannelID, Direct: m.direct(), External: b.external(cb)}
	text := b.question(*m)
	if b.o.Access.authorize(who) != allowed || text == "" {
		return nil
	}
	a := storage.Amendment{New: text}
	if old != nil {
		old.ChannelID, old.ChannelType = m.ChannelID, m.ChannelType
		old.UserID = m.UserID
		a.Old = b.question(*old)
	}
	if a.Old == text {
		return nil // the form has changed, not the words
	}
	turns, err := b.o.Store.Amend(ctx, b.keyOf(*m), m.TS, a, time.Now())
	if err != nil {
		return b.storeError(fmt.Errorf("store the edit: %w", err))
	}
	for _, turn := range turns {
		if err := b.answerEdited(ctx, turn, a, storage.DedupeKey{Kind: "edit", Value: m.ChannelID + ":" + m.TS + ":" + m.Edited.TS}); err != nil {
			return err
		}
	}
	return nil
}

// answerEdited sees to it that the new words of a turn are answered.
func (b *Bot) answerEdited(ctx context.Context, turn storage.Turn, a storage.Amendment, key storage.DedupeKey) error {
	switch {
	case turn.State == storage.StateRejected:
		return nil
	case turn.State.Terminal():
		text := a.New
		if a.Old != "" && strings.Contains(turn.Text, a.Old) {
			text = strings.Replace(turn.Text, a.Old, a.New, 1)
		}
		_, fresh, err := b.o.Store.Reopen(ctx, storage.Reopening{TurnID: turn.ID, Text: text, Keys: []storage.DedupeKey{key}, At: time.Now()})
		switch {
		case errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrNotFound): // somebody else opened it, or it is gone
			return nil
		case err != nil:
			return b.storeError(fmt.Errorf("open the edited turn again: %w", err))
		case fresh:
			b.log.Info("question edited, answering again", "turn", turn.ID)
			b.spawn <- func(ctx context.Context) {
				if sleep(ctx, editRest) == nil {
					b.converse(ctx, turn.Key)
				}
			}
		}
		return nil
	}
	b.spawn <- func(ctx context.Context) { b.beginAgain(ctx, turn, key) }
	return nil
}

// beginAgain has a turn that may be under way answered with its new words, which
// are stored.
func (b *Bot) beginAgain(ctx context.Context, turn storage.Turn, key storage.DedupeKey) {
	for sleep(ctx, editRest) == nil {
		if b.live.interrupt(turn.ID, editedError{}) {
			b.log.Info("question edited, beginning again", "turn", turn.ID)
			return
		}
		now, err := b.o.Store.Turn(ctx, turn.ID)
		if err != nil || now.State == storage.StateReceived {
			return // it waits, and will be read when its turn comes
		}
		if now.State.Terminal() {
			if err := b.answerEdited(ctx, now, storage.Amendment{New: now.Text}, key); err != nil {
				b.log.Error("edited question not answered again", "turn", turn.ID, "err", err)
			}
			return
		}
	}
}

// editedError is why a turn is begun again.
type editedError struct{}

func (editedError) Error() string { return "the question was edited" }

// handleDeletion follows the deletion of a person's message. It leaves the
// history; an answer that was given is offered to be removed.
func (b *Bot) handleDeletion(ctx context.Context, cb callback, ts string) error {
	old := cb.Event.Previous
	if old == nil || ts == "" {
		return nil
	}
	old.ChannelID, old.ChannelType, old.TS, old.Hidden = cb.Event.ChannelID, cb.Event.ChannelType, ts, false
	if !old.fromPerson(b.self) {
		return nil
	}
	turns, err := b.o.Store.Unsay(ctx, b.keyOf(*old), ts, time.Now())
	if err != nil {
		return b.storeError(fmt.Errorf("store the deletion: %w", err))
	}
	for _, turn := range turns {
		if turn.JoinedInto != "" {
			b.live.interrupt(turn.JoinedInto, editedError{})
			continue
		}
		stopped := b.live.interrupt(turn.ID, stoppedError{userID: old.UserID, deleted: true})
		if stopped || turn.State.Terminal() && len(turn.Parts) > 0 {
			b.spawn <- func(ctx context.Context) {
				b.whisper(ctx, old.ChannelID, old.UserID, turn.Key.ThreadTS, "You deleted your question, and I have forgotten it. Shall my answer go too?", removeBlocks(turn))
			}
		}
	}
	return nil
}

// remove deletes the messages of an answer from Slack.
func (b *Bot) remove(ctx context.Context, who actor, a action) (string, error) {
	turn, err := b.o.Store.Turn(ctx, a.Value)
	if errors.Is(err, storage.ErrNotFound) {
		return "I do not remember this answer any more.", nil
	}
	if err != nil {
		return "", b.storeError(fmt.Errorf("read the turn: %w", err))
	}
	if no, err := b.mayControl(ctx, who, turn); no != allowed || err != nil {
		return string(no), err
	}
	if !turn.State.Terminal() {
		return "I am still writing this answer. Stop it first.", nil
	}
	b.spawn <- func(ctx context.Context) {
		for _, p := range turn.Parts {
			if p.TS == "" {
				continue
			}
			if err := b.deleteMessage(ctx, turn.Key.ChannelID, p.TS); err != nil {
				b.log.Warn("answer not removed", "turn", turn.ID, "err", err)
			}
		}
	}
	return "", nil
}
