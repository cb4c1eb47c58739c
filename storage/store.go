package storage

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrNotFound is returned when the named turn does not exist.
	ErrNotFound = errors.New("storage: not found")
	// ErrConflict is returned when a turn is not in the state the caller
	// expects, or may not move to the state it wants. Nothing was written.
	ErrConflict = errors.New("storage: turn is in another state")
	// ErrLeased is returned by Acquire while another owner's lease runs.
	ErrLeased = errors.New("storage: conversation is leased to another worker")
	// ErrFenced is returned when the lease has been taken over or released, or
	// is on another conversation than the turn's. The holder must stop:
	// somebody else works on the conversation. A lease that has run out but
	// that nobody took over is still good.
	ErrFenced = errors.New("storage: lease was taken over")
	// ErrInUse is returned on opening a store that another process holds.
	ErrInUse = errors.New("storage: in use by another process")
	// ErrCorrupt is returned when a record does not match its checksum or a
	// file is not a store. It is never answered with guessed data.
	ErrCorrupt = errors.New("storage: data is damaged")
	// ErrSchema is returned on opening a store written by a newer version.
	ErrSchema = errors.New("storage: written by a newer version")
	// ErrFull is returned by Accept when there is no room left but for what is
	// under way, and by any write that found no room at all. Nothing was written,
	// and the store goes on: it may have room again later.
	ErrFull = errors.New("storage: no room for new conversations")
	// ErrFailed is returned by every write after a commit whose outcome is
	// unknown (fsync failed). Only a restart can tell what was stored: the
	// process must end.
	ErrFailed = errors.New("storage: a commit failed, the process must restart")
	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("storage: closed")
)

// Store keeps conversations. Each method is one atomic intent, and each write
// is durable when it returns nil. Ids and times come from the caller. Values
// are copied in and out. All methods are safe for concurrent use.
//
// A context that is done on entry means nothing happened, and its error is
// returned. When it ends while a write is under way the outcome is unknown.
//
// Every method may return [ErrClosed], [ErrCorrupt] and, if it writes,
// [ErrFailed] and [ErrFull].
type Store interface {
	// Accept stores a new turn in StateReceived and claims all keys, or does
	// neither: if one key is claimed already it returns false. Otherwise a turn
	// whose ID exists is [ErrConflict]. [ErrFull] may come early, so that what is
	// under way has room to end; a key that is claimed is told before it.
	Accept(ctx context.Context, t Turn, keys []DedupeKey) (fresh bool, err error)

	// Once claims keys for something that makes no turn (a button, a text
	// command). It returns false, and claims nothing, if one was claimed.
	Once(ctx context.Context, keys []DedupeKey, at time.Time) (fresh bool, err error)

	// OpenConversations lists the conversations that have a turn in a
	// non-terminal state, in no particular order.
	OpenConversations(ctx context.Context) ([]ConversationKey, error)

	// Acquire leases a conversation until now+ttl. The same owner may acquire
	// again, which gives a new fence. It returns [ErrLeased] while another
	// owner's lease runs. The conversation need not exist.
	Acquire(ctx context.Context, key ConversationKey, owner string, now time.Time, ttl time.Duration) (Lease, error)
	// Renew extends l until now+ttl and keeps its fence, or [ErrFenced].
	Renew(ctx context.Context, l Lease, now time.Time, ttl time.Duration) (Lease, error)
	// Release ends l. A lease that was taken over or released is no error.
	Release(ctx context.Context, l Lease) error

	// Open returns the conversation's turns in non-terminal states in the
	// order of their Slack ts.
	Open(ctx context.Context, key ConversationKey) ([]Turn, error)
	// Turn returns one turn, or [ErrNotFound].
	Turn(ctx context.Context, id string) (Turn, error)

	// Turns returns all turns of a conversation in the order of their Slack ts.
	Turns(ctx context.Context, key ConversationKey) ([]Turn, error)

	// Advance moves a turn as c says and returns what is stored now.
	// [ErrNotFound], [ErrConflict] and [ErrFenced] change nothing.
	Advance(ctx context.Context, l Lease, c Change) (Turn, error)
	// Join makes the received turns in from part of the received turn into:
	// their texts are put in front of its own, in the order given and with a
	// newline after each, and they become StateDone with JoinedInto set. A turn
	// that is not received, or is named twice, is [ErrConflict].
	Join(ctx context.Context, l Lease, into string, from []string, at time.Time) (Turn, error)
	// Finish moves a turn to StateFinal and, in the same write, appends r's
	// messages to the history and r's rows to the usage ledger. A turn is
	// finished once: to finish a final turn is [ErrConflict]. If it was
	// reopened, messages that the history holds from its last Finish are
	// replaced where they are, so that a question answered anew does not stand
	// there twice.
	Finish(ctx context.Context, l Lease, r Result) (Turn, error)

	// Reopen makes a turn that has ended open again, so that it is answered
	// anew, in the messages its reply has in Slack: it becomes StateStreaming,
	// or StateReceived without a ReplyID if it has none. Parts without a ts go,
	// and so does what is about the old answer: Attempt, Answer, Failure,
	// Calls, Prompt and Feedback. It needs no lease, since nobody works on a
	// turn that has ended.
	//
	// It claims r.Keys in the same write, as Accept does: if one is claimed
	// already it returns false and changes nothing, whatever the turn's state.
	// Otherwise a turn that is not in a terminal state, was rejected or was
	// joined into another (which is the one to reopen) is [ErrConflict], and an
	// unknown one [ErrNotFound].
	Reopen(ctx context.Context, r Reopening) (t Turn, fresh bool, err error)

	// Stop notes that a person wants no answer to a turn any more, so that
	// whoever takes it up after a crash knows. It does not move the turn, and
	// needs no lease. A turn that is final or has ended is [ErrConflict], an
	// unknown one [ErrNotFound]. Reopen takes the note away.
	Stop(ctx context.Context, turnID, userID string, at time.Time) error

	// History returns the newest limit messages of a conversation; 0 means
	// all. An unknown conversation has an empty history.
	History(ctx context.Context, key ConversationKey, limit int) (History, error)

	// Unsay takes back what was said in the message ts, because it was deleted
	// in Slack. It goes from the history; if it is the question of a turn, that
	// turn's answer goes too. The Seq of other messages stays. A turn in
	// StateReceived that asks it becomes StateCancelled with the Failure "the
	// question was deleted". If it was joined into another turn its words go
	// from that turn's question.
	//
	// It returns all turns of the conversation that ask it, as they are stored
	// now, so that the caller can stop one that is being answered or offer to
	// remove its answer. An unknown conversation has none, and an empty ts is
	// nobody's. It needs no lease: a worker who was about to begin with a turn
	// is told by [ErrConflict].
	Unsay(ctx context.Context, key ConversationKey, ts string, at time.Time) (turns []Turn, err error)

	// Amend replaces the words of the message ts, because it was edited in
	// Slack: in the turn that asks it, or that it was joined into, unless that
	// is in StateFinal or has ended, and counts its attempts anew; and in messages of the history that were
	// heard in the thread, which are a user's and not the question of their
	// turn. What was answered already keeps the words that were answered:
	// [Store.Reopen] takes new ones.
	//
	// It returns the turns that answer the message, as they are stored now. For
	// the rest see Unsay.
	Amend(ctx context.Context, key ConversationKey, ts string, a Amendment, at time.Time) (turns []Turn, err error)

	// SetFeedback stores a user's +1 or -1 on a turn, replacing an earlier
	// one; 0 takes it back. It needs no lease. [ErrNotFound] if unknown.
	SetFeedback(ctx context.Context, turnID, userID string, value int, at time.Time) error

	// Verdicts returns feedback of one value, +1 or -1, on turns received since,
	// the latest first, at most limit.
	Verdicts(ctx context.Context, value int, since time.Time, limit int) ([]Verdict, error)
	// Conversations returns those in which a user has an answer, be it together
	// with others or that it is answered anew, the youngest thread first, at most
	// limit.
	Conversations(ctx context.Context, userID string, limit int) ([]Conversation, error)

	// RecordUsage appends rows of calls that ended without a Finish.
	RecordUsage(ctx context.Context, rows []UsageRow) error
	// Usage returns totals ordered by day, user, channel, provider, model. They
	// are kept, not added up from rows: it costs what it returns, and for totals
	// of users or channels over months about a record each and month.
	Usage(ctx context.Context, q UsageQuery) ([]UsageTotal, error)
	// Calls returns a page of the ledger's rows that q selects, in the order of
	// their time, and within a second in that of recording. after is "" or the
	// last call's next, and a next of "" means that there is no more. By is
	// ignored. A page has at most limit rows, 0 means 100, and may be empty though
	// more follows.
	Calls(ctx context.Context, q UsageQuery, after string, limit int) (rows []UsageRow, next string, err error)

	// Reserve notes what a turn may cost, in the place of its earlier
	// reservation, or returns an [*OverBudgetError] if one of limits has no room
	// for it and is not lifted. Checking and noting are one step: callers at the
	// same time cannot pass together where one alone fits.
	Reserve(ctx context.Context, r Reservation, limits []Limit) error
	// Settle appends rows and takes the turn's reservation away, in one write.
	// Finish does so too. A turn without a reservation is no error.
	Settle(ctx context.Context, turnID string, rows []UsageRow) error
	// Reservations returns those made before a time, in no particular order.
	Reservations(ctx context.Context, before time.Time) ([]Reservation, error)
	// Spent returns how limits stand at a time, in their order.
	Spent(ctx context.Context, limits []Limit, at time.Time) ([]Spend, error)
	// Lift lifts all limits of somebody for a day. It may be lifted already.
	Lift(ctx context.Context, l Lift) error

	// SetWatermarks stores up to which message each channel has been seen. A
	// watermark only rises: one that is not above the stored one changes
	// nothing.
	SetWatermarks(ctx context.Context, marks []Watermark) error
	// Watermarks returns all watermarks, in no particular order.
	Watermarks(ctx context.Context) ([]Watermark, error)
	// Recent returns at most limit conversations: those with an open turn, and
	// then those last active since, the latest first. Times are compared by the
	// hour, so that some may be up to an hour older.
	Recent(ctx context.Context, since time.Time, limit int) ([]ConversationKey, error)

	// Purge deletes at most limit expired things and returns how many it
	// deleted; less than limit means nothing is left to delete. What counts as
	// one thing is up to the store. Conversations with an open turn stay.
	Purge(ctx context.Context, b Before, limit int) (int, error)

	// Forget erases a conversation, or everything that a person has said. A call
	// is one small write, so that turns need not wait; the caller repeats it
	// with After until Next is "". See [ForgetAll].
	//
	// Of a conversation all turns and the whole history go, at once. While one
	// of its turns is open it is [ErrConflict] and nothing changes: the caller
	// has it stopped first. An unknown conversation has nothing to erase.
	//
	// Of a person these go, in every conversation: their turns, answers
	// included; the turns of others into which a question of theirs was joined,
	// because that text and its answer hold their words; what the history has of
	// all these; messages of theirs that were heard in a thread; their feedback
	// on the turns of others. Turns of theirs that are open, or were joined into
	// one that is, stay and are counted in Open: the caller has them stopped and
	// calls again. What others have said about them stays, and so does an answer
	// to somebody else that repeats them.
	//
	// Usage stays, since it holds no text and bills need it. Dedupe keys stay,
	// or a late redelivery would bring the words back. Of a conversation it is
	// remembered, until it expires, that and when something was erased: see
	// [History.Forgotten]. Activity is not: it expires when it would have.
	//
	// There is no index by person: all calls together read every turn and
	// message once. What is said while they run may stay.
	//
	// With [ErrCorrupt] the result is valid for a person: conversations with a
	// damaged record were passed over, and Next leads on.
	Forget(ctx context.Context, f Forgetting) (Forgotten, error)

	// Export returns a page of what the store has of a person, conversation by
	// conversation: after is "" or the last call's next, and a next of "" means
	// that there is no more. A page has about limit things, 0 means 100: it ends
	// with a conversation, and may be empty though more follows. See
	// [ExportAll]. The person's usage is told by Usage. It costs what Forget
	// costs.
	Export(ctx context.Context, userID, after string, limit int) (page []Exported, next string, err error)
}

// Change moves a turn from one state to another. Empty fields keep what is
// stored.
type Change struct {
	TurnID string
	From   State
	To     State
	At     time.Time

	ReplyID string
	Parts   []Part
	Answer  string
	Failure string
	Attempt int
}

// Reopening says which turn is to be answered anew, and why it is asked.
type Reopening struct {
	TurnID string
	// Text, if not "", are the new words of the message TS, which the turn
	// answers perhaps among others; without TS they are the whole question.
	Text, TS string
	Keys     []DedupeKey
	At       time.Time // becomes ReceivedAt and UpdatedAt
}

// Amendment is an edit of a message.
type Amendment struct {
	Text string // the new words
	// EditedTS is Slack's ts of the edit. One that is older than what was
	// amended before changes nothing, and no turn is returned for it: edits are
	// delivered again, and out of order. "" is always the newest.
	EditedTS string
}

// Result is what [Store.Finish] stores with a turn's answer.
type Result struct {
	TurnID string
	From   State
	At     time.Time
	Answer string
	// Question is what was answered. A turn that asks something else by now, see
	// [Store.Amend], is [ErrConflict]. "" is not compared.
	Question string
	// Messages are appended in order; Seq is ignored. Those of a reopened turn
	// that have TurnID, Role and TS of a message in the history replace it and
	// take its Seq; among equal ones the last replaces the newest.
	Messages []Message
	Usage    []UsageRow // goes to the ledger and, with Recorded before it, to [Turn.Calls]
	Recorded []UsageRow // calls of the same answering that the ledger has already
	Prompt   PromptNote
	// HistoryFrom becomes [History.From] if it is not 0.
	HistoryFrom uint64
}

// Watermark is the newest message that was seen in a channel.
type Watermark struct {
	ChannelID string
	TS        string
	Shared    bool // the channel is shared with another company
}

// Before says what has expired: everything older than each time. A zero time
// expires nothing.
type Before struct {
	Conversations time.Time // by last activity; turns and history go with them
	Usage         time.Time // rows, totals and lifts, by whole days (UTC)
	Dedupe        time.Time // keys claimed before
}
