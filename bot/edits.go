package bot

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	if old != nil {
		old.ChannelID, old.ChannelType, old.UserID = m.ChannelID, m.ChannelType, m.UserID
		if b.question(*old) == text {
			return nil // the form has changed, not the words
		}
	}
	// Two edits may come at once: the turn that one opens again takes the words of
	// the other as an open turn does.
	for try := 0; ; try++ {
		if err := b.amend(ctx, *m, text); !errors.Is(err, storage.ErrConflict) || try == 3 {
			return err
		}
	}
}

// amend stores the new words of a message and has them answered. It returns
// [storage.ErrConflict] if the turn was opened again meanwhile.
func (b *Bot) amend(ctx context.Context, m event, text string) error {
	a := storage.Amendment{Text: text, EditedTS: m.Edited.TS}
	turns, err := b.o.Store.Amend(ctx, b.keyOf(m), m.TS, a, time.Now())
	if err != nil {
		return b.storeError(fmt.Errorf("store the edit: %w", err))
	}
	if len(turns) == 0 {
		b.early.note(m.ChannelID+":"+m.TS, earlyWords{text, m.Edited.TS, time.Now()})
	}
	for _, turn := range turns {
		if err := b.answerEdited(ctx, turn, m.TS, text, storage.DedupeKey{Kind: "edit", Value: m.ChannelID + ":" + m.TS + ":" + m.Edited.TS}); err != nil {
			return err
		}
	}
	return nil
}

// answerEdited sees to it that the new words of the message ts, which the turn
// answers, are answered.
func (b *Bot) answerEdited(ctx context.Context, turn storage.Turn, ts, text string, key storage.DedupeKey) error {
	was := turn.State
	turn, err := b.ended(ctx, turn)
	switch {
	case err != nil:
		return err
	case was != turn.State && !turn.State.Terminal():
		// Another edit has opened it meanwhile, with other words.
		return fmt.Errorf("%w: it is %s again", storage.ErrConflict, turn.State)
	case turn.State == storage.StateRejected:
		return nil
	case turn.State.Terminal():
		_, fresh, err := b.o.Store.Reopen(ctx, storage.Reopening{TurnID: turn.ID, TS: ts, Text: text, Keys: []storage.DedupeKey{key}, At: time.Now()})
		switch {
		case errors.Is(err, storage.ErrNotFound):
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
	// Its words are stored, and no answer to the old ones will be taken: the
	// sooner it stops the better.
	b.spawn <- func(ctx context.Context) {
		if sleep(ctx, editRest) == nil && b.live.interrupt(turn.ID, editedError{}) {
			b.log.Info("question edited, beginning again", "turn", turn.ID)
		}
	}
	return nil
}

// ended waits a moment for a turn whose answer is being confirmed. If it takes
// longer the edit is to be delivered again.
func (b *Bot) ended(ctx context.Context, turn storage.Turn) (storage.Turn, error) {
	for range 20 {
		if turn.State != storage.StateFinal {
			return turn, nil
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return turn, err
		}
		now, err := b.o.Store.Turn(ctx, turn.ID)
		if err != nil {
			return turn, b.storeError(fmt.Errorf("read the turn: %w", err))
		}
		turn = now
	}
	return turn, errors.New("the edited question is being answered this moment")
}

// early remembers edits and deletions that overtook their message: what met no
// socket comes again minutes later, as it was first.
type early struct {
	mu    sync.Mutex
	words map[string]earlyWords // by channel:ts
}

type earlyWords struct {
	text     string // "" if the message was deleted
	editedTS string
	at       time.Time
}

// earlyKept bounds what is remembered, and for how long: edits of messages that
// were never meant for us are noted too.
const (
	earlyKept = 1000
	earlyTTL  = 10 * time.Minute
)

func (e *early) note(key string, words earlyWords) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, w := range e.words {
		if words.at.Sub(w.at) > earlyTTL {
			delete(e.words, k)
		}
	}
	old, known := e.words[key]
	gone := known && old.text == ""
	if len(e.words) < earlyKept && !gone && (words.text == "" || !laterTS(old.editedTS, words.editedTS)) {
		e.words[key] = words
	}
}

// of returns the words of a message that was changed before it came, and whether
// it was.
func (e *early) of(key string, now time.Time) (text string, changed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w, ok := e.words[key]
	return w.text, ok && now.Sub(w.at) <= earlyTTL
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
	if len(turns) == 0 {
		b.early.note(old.ChannelID+":"+ts, earlyWords{at: time.Now()})
	}
	for _, turn := range turns {
		if turn.JoinedInto != "" {
			all, err := b.o.Store.Turns(ctx, turn.Key)
			if err != nil {
				return b.storeError(fmt.Errorf("read turns: %w", err))
			}
			b.live.interrupt(answeredBy(all, turn), editedError{})
			continue
		}
		stopped := b.live.interrupt(turn.ID, stoppedError{userID: old.UserID, deleted: true})
		if stopped || turn.State.Terminal() && len(turn.Parts) > 0 {
			b.spawn <- func(ctx context.Context) {
				const text = "You deleted your question, and I have forgotten it. Shall my answer go too?"
				b.whisper(ctx, old.ChannelID, old.UserID, turn.Key.ThreadTS, text, removeBlocks(turn, text)...)
			}
		}
	}
	return nil
}

// remove deletes the messages of an answer from Slack.
func (b *Bot) remove(ctx context.Context, who actor, a action) (string, error) {
	turn, gone, err := b.remembered(ctx, a.Value)
	if gone != "" || err != nil {
		return gone, err
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
