package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// live knows the turns that are being answered, so that people can stop them.
type live struct {
	mu    sync.Mutex
	turns map[string]liveTurn // by id
	// Turns that somebody stopped, until they have ended: one may still wait for
	// its turn, and one whose end Slack did not take is run again.
	doomed map[string]stoppedError
}

type liveTurn struct {
	turn storage.Turn
	end  context.CancelCauseFunc
}

// stoppedError is why a turn that a person has stopped ends.
type stoppedError struct {
	userID  string // "" if Slack does not say
	deleted bool   // by deleting the question
}

func (e stoppedError) Error() string { return "stopped by " + e.userID }

// enter makes the turn known until leave is called. The context it returns ends
// with a stoppedError if somebody stops the turn.
func (l *live) enter(ctx context.Context, turn storage.Turn) (_ context.Context, leave func()) {
	ctx, end := context.WithCancelCause(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turns[turn.ID] = liveTurn{turn, end}
	if why, ok := l.doomed[turn.ID]; ok {
		end(why)
	}
	return ctx, func() {
		l.mu.Lock()
		delete(l.turns, turn.ID)
		l.mu.Unlock()
		end(nil)
	}
}

// interrupt ends the answering of a turn, if it is being answered.
func (l *live) interrupt(turnID string, why error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, ok := l.turns[turnID]
	if ok {
		t.end(why)
	}
	return ok
}

// doom stops the turn at once if it is being answered, else when its turn comes.
func (l *live) doom(turnID string, why stoppedError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, again := l.doomed[turnID]; !again {
		l.doomed[turnID] = why
	}
	if t, ok := l.turns[turnID]; ok {
		t.end(why)
	}
}

// isDoomed reports whether somebody has stopped the turn.
func (l *live) isDoomed(turnID string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, doomed := l.doomed[turnID]
	return doomed
}

// spare forgets that the turn was stopped: it has ended.
func (l *live) spare(turnID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.doomed, turnID)
}

// pardon forgets that turns were to be stopped: they have ended otherwise.
func (l *live) pardon(ids map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range ids {
		delete(l.doomed, id)
	}
}

// in returns the turns of a conversation that are being answered, or with no
// ThreadTS those of a channel.
func (l *live) in(key storage.ConversationKey) (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, t := range l.turns {
		if t.turn.Key.ChannelID == key.ChannelID && (key.ThreadTS == "" || t.turn.Key == key) {
			ids = append(ids, id)
		}
	}
	return ids
}

const noSuchTurn = "I do not remember this question any more."

// remembered returns the turn that somebody wants to do something with or, if it
// was deleted meanwhile, what to tell them.
func (b *Bot) remembered(ctx context.Context, turnID string) (storage.Turn, string, error) {
	turn, err := b.o.Store.Turn(ctx, turnID)
	if errors.Is(err, storage.ErrNotFound) {
		return turn, noSuchTurn, nil
	}
	if err != nil {
		return turn, "", b.storeError(fmt.Errorf("read the turn: %w", err))
	}
	return turn, "", nil
}

// stopAnswer stops a turn for somebody and returns what to tell them: "" if it
// shows in the reply.
func (b *Bot) stopAnswer(ctx context.Context, who actor, turnID string) (string, error) {
	turn, gone, err := b.remembered(ctx, turnID)
	if gone != "" || err != nil {
		return gone, err
	}
	if no, err := b.mayControl(ctx, who, turn); no != allowed || err != nil {
		return string(no), err
	}
	if turn.State.Terminal() || turn.State == storage.StateFinal {
		return "This answer is finished already.", nil
	}
	return b.stopTurn(ctx, turnID, who.UserID)
}

// stopTurn stores the stop and carries it out.
func (b *Bot) stopTurn(ctx context.Context, turnID, userID string) (string, error) {
	err := b.o.Store.Stop(ctx, turnID, userID, time.Now())
	if errors.Is(err, storage.ErrConflict) || errors.Is(err, storage.ErrNotFound) {
		return "This answer is finished already.", nil
	}
	if err != nil {
		return "", b.storeError(err)
	}
	b.log.Info("stopped", "turn", turnID, "user", userID)
	b.live.doom(turnID, stoppedError{userID: userID})
	return "", nil
}

// stopThread stops what is being answered in a conversation, or with no ThreadTS
// in a channel.
func (b *Bot) stopThread(ctx context.Context, who actor, key storage.ConversationKey) (string, error) {
	ids := b.live.in(key)
	if len(ids) == 0 { // perhaps one that is taken up after a start or an outage
		open, err := b.o.Store.Open(ctx, key)
		if err != nil {
			return "", b.storeError(fmt.Errorf("read open turns: %w", err))
		}
		for _, turn := range open {
			ids = append(ids, turn.ID)
		}
	}
	if len(ids) == 0 {
		return "There is nothing to stop: I am not writing anything here.", nil
	}
	var say string
	for _, id := range ids {
		text, err := b.stopAnswer(ctx, who, id)
		if err != nil {
			return "", err
		}
		say = text
	}
	return say, nil
}

// Reactions that stop the answer, or the answer to the question, under which they
// are put.
var stopReactions = []string{"octagonal_sign", "black_square_for_stop"}

// handleReaction stops the turn whose question or answer got a stop sign. Other
// reactions are none of the bot's business.
func (b *Bot) handleReaction(ctx context.Context, cb callback) error {
	e := cb.Event
	if !slices.Contains(stopReactions, e.Reaction) || e.Item.Type != "message" || e.UserID == b.self.UserID {
		return nil
	}
	turn, err := b.openTurnAt(ctx, e.Item.ChannelID, e.Item.TS)
	if err != nil || turn == nil {
		return b.storeError(err)
	}
	if fresh, err := b.firstDelivery(ctx, cb); err != nil || !fresh {
		return err
	}
	who := actor{UserID: e.UserID, ChannelID: e.Item.ChannelID, Direct: strings.HasPrefix(e.Item.ChannelID, "D"), External: b.external(cb)}
	say := string(b.o.Access.authorize(who))
	if say == "" {
		if say, err = b.stopAnswer(ctx, who, turn.ID); err != nil {
			return err
		}
	}
	b.sayPrivately(who, turn.Key, say)
	return nil
}

// handleSessionStopped is Slack's own Stop button, which an app with an agent
// view has while a native stream runs.
func (b *Bot) handleSessionStopped(ctx context.Context, cb callback) error {
	e := cb.Event
	who := actor{UserID: e.UserID, ChannelID: e.ChannelID, Direct: strings.HasPrefix(e.ChannelID, "D"), External: b.external(cb)}
	if b.o.Access.authorize(who) != allowed {
		return nil
	}
	if fresh, err := b.firstDelivery(ctx, cb); err != nil || !fresh {
		return err
	}
	// Slack shows the button to whom the stream is for, and has stopped it already.
	// The event may come late, when the thread's next turn is being answered.
	for _, ts := range e.StreamingMessageTS {
		turn, err := b.openTurnAt(ctx, e.ChannelID, ts)
		if err != nil {
			return b.storeError(err)
		}
		if turn != nil {
			if _, err := b.stopTurn(ctx, turn.ID, e.UserID); err != nil {
				return err
			}
		}
	}
	return nil
}

// firstDelivery reports whether a stop is new. Delivered again, it would stop the
// next answer to the same question.
func (b *Bot) firstDelivery(ctx context.Context, cb callback) (bool, error) {
	fresh, err := b.o.Store.Once(ctx, []storage.DedupeKey{{Kind: "event", Value: cb.EventID}}, time.Now())
	return fresh, b.storeError(err)
}

// openTurnAt returns the unfinished turn whose question or reply is the message,
// or nil.
func (b *Bot) openTurnAt(ctx context.Context, channelID, ts string) (*storage.Turn, error) {
	keys, err := b.o.Store.OpenConversations(ctx)
	if err != nil {
		return nil, fmt.Errorf("read open conversations: %w", err)
	}
	for _, key := range keys {
		if key.ChannelID != channelID {
			continue
		}
		turns, err := b.o.Store.Open(ctx, key)
		if err != nil {
			return nil, fmt.Errorf("read open turns: %w", err)
		}
		for _, t := range turns {
			if t.TS == ts || slices.ContainsFunc(t.Parts, func(p storage.Part) bool { return p.TS == ts }) {
				return &t, nil
			}
		}
		if t, err := b.joinedAt(ctx, key, ts, turns); t != nil || err != nil {
			return t, err
		}
	}
	return nil, nil
}

// joinedAt returns the open turn into which the question at ts was joined, or nil.
func (b *Bot) joinedAt(ctx context.Context, key storage.ConversationKey, ts string, open []storage.Turn) (*storage.Turn, error) {
	all, err := b.o.Store.Turns(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("read turns: %w", err)
	}
	for _, t := range all {
		if t.TS != ts || t.JoinedInto == "" {
			continue
		}
		id := answeredBy(all, t)
		if i := slices.IndexFunc(open, func(o storage.Turn) bool { return o.ID == id }); i >= 0 {
			return &open[i], nil
		}
	}
	return nil, nil
}

// answeredBy is the id of the turn whose answer is the turn's too: what it was
// joined into, and that perhaps into another after a restart. "" if that is not
// among all turns of the conversation: it was deleted.
func answeredBy(all []storage.Turn, turn storage.Turn) string {
	for turn.JoinedInto != "" {
		i := slices.IndexFunc(all, func(t storage.Turn) bool { return t.ID == turn.JoinedInto })
		if i < 0 {
			return ""
		}
		turn = all[i]
	}
	return turn.ID
}

// mayControl is the gate for stopping an answer and having it written again: who
// asked, admins and, if so configured, everyone who has said something in the
// conversation.
func (b *Bot) mayControl(ctx context.Context, who actor, turn storage.Turn) (refusal, error) {
	if who.UserID == turn.UserID || b.o.Access.admin(who.UserID) || slices.Contains(authors(turn.Text), who.UserID) {
		return allowed, nil
	}
	if b.o.Reply.StopBy != StopByThread {
		return "Only the person who asked and admins can do that.", nil
	}
	// Not all who have asked are in the history by name: a question may have come
	// to nothing, or was joined into another's.
	turns, err := b.o.Store.Turns(ctx, turn.Key)
	if err != nil {
		return "", b.storeError(fmt.Errorf("read turns: %w", err))
	}
	if asked(turns, who.UserID) {
		return allowed, nil
	}
	history, err := b.o.Store.History(ctx, turn.Key, 0)
	if err != nil {
		return "", b.storeError(fmt.Errorf("read history: %w", err))
	}
	if heard(history, who.UserID) {
		return allowed, nil
	}
	return "Only people who take part in this thread and admins can do that.", nil
}

// stopNote is the line under an answer that was stopped.
func (b *Bot) stopNote(ctx context.Context, turn storage.Turn, why stoppedError) string {
	if why.deleted {
		return "_Stopped: the question was deleted._"
	}
	if why.userID == "" || why.userID == turn.UserID {
		return "_Stopped._"
	}
	return "_Stopped by " + b.nameOf(ctx, why.userID) + "._"
}
