package storage

import (
	"context"
	"errors"
	"iter"
	"time"
)

// Forgetting says what [Store.Forget] erases: one conversation, or what one
// person has said in all of them. Exactly one of Key and UserID is set.
type Forgetting struct {
	// Key is a conversation. An empty TeamID stands for any team: Slack's
	// channel ids are unique without it.
	Key    ConversationKey
	UserID string

	At    time.Time // becomes the time in [History.Forgotten]
	After string    // Next of the call before; "" begins
	Limit int       // conversations that one call changes; 0 means 25
}

// Forgotten is what one call of [Store.Forget] has erased.
type Forgotten struct {
	Conversations int // in which something was erased
	Turns         int
	Messages      int    // of the history
	Open          int    // turns that stay because they have not ended
	Next          string // to go on with, as [Forgetting.After]; "" if that was all
}

// add sums up steps; the cursor is the last one's.
func (f *Forgotten) add(step Forgotten) {
	f.Conversations += step.Conversations
	f.Turns += step.Turns
	f.Messages += step.Messages
	f.Open += step.Open
	f.Next = step.Next
}

// ForgetAll calls s.Forget until nothing is left to erase, and returns the sum.
// step, if not nil, is told the sum so far after each call. Damaged records do
// not end it: it goes on and returns the first such error with the sum.
func ForgetAll(ctx context.Context, s Store, f Forgetting, step func(Forgotten)) (Forgotten, error) {
	var sum Forgotten
	var damaged error
	for {
		part, err := s.Forget(ctx, f)
		if err != nil && !(errors.Is(err, ErrCorrupt) && f.UserID != "") {
			return sum, err
		}
		if damaged == nil {
			damaged = err
		}
		sum.add(part)
		if step != nil {
			step(sum)
		}
		if part.Next == "" || part.Next == f.After {
			return sum, damaged
		}
		f.After = part.Next
	}
}

// ExportKind says what an [Exported] is.
type ExportKind string

const (
	ExportQuestion ExportKind = "question" // asked by the person
	ExportHeard    ExportKind = "heard"    // read in a thread, not said to the bot
	ExportFeedback ExportKind = "feedback" // the person's verdict on the answer to another's question
)

// Exported is one thing that the store has of a person.
type Exported struct {
	Kind   ExportKind
	Key    ConversationKey
	TurnID string
	TS     string    // Slack ts of what they said, or of the question whose answer they judged
	At     time.Time // when a question was received; zero for the other kinds

	// Text is what they said. What others said that was joined with it is left
	// out.
	Text string
	// Answer is the answer to a question, also if it was given together with
	// others.
	Answer   string
	State    State // of a question
	Feedback int   // the person's own: +1, -1, or 0 for none
}

// ExportAll yields all pages of s.Export, and ends with the first error.
func ExportAll(ctx context.Context, s Store, userID string) iter.Seq2[Exported, error] {
	return func(yield func(Exported, error) bool) {
		for after := ""; ; {
			page, next, err := s.Export(ctx, userID, after, 0)
			if err != nil {
				yield(Exported{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			after = next
		}
	}
}
