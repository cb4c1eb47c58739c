// Package boltstore keeps conversations in one bbolt file. It implements
// [storage.Store] for a single process: the file is locked while it is open.
//
// # Writing
//
// One goroutine owns all write transactions. It takes every call that waits,
// runs them in order in one transaction and commits once, so that a lone
// caller pays one commit and 64 callers share one. See writer.go for the
// reasons. A failed commit ends the store: every later write returns
// [storage.ErrFailed], and the process must end, because only a fresh start
// can tell what the disk holds. The one exception is a commit that found no room
// and of which nothing happened, see room.go: its callers get
// [storage.ErrFull], and the store goes on.
//
// # Layout
//
// All buckets are flat. Strings in keys carry their length in front (uvarint),
// so that no name can run into the next; numbers are big-endian with the sign
// bit flipped, so that they sort. "thread" stands for the three strings of a
// ConversationKey: thread ts, channel, team.
//
//	bucket   key                                  value
//	meta     name                                 schema, boot counter, last clean stop
//	thread   thread, 0                            last activity, newest seq, From, ids of open turns, until
//	                                              when who was forgotten
//	thread   thread, 1, turn id                   the Turn
//	thread   thread, 2, seq (8)                   the Message; nothing if it was taken back
//	turn_id  turn id                              thread
//	open     thread                               nothing: the thread has a turn in a non-terminal state
//	idle     hour of last activity (8), thread    nothing: it has none
//	claim    time (12), unique (8)                hashes of the dedupe keys claimed in one call
//	ledger   second (8), unique (8)               the UsageRow
//	usage    day (8), user, channel, provider,    the numbers of a UsageTotal
//	         model
//	cube     number (1), key of the cube          the same, added up over what the key does not tell apart
//	budget   0, turn id                           the Reservation
//	budget   1, day (8), scope, id                who lifted the limits, and when
//	mine     user, thread                         nothing: the user may have an answer in the thread
//	verdict  sign (1), time the question came     nothing: the user's feedback on the turn
//	         (12), turn id, user
//
// The cubes, in cube.go, are what a question about usage reads: totals by day, by
// month and by quarter, of everybody or of one user or channel. They change with
// the totals, in the same write, and can be made of them anew. So can mine and
// verdict of the turns.
//
// This is layout 3. A file of an older one lacks the last four buckets; [Open]
// makes them, see migrate.go.
//
// A commit costs as much as it has pages to rewrite, 16 KiB each, so the layout
// keeps together what is written together: a thread's records are neighbours,
// threads are in order of time, and dedupe keys, whose names are random, are a
// log (claim.go). Turn ids that grow with time keep turn_id compact too; random
// ones work and cost one page more each.
//
// idle, claim, ledger, usage and the lifts in budget are in order of expiry:
// [Store.Purge] begins with the oldest entry and never looks through the rest.
// What is in the cubes goes with the totals, and the entries of mine and verdict
// with their turns. It must be called now and then: the claims of all keys that
// have not been purged are in memory too.
//
// # Erasing
//
// [Store.Forget] looks for a person in the thread bucket, from its beginning to
// its end in steps of about 5,000 records: there is no index by person, which
// each Accept would have to write. mine leads only to those who were answered, and
// to nobody who was heard in a thread. Entries of mine and verdict, which say who
// asked and judged when but not what, go in the same write as their turns; only
// those of a turn that is damaged stay, lead nowhere and are passed over.
// Reservations and lifts stay, like all usage.
//
// A record erased is not yet bytes gone: bbolt leaves them in free pages until it
// needs those. A compacted copy of the file has none of them.
//
// # Records
//
// Every value is a version byte, a CRC32C and a payload. The checksum covers
// the bucket's name, the key, the version and the payload, so a record that was
// changed, moved or swapped is [storage.ErrCorrupt]. Payloads are the
// fields in a fixed order: numbers as varints, strings with their length, times
// as seconds and nanoseconds. It is not JSON because answers are stored while
// they grow and may end inside a character, which JSON would replace. A field
// that is added goes to the end, and is zero in records that end before it;
// any other change of a field list gets a new record version.
//
// # Damage
//
// bbolt checks the pages of a file only in a goroutine of its own, where a
// damaged page ends the process. [Open] therefore walks the tree itself first,
// with plain reads (pages.go), and returns [storage.ErrCorrupt] for
// everything that bbolt could trip over. After that:
//
//   - A damaged value is found by its checksum, when it is read.
//   - A damaged key hides its record. Where a reader finds nothing it checks the
//     records on both sides, since a key that still sorts is between the same
//     neighbours. Messages and open turns are listed or counted beside. Only the
//     log of dedupe keys is read without: see claim.go.
//   - A fault or panic while reading is caught and becomes ErrCorrupt; while
//     writing it ends the store like a failed commit.
//
// Three limits remain. A page number that changes into that of an outdated copy
// of the same page shows old records. Of the two meta pages the older one
// takes over when the newer is damaged; after [Store.Close] nothing is lost by
// that, after a crash the last commit is. And if pages are damaged while the
// file is open and the page cache has dropped them, bbolt may still end the
// process in a failing commit. In none of these is a record changed or made up.
//
// # Operating
//
// [Store.Backup] copies a store in use. [Verify] reads all of a file and says
// what is wrong with it, [Salvage] makes a new store of what is intact in a
// damaged one, [Compact] a smaller one of a store in order; all three work on
// files that no process has open, and only read them. [BackupFile] does so too.
package boltstore
