package boltstore

import (
	"math"
	"runtime"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Options configures [Open]. The zero value is right for a bot.
type Options struct {
	// LockTimeout is how long Open waits for another process to let go of the
	// file; 0 means 2 seconds.
	LockTimeout time.Duration
	// InitialMmapSize is how many bytes of address space are mapped at once; 0
	// means 1 GiB, less on 32 bit and on Windows. When the file outgrows
	// it, one write has to wait for all readers. It takes no disk space
	// (except on Windows) and no memory.
	InitialMmapSize int
	// MaxSize is how large the file may become, in bytes; 0 means no limit. New
	// turns are refused a bit before, see [storage.ErrFull].
	MaxSize int64
	// Free reports how many bytes are free for us on the disk of a file, and how
	// many it has; nil asks the operating system. Where it returns an error the
	// disk counts as free. It is asked every ten seconds at most.
	Free func(path string) (free, total uint64, err error)
	// Progress, if not nil, is called while Open takes over a file of an older
	// layout, which needs a minute for some millions of records: with none done,
	// then after each batch of records, and with all of them.
	Progress func(done, total int64)
}

// pageSize in bytes, fixed when a file is created. Measured: 16 KiB gives a
// smaller file than 4 KiB at the same commit time.
const pageSize = 16 << 10

func (o Options) withDefaults() Options {
	if o.LockTimeout == 0 {
		o.LockTimeout = 2 * time.Second
	}
	if o.InitialMmapSize == 0 {
		switch {
		case runtime.GOOS == "windows": // the file takes the size of the map
			o.InitialMmapSize = 16 << 20
		case strconv.IntSize == 32:
			o.InitialMmapSize = 256 << 20
		default:
			o.InitialMmapSize = 1 << 30
		}
	}
	if o.Free == nil {
		o.Free = freeSpace
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	return o
}

// bolt returns bbolt's options for writing. A freelist that is not synced
// makes commits on a file with many free pages ten times faster and costs a
// walk through the file at open; bbolt would lock for ever with a timeout
// of 0.
func (o Options) bolt(timeout time.Duration, open openFunc) *bolt.Options {
	return &bolt.Options{
		Timeout:         max(timeout, time.Millisecond),
		FreelistType:    bolt.FreelistMapType,
		NoFreelistSync:  true,
		PageSize:        pageSize,
		InitialMmapSize: o.InitialMmapSize,
		MaxSize:         int(min(o.MaxSize, math.MaxInt)),
		OpenFile:        open,
	}
}
