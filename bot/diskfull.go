package bot

import (
	"context"
	"sync"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

const (
	diskFullText  = "My disk is full, so I cannot take new questions. Whoever runs me has been told."
	diskFullEvery = time.Minute // in one thread
)

// fullNotices are the refusals that were told, by thread, so that a talk among several people does
// not fill with the same line.
type fullNotices struct {
	mu   sync.Mutex
	last map[storage.ConversationKey]time.Time
}

// due reports whether the thread should be told, and notes that it was.
func (f *fullNotices) due(key storage.ConversationKey, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for k, at := range f.last {
		if now.Sub(at) >= diskFullEvery {
			delete(f.last, k)
		}
	}
	if _, told := f.last[key]; told {
		return false
	}
	f.last[key] = now
	return true
}

// refuseFull tells who asked that the store takes no new turns, and the operator
// why. The message is not kept anywhere: a redelivery would find the same disk.
func (b *Bot) refuseFull(key storage.ConversationKey, e event, err error) {
	if !b.fullNotices.due(key, time.Now()) {
		return
	}
	b.log.Error("a message was refused: the store is full; free disk space, or raise storage.max_size", "channel", e.ChannelID, "err", err)
	b.spawn <- func(ctx context.Context) { b.whisper(ctx, e.ChannelID, e.UserID, e.ThreadTS, diskFullText) }
}
