// Package storage is Bobbin's data model and the contract of the stores that
// keep it. It does no I/O and imports no driver.
//
// # What is stored
//
// A [Turn] is one question and its answer, and the journal of how far the
// answer has come: see [State]. Turns of one Slack thread share a
// [ConversationKey]. The finished exchange is appended to the conversation's
// history as [Message] values, the model calls it took as [UsageRow] values.
//
// # Who may write
//
// [Store.Accept] is open to all, and so are [Store.Reopen], since nobody works
// on a turn that has ended, [Store.Unsay] and [Store.Amend], which follow what
// people do in Slack, and [Store.Forget], which leaves open turns alone.
// Everything else that moves a turn needs a [Lease] on its
// conversation, so that two workers, or two processes on a shared store, never
// answer the same thread at the same time. A lease carries a fence: a number
// that grows with every new holder. A write with an old fence is refused with
// [ErrFenced], however late it arrives.
//
// # Implementing a store
//
// Package storagetest holds the conformance suite. A store is correct when it
// passes, and each case says which rule it defends.
package storage
