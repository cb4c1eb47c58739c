package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/bobbin-bot/bobbin/storage"
)

// room decides whether a new turn may still be accepted. It says no before the
// disk or the file is really full, so that answers under way can be stored and
// old conversations be deleted. Only the writer's goroutine uses it.
type room struct {
	db      *bolt.DB
	path    string
	maxSize int64
	free    func(path string) (free, total uint64, err error)

	until time.Time // disk holds until then
	disk  error     // nil: there is room
}

const (
	// freeEvery is how often the disk is asked.
	freeEvery = 10 * time.Second
	// A disk is full below 512 MiB or below 5 %, whichever is less. What turns
	// under way still write is a matter of megabytes and does not grow with the
	// disk: 5 % of a big one would refuse work with 50 GB free. On a volume of
	// 1 GB, which is common for a container, 512 MiB would give away half of it,
	// where 51 MiB do.
	freeBytes   = 512 << 20
	freePercent = 5
	// reserve is how much of MaxSize is kept for turns under way.
	maxReserve = 64 << 20
)

// limit makes bbolt keep to MaxSize. bbolt grows a file in steps of 16 MiB and
// refuses a step that goes beyond, so that steps must be small beside MaxSize.
func (r *room) limit() {
	if r.maxSize > 0 {
		r.db.AllocSize = int(min(int64(r.db.AllocSize), max(r.maxSize/16, pageSize)))
	}
}

// check returns [storage.ErrFull] if no new turn should be accepted.
func (r *room) check(tx *bolt.Tx) error {
	if now := time.Now(); !now.Before(r.until) {
		r.until, r.disk = now.Add(freeEvery), nil
		free, total, err := r.free(r.path)
		if least := min(freeBytes, total/100*freePercent); err == nil && free < least {
			r.disk = fmt.Errorf("%w: %d MiB are free on the disk, and %d MiB are kept for answers under way",
				storage.ErrFull, free>>20, least>>20)
		}
	}
	if r.disk != nil || r.maxSize <= 0 {
		return r.disk
	}
	// Pages that the last commits have freed are left out: while somebody reads
	// for long, a backup say, they cannot be used.
	left := r.maxSize - int64(r.db.AllocSize) - tx.Size() + int64(r.db.Stats().FreePageN)*pageSize
	if left < min(r.maxSize/8, maxReserve) {
		return fmt.Errorf("%w: the file has %d MiB left of its limit of %d MiB, which are kept for answers under way",
			storage.ErrFull, max(left, 0)>>20, r.maxSize>>20)
	}
	return nil
}

// commitFailed keeps new turns out for a while after a commit found no room:
// after each such failure bbolt walks through the whole file.
func (r *room) commitFailed() {
	r.until = time.Now().Add(freeEvery)
	r.disk = fmt.Errorf("%w: there was none for the last write", storage.ErrFull)
}

// lacksRoom reports whether a commit failed in a step that leaves what is stored
// as it was: bbolt's own limit comes before anything is written, and a data page
// that the disk has no block for is written to where nothing refers to. bbolt
// takes up its list of free pages again then. It is not so for a failed fsync,
// whatever its number, which leaves open what the disk holds; and the caller has
// to make sure that it was not the meta page.
func lacksRoom(err error) bool {
	if errors.Is(err, berrors.ErrMaxSizeReached) {
		return true
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok && e.Op == "write" {
		return errors.Is(e.Err, syscall.ENOSPC) || errors.Is(e.Err, syscall.EDQUOT)
	}
	// bbolt passes on only the text of what happened when the file was made longer.
	text, resize := strings.CutPrefix(err.Error(), "file resize error: ")
	return resize && (strings.Contains(text, syscall.ENOSPC.Error()) || strings.Contains(text, syscall.EDQUOT.Error()))
}
