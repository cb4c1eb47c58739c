package boltstore

import (
	"math/bits"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/bobbin-bot/bobbin/storage"
)

// Stats is what an open store knows of itself without reading the file.
type Stats struct {
	FileBytes int64 // pages of the file, in use or free
	FreeBytes int64 // those that are free for the next writes
	MaxSize   int64 // [Options.MaxSize]
	// Commits since the file was opened, each of one or more writes, and how
	// long they took.
	Commits              int64
	CommitP50, CommitP99 time.Duration
}

// Stats may be called at any time.
func (s *Store) Stats() (Stats, error) {
	if s.writer.isClosed() {
		return Stats{}, storage.ErrClosed
	}
	st := Stats{MaxSize: s.room.maxSize}
	if err := guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error { st.FileBytes = tx.Size(); return nil })
	}); err != nil {
		return Stats{}, err
	}
	pages := s.db.Stats()
	st.FreeBytes = int64(pages.FreePageN+pages.PendingPageN) * pageSize
	l := &s.writer.latency
	st.Commits, st.CommitP50, st.CommitP99 = l.count(), l.quantile(50), l.quantile(99)
	return st, nil
}

// Failed returns why no write will succeed any more, [storage.ErrFailed] or
// [storage.ErrClosed], or nil. It asks no disk.
func (s *Store) Failed() error {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	if s.writer.closed {
		return storage.ErrClosed
	}
	return s.writer.failed
}

// latency counts durations by size, four classes to each doubling: a figure
// read back is at most a quarter too long.
type latency [4 * 40]atomic.Int64

func (l *latency) add(d time.Duration) {
	l[min(latencyClass(d), len(l)-1)].Add(1)
}

func latencyClass(d time.Duration) int {
	n := uint64(max(d, 4))
	shift := bits.Len64(n) - 3 // the leading bit and two more remain
	return 4*shift + int(n>>shift&3)
}

func (l *latency) count() (n int64) {
	for i := range l {
		n += l[i].Load()
	}
	return n
}

// quantile returns how long percent of the commits took at most.
func (l *latency) quantile(percent int64) time.Duration {
	if l.count() == 0 {
		return 0
	}
	left := (l.count()*percent + 99) / 100
	for i := range l {
		if left -= l[i].Load(); left <= 0 {
			return time.Duration(4+i%4+1) << (i / 4)
		}
	}
	return 0
}
