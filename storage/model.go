package storage

import (
	"fmt"
	"time"
)

// ConversationKey names our exchange in one Slack thread. ThreadTS is the ts
// of the thread's root message, also in a direct message.
type ConversationKey struct {
	TeamID    string
	ChannelID string
	ThreadTS  string
}

func (k ConversationKey) String() string {
	return k.TeamID + "/" + k.ChannelID + "/" + k.ThreadTS
}

// DedupeTTL is how long a [DedupeKey] stays claimed. Slack's last redelivery
// comes after five minutes; hourly delayed deliveries go on for 24 hours.
const DedupeTTL = 24 * time.Hour

// DedupeKey names one thing Slack may deliver more than once. The same
// message arrives under several names (an event id per delivery kind, its
// channel and ts), so callers claim all the names they know at once.
type DedupeKey struct {
	Kind  string // "event", "message", "client", "action"
	Value string
}

// State says how far a turn has come. Every change is one durable write.
type State string

const (
	// StateReceived: journalled, nothing sent to Slack yet.
	StateReceived State = "received"
	// StatePosting: the first Slack write is about to happen or happened;
	// whether Slack has the message is unknown until its ts is stored.
	StatePosting State = "posting"
	// StateStreaming: the reply's ts is known and its text is growing.
	StateStreaming State = "streaming"
	// StateFinal: answer, history and usage are stored; Slack may not show
	// the end of the text yet.
	StateFinal State = "final"
	// StateDone: Slack confirmed the last write.
	StateDone State = "done"

	// StateRejected: refused at the gate after it was journalled.
	StateRejected State = "rejected"
	// StateInterrupted: given up half way; the message says so.
	StateInterrupted State = "interrupted"
	// StateFailed: no answer could be given or shown.
	StateFailed State = "failed"
	// StateCancelled: stopped by a person.
	StateCancelled State = "cancelled"
)

// Terminal reports whether no worker has anything left to do for the turn.
func (s State) Terminal() bool {
	switch s {
	case StateReceived, StatePosting, StateStreaming, StateFinal:
		return false
	}
	return true
}

// next lists the states a turn may move to. A state may always be written
// again (a checkpoint). No step leads out of a terminal state: to have a turn
// answered anew is an intent of its own, [Store.Reopen].
var next = map[State][]State{
	StateReceived:  {StatePosting, StateFinal, StateDone, StateRejected, StateInterrupted, StateFailed, StateCancelled},
	StatePosting:   {StateStreaming, StateFinal, StateInterrupted, StateFailed, StateCancelled},
	StateStreaming: {StateFinal, StateInterrupted, StateFailed, StateCancelled},
	StateFinal:     {StateDone, StateFailed},
}

// CanFollow reports whether a turn in state from may be moved to state to.
func CanFollow(from, to State) bool {
	if from == to {
		return !from.Terminal()
	}
	for _, s := range next[from] {
		if s == to {
			return true
		}
	}
	return false
}

// Part is one Slack message of a reply. A long answer has several.
type Part struct {
	// TS is empty while the message is about to be posted: whether Slack has
	// it is unknown.
	TS string
	// Stream: the message was opened with chat.startStream, and must be
	// stopped before it can be edited.
	Stream bool
}

// Turn is one user message, or several joined, and its answer.
type Turn struct {
	ID         string // supplied by the caller, unique for ever
	Key        ConversationKey
	State      State
	Attempt    int    // grows each time the model is asked again
	UserID     string // Slack user id of who asked
	TS         string // Slack ts of the user's message; turns run in this order
	Text       string // the question as plain text
	Direct     bool   // asked in a direct message
	ReceivedAt time.Time
	UpdatedAt  time.Time

	ReplyID string // opaque marker in the reply's Slack metadata
	Parts   []Part // Slack messages of the reply, oldest first
	Answer  string // text so far (checkpoint), whole from StateFinal on
	Failure string // why it failed, in operator's words

	JoinedInto string         // turn that answered this one too
	Feedback   map[string]int // Slack user id -> +1 or -1

	Calls  []UsageRow // model calls of the last answering
	Prompt PromptNote // what the model was given in it
	// Again: answered before, and reopened; its messages may stand in the
	// history.
	Again bool
	// EditedTS is the Slack ts of the newest edit of the question that Amend was
	// told of; "" if none.
	EditedTS string
	// Stopped: a person wants no answer any more, StoppedBy if Slack says who.
	Stopped   bool
	StoppedBy string
}

// PromptNote says what an answer was made from, for people who ask why it is
// as it is. It counts messages and holds none of their text.
type PromptNote struct {
	Used    int    // messages of the conversation
	Thread  int    // messages of the Slack thread that were not said to the bot
	Dropped int    // left out, oldest first
	Window  int    // tokens the model takes in all, the reason for Dropped
	Oldest  string // Slack ts of the oldest message used; "" if none
}

// Role says who speaks in a [Message].
type Role string

const (
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
)

// Message is one line of a conversation's history.
type Message struct {
	Seq    uint64 // assigned by the store, grows within a conversation
	TurnID string
	Role   Role
	UserID string // Slack user id; empty for the assistant
	TS     string // Slack ts
	Text   string
}

// History is what a conversation remembers.
type History struct {
	// From is the Seq of the first message the last prompt still used; a
	// stable cut keeps the provider's prefix cache warm.
	From     uint64
	Messages []Message // by Seq
	// Forgotten says until when what a user said here was erased, see
	// [Store.Forget]; under "" what anybody said. Slack still shows it, and who
	// reads the thread there must leave it out, or it would come back.
	Forgotten map[string]time.Time
}

// Lease is the right to move the turns of one conversation.
type Lease struct {
	Key   ConversationKey
	Owner string
	Fence uint64
	Until time.Time
}

func (l Lease) String() string {
	return fmt.Sprintf("%s by %s, fence %d", l.Key, l.Owner, l.Fence)
}
