package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

// maxAttempts is how often the model is asked for one turn, counting crashes and
// edits at the last moment.
const maxAttempts = 5

// historyLimit is how many messages of a conversation a prompt looks at.
const historyLimit = 200

// errShutdown is the cause of turns that a stopping bot gives up.
var errShutdown = errors.New("bot: shutting down")

// runTurn brings one turn to its end, from whatever state it is in. It returns
// an error only if the turn stays open: the store failed, the lease was lost,
// or the bot is stopping.
func (b *Bot) runTurn(ctx context.Context, lease storage.Lease, turn storage.Turn) error {
	turn, err := b.recover(ctx, lease, turn)
	if err != nil {
		return err
	}
	if turn.State.Terminal() {
		return nil
	}
	r := b.newReply(lease, turn)
	defer r.leave()
	switch {
	case turn.State == storage.StateFinal:
		return b.deliver(ctx, r, turn.Answer, b.answerBlocks(turn, nil))
	case turn.Attempt > maxAttempts:
		return b.interrupt(ctx, r)
	case turn.State == storage.StateReceived && time.Since(turn.ReceivedAt) > tooLate:
		return b.askFirst(ctx, r)
	}
	if turn.Stopped { // before a crash, or while it waited
		b.live.doom(turn.ID, stoppedError{userID: turn.StoppedBy})
	}
	r.start(ctx)
	defer r.settle()
	if !turn.Stopped {
		r.say("is thinking…")
	}
	a, err, cause := b.askUnlessEdited(ctx, turn, r)
	r.settle()
	why, stopped := errors.AsType[stoppedError](cause)
	switch {
	case err == nil: // also if the bot is stopping: the answer is paid for
		err = b.record(ctx, r, a)
	case ctx.Err() != nil:
		return b.suspend(ctx, r, a)
	case stopped:
		err = b.cancel(ctx, r, a, why)
	default:
		err = b.giveUp(ctx, r, a, err)
	}
	if err == nil {
		b.noticeBudget(ctx, turn, append(a.recorded, a.usage...))
	}
	return err
}

// askUnlessEdited asks the model, again with the new words each time the question
// is edited meanwhile. cause is why somebody ended the asking, if somebody did.
func (b *Bot) askUnlessEdited(ctx context.Context, turn storage.Turn, r *reply) (a answer, err, cause error) {
	var before answer
	for {
		asking, leave := b.live.enter(ctx, turn)
		a, err = b.ask(asking, turn, r)
		cause = context.Cause(asking)
		leave()
		a.usage, a.recorded = append(before.usage, a.usage...), append(before.recorded, a.recorded...)
		a.reserved = a.reserved || before.reserved
		if _, edited := errors.AsType[editedError](cause); !edited || ctx.Err() != nil {
			return a, err, cause
		}
		before = a
		reworded, err := b.o.Store.Turn(ctx, turn.ID)
		if err != nil {
			return a, fmt.Errorf("read the edited question: %w", err), nil
		}
		turn.Text = reworded.Text
		r.restart()
		r.say("is reading the edit…")
	}
}

// tooLate is the age at which a question is not answered unasked: the people may
// have found the answer, or each other.
const tooLate = 15 * time.Minute

// askFirst asks whether a question that has waited while we were away is still to
// be answered.
func (b *Bot) askFirst(ctx context.Context, r *reply) error {
	text := "I was away when you asked this, " + roundUp(time.Since(r.turn.ReceivedAt)) + " ago. Shall I still answer?"
	err := r.finish(ctx, text, lateBlocks(r.turn)...)
	if err != nil && refusalCode(err) == "" {
		return fmt.Errorf("ask whether to answer: %w", err)
	}
	return b.end(ctx, r, storage.Change{To: storage.StateInterrupted, Failure: "too old to be answered unasked", Parts: r.storedParts()})
}

// recover finds out what an earlier process, or an earlier try of this one, did
// for the turn, and counts the attempt.
func (b *Bot) recover(ctx context.Context, lease storage.Lease, turn storage.Turn) (storage.Turn, error) {
	if turn.State == storage.StateReceived && turn.ReceivedAt.After(b.started) && turn.Attempt == 0 {
		return turn, nil // the usual case: a fresh turn needs no look and no write
	}
	if err := b.settleTurn(ctx, turn); err != nil {
		return turn, err
	}
	change := storage.Change{TurnID: turn.ID, From: turn.State, To: turn.State, At: time.Now()}
	parts, err := b.findParts(ctx, turn)
	switch {
	case refusalCode(err) != "":
		b.log.Error("reply of an interrupted turn cannot be looked for", "turn", turn.ID, "err", err)
		change.To, change.Failure = storage.StateFailed, err.Error()
	case err != nil:
		return turn, err
	case len(parts) > 0:
		change.Parts = parts
		if turn.State == storage.StatePosting {
			change.To = storage.StateStreaming
		}
	}
	if turn.State != storage.StateFinal {
		change.Attempt = turn.Attempt + 1
	}
	turn, err = b.o.Store.Advance(ctx, lease, change)
	if err == nil && turn.State.Terminal() {
		b.live.spare(turn.ID)
		b.observe(turn)
	}
	return turn, err
}

// findParts returns the messages the turn's reply has in Slack. Those whose
// post was under way are looked for.
func (b *Bot) findParts(ctx context.Context, turn storage.Turn) ([]storage.Part, error) {
	parts := turn.Parts
	switch {
	case turn.State == storage.StateReceived:
		return nil, nil
	case len(parts) == 0 && turn.State != storage.StateStreaming:
		parts = []storage.Part{{}} // posting, or final without a message
	}
	var known []storage.Part
	for number, p := range parts {
		if p.TS == "" {
			m, err := b.findReply(ctx, turn, number)
			if err != nil {
				return nil, err
			}
			if m == nil {
				continue
			}
			p = storage.Part{TS: m.ts, Stream: m.stream}
		}
		known = append(known, p)
	}
	return known, nil
}

// answer is what asking the model has brought.
type answer struct {
	text     string
	response *llm.Response
	reserved bool               // the turn has a reservation
	usage    []storage.UsageRow // calls that are to be recorded with the answer
	recorded []storage.UsageRow // those that are in the ledger already
	prompt   prompt
	thread   []storage.Message
	question string
}

// ask sends the conversation to the model and shows the text as it comes.
func (b *Bot) ask(ctx context.Context, turn storage.Turn, r *reply) (answer, error) {
	// text: of an earlier try, if nothing comes of this one
	a := answer{question: turn.Text, text: turn.Answer}
	req, err := b.prepare(ctx, turn, &a)
	if err != nil {
		return a, err
	}
	b.log.Debug("asking the model", "turn", turn.ID, "messages", len(req.Messages), "dropped", a.prompt.Dropped)
	var text strings.Builder
	for d, err := range b.o.Provider.Stream(ctx, req) {
		if err != nil {
			a.text = cmp.Or(text.String(), turn.Answer)
			return a, err
		}
		if d.Restart != nil {
			text.Reset()
			r.restart()
		}
		if d.Progress != nil {
			r.say(statusText(*d.Progress))
		}
		if d.Attempt != nil {
			if err := b.called(ctx, turn, &a, *d.Attempt); err != nil {
				return a, err
			}
		}
		if d.Text != "" {
			text.WriteString(d.Text)
			r.show(text.String())
		}
		if d.Response != nil {
			a.response = d.Response
			a.prompt.trimmed(d.Response.Trimmed, len(req.Messages))
		}
	}
	a.text = text.String()
	if a.response == nil { // a Provider that breaks its contract
		return a, &llm.Error{Class: llm.ClassProtocol, Provider: b.o.Provider.Name(), Message: "the stream ended without an answer"}
	}
	if strings.TrimSpace(a.text) == "" {
		return a, &llm.Error{Class: llm.ClassProtocol, Provider: a.response.Provider, Message: "the answer is empty"}
	}
	for i := range a.usage {
		a.usage[i].Fallback = a.response.Instead != nil
	}
	return a, nil
}

// called takes in a call to a provider that has ended. One that failed goes to
// the ledger at once: the answer may be a crash away.
func (b *Bot) called(ctx context.Context, turn storage.Turn, a *answer, at llm.Attempt) error {
	row := UsageRow(turn, at)
	if at.Err == nil {
		a.usage = append(a.usage, row)
		return nil
	}
	if at.Err.Class != llm.ClassCancelled {
		b.log.Warn("model call failed", "turn", turn.ID, "provider", at.Provider, "class", at.Err.Class,
			"took", at.Duration.Round(time.Millisecond), "err", at.Err)
	}
	if err := b.o.Store.RecordUsage(context.WithoutCancel(ctx), []storage.UsageRow{row}); err != nil {
		a.usage = append(a.usage, row)
		return fmt.Errorf("record usage: %w", err)
	}
	a.recorded = append(a.recorded, row)
	return nil
}

// prepare makes the request and keeps in a what it was made of.
func (b *Bot) prepare(ctx context.Context, turn storage.Turn, a *answer) (llm.Request, error) {
	history, err := b.o.Store.History(ctx, turn.Key, historyLimit)
	if err != nil {
		return llm.Request{}, fmt.Errorf("read history: %w", err)
	}
	a.thread = b.unseen(ctx, turn, history)
	history.Messages = before(history.Messages, turn)
	naming, cancel := context.WithTimeout(ctx, threadPatience)
	defer cancel()
	channel := b.o.Chat.Channels[turn.Key.ChannelID]
	in := promptInput{
		System: b.o.Chat.SystemPrompt, Model: channel.Model,
		History: history, Thread: a.thread, Question: turn.Text, UserID: turn.UserID,
		Window: b.o.Chat.ContextWindow, MaxOutput: b.o.Chat.MaxOutputTokens, Estimator: b.o.Estimator,
		Name: func(id string) string { return b.nameOf(naming, id) },
	}
	if channel.SystemPrompt != "" {
		in.System = channel.SystemPrompt
	}
	a.prompt = buildPrompt(in)
	req := a.prompt.Request
	if b.o.Prepare != nil {
		if err := b.o.Prepare(ctx, &req, turn); err != nil {
			return req, fmt.Errorf("prepare: %w", err)
		}
	}
	if err := b.reserve(ctx, turn, req); err != nil {
		return req, err
	}
	a.reserved = true
	return req, nil
}

// record stores the answer with its history and usage, and only then tells
// Slack that it is the last word.
func (b *Bot) record(ctx context.Context, r *reply, a answer) error {
	turn := r.turn
	messages := append(a.thread[:len(a.thread):len(a.thread)],
		storage.Message{TurnID: turn.ID, Role: storage.RoleUser, UserID: turn.UserID, TS: turn.TS, Text: a.question},
		storage.Message{TurnID: turn.ID, Role: storage.RoleAssistant, Text: a.text})
	finished, err := b.o.Store.Finish(context.WithoutCancel(ctx), r.lease, storage.Result{
		TurnID: turn.ID, From: turn.State, At: time.Now(), Answer: a.text, Question: a.question,
		Messages: messages, Usage: a.usage, Recorded: a.recorded, Prompt: a.prompt.note(b.o.Chat.ContextWindow), HistoryFrom: a.prompt.From,
	})
	if errors.Is(err, storage.ErrConflict) {
		// The question was edited at the last moment: it is taken up again.
		if err := b.settle(ctx, turn.ID, a.usage); err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("record the answer: %w", err)
	}
	r.turn = finished
	return b.deliver(ctx, r, a.text, b.answerBlocks(finished, a.response))
}

// deliver writes the last version of the reply and closes the turn.
func (b *Bot) deliver(ctx context.Context, r *reply, text string, blocks []slack.Block) error {
	err := r.finish(ctx, text, blocks...)
	change := storage.Change{To: storage.StateDone, Parts: r.storedParts()}
	switch {
	case err == nil:
	case refusalCode(err) != "":
		// Archived, deleted, thrown out: no later try will do better.
		b.log.Error("answer cannot be shown", "turn", r.turn.ID, "channel", r.turn.Key.ChannelID, "err", err)
		change.To, change.Failure = storage.StateFailed, err.Error()
	default:
		return fmt.Errorf("last write of the reply: %w", err)
	}
	return b.end(ctx, r, change)
}

// giveUp tells the person that no answer will come.
func (b *Bot) giveUp(ctx context.Context, r *reply, a answer, cause error) error {
	refused, overBudget := errors.AsType[budgetError](cause)
	if !overBudget {
		b.log.Error("no answer", "turn", r.turn.ID, "channel", r.turn.Key.ChannelID, "class", llm.ClassOf(cause), "err", cause)
	}
	if err := b.settleAnswer(ctx, r.turn, a); err != nil {
		return err
	}
	text := "⚠️ " + userText(cause)
	if overBudget {
		text = refused.Error()
	}
	partial, err := b.partial(ctx, r.turn, a)
	if err != nil {
		return err
	}
	err = r.finish(ctx, withNote(partial, text), retryBlocks(r.turn)...)
	if err != nil && refusalCode(err) == "" {
		return fmt.Errorf("tell of a failure: %w", err)
	}
	return b.end(ctx, r, storage.Change{To: storage.StateFailed, Failure: cause.Error(), Parts: r.storedParts()})
}

// cancel ends a turn that somebody has stopped. What was written stays, and is
// no part of the history: half an answer would be believed.
func (b *Bot) cancel(ctx context.Context, r *reply, a answer, why stoppedError) error {
	if err := b.settleAnswer(ctx, r.turn, a); err != nil {
		return err
	}
	if now, err := b.o.Store.Turn(ctx, r.turn.ID); err != nil || now.State.Terminal() {
		r.clearStatus(ctx) // its question was deleted before it had a message
		return err
	}
	if a.text != "" { // Slack may refuse the end, and what comes after it begins here
		if err := r.advance(ctx, storage.Change{To: r.turn.State, Answer: a.text}); err != nil {
			return err
		}
	}
	partial, err := b.partial(ctx, r.turn, a)
	if err != nil {
		return err
	}
	err = r.finish(ctx, withNote(partial, b.stopNote(ctx, r.turn, why)), retryBlocks(r.turn)...)
	if err != nil && refusalCode(err) == "" {
		return fmt.Errorf("close a stopped answer: %w", err)
	}
	return b.end(ctx, r, storage.Change{To: storage.StateCancelled, Failure: why.Error(), Parts: r.storedParts()})
}

// partial is what is left when an answer fails: what came of it or, if nothing
// did, the answer that was to be replaced.
func (b *Bot) partial(ctx context.Context, turn storage.Turn, a answer) (string, error) {
	if text := trimEnd(a.text); text != "" || !turn.Again {
		return text, nil
	}
	history, err := b.o.Store.History(ctx, turn.Key, 0)
	if err != nil {
		return "", fmt.Errorf("read history: %w", err)
	}
	for _, m := range history.Messages {
		if m.TurnID == turn.ID && m.Role == storage.RoleAssistant {
			return trimEnd(m.Text), nil
		}
	}
	return "", nil
}

// withNote puts a line of our own under a text that may have broken off anywhere.
func withNote(text, note string) string {
	if text == "" {
		return note
	}
	if fence := openFence(text); fence != "" {
		text += "\n" + closing(fence)
	}
	return text + "\n\n" + note
}

// interrupt gives up a turn that was tried too often, and says so.
func (b *Bot) interrupt(ctx context.Context, r *reply) error {
	partial, err := b.partial(ctx, r.turn, answer{text: r.turn.Answer})
	if err != nil {
		return err
	}
	text := withNote(partial, "⚠️ I was interrupted each time I tried to answer this.")
	b.log.Error("turn given up after too many attempts", "turn", r.turn.ID, "attempts", r.turn.Attempt-1)
	if err := r.finish(ctx, text, retryBlocks(r.turn)...); err != nil {
		b.log.Error("interrupted reply not marked", "turn", r.turn.ID, "err", err)
		if ctx.Err() != nil {
			return err
		}
	}
	return b.end(ctx, r, storage.Change{To: storage.StateInterrupted, Failure: "interrupted too often", Parts: r.storedParts()})
}

// trimEnd cuts white space at the end alone: parts begin at offsets from the
// start.
func trimEnd(text string) string { return strings.TrimRight(text, " \t\r\n") }

// end moves the turn to its last state.
func (b *Bot) end(ctx context.Context, r *reply, c storage.Change) error {
	r.clearStatus(ctx)
	if r.turn.State == storage.StateReceived && c.To == storage.StateFailed {
		b.log.Warn("turn ends without a message", "turn", r.turn.ID)
	}
	if err := r.advance(ctx, c); err != nil {
		return err
	}
	b.live.spare(r.turn.ID)
	b.observe(r.turn)
	return nil
}

func (b *Bot) observe(turn storage.Turn) {
	if b.o.Observe != nil {
		b.o.Observe(turn)
	}
}

// suspend leaves a turn for the next start, which finishes it in the same
// message. A person who looks at it meanwhile should know.
func (b *Bot) suspend(ctx context.Context, r *reply, a answer) error {
	cause := context.Cause(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := b.settleAnswer(ctx, r.turn, a); err != nil {
		return err
	}
	if r.turn.State == storage.StateStreaming && errors.Is(cause, errShutdown) {
		text := withNote(trimEnd(a.text), "_I am being restarted and will finish this answer in a moment._")
		if err := r.mark(ctx, text); err != nil {
			b.log.Warn("interrupted reply not marked", "turn", r.turn.ID, "err", err)
		}
	}
	r.clearStatus(ctx)
	return cause
}

// UsageRow is the ledger's line of one call to a provider for the turn. Calls
// that nobody asked for, such as probes, have a zero turn.
func UsageRow(turn storage.Turn, at llm.Attempt) storage.UsageRow {
	row := storage.UsageRow{
		TurnID: turn.ID, UserID: turn.UserID, ChannelID: turn.Key.ChannelID, ThreadTS: turn.Key.ThreadTS,
		Provider: at.Provider, Model: at.Model, At: at.Start,
		InputTokens: at.Usage.InputTokens, CachedInputTokens: at.Usage.CachedInputTokens,
		OutputTokens: at.Usage.OutputTokens, ReasoningTokens: at.Usage.ReasoningTokens,
		Estimated: at.Usage.Estimated,
		Outcome:   at.Outcome(), FirstToken: at.FirstToken, Duration: at.Duration,
	}
	if at.Price != nil {
		price := storage.Price(*at.Price)
		row.Price, row.CostNanoUSD = &price, at.Price.Cost(at.Usage)
	}
	return row
}

func statusText(p llm.Progress) string {
	switch p.Stage {
	case llm.StageQueued:
		text := "is waiting for its turn"
		if p.Position > 0 {
			text += fmt.Sprintf(", number %d in the queue", p.Position)
		}
		if p.Wait > 0 {
			text += ", about " + roundUp(p.Wait)
		}
		return text + "…"
	case llm.StageFallback:
		return "is asking " + p.Provider + " instead…"
	}
	return "is trying " + p.Provider + " again…"
}
