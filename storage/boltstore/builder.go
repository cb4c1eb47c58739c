package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
)

// builder makes a new store of many records. Like create, it works on a file
// under another name, which gets its own when everything is on the disk.
type builder struct {
	path, temp string
	db         *bolt.DB
	tx         *bolt.Tx
	size       int // of what tx has taken
}

// batchSize is how many bytes go into one transaction.
const batchSize = 16 << 20

func newBuilder(path string) (*builder, error) {
	if exists(path) {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	temp, err := tempBeside(path)
	if err != nil {
		return nil, err
	}
	b := &builder{path: path, temp: temp}
	o := Options{}.withDefaults()
	if err := initialise(temp, o); err != nil {
		os.Remove(temp)
		return nil, err
	}
	if b.db, err = bolt.Open(temp, 0o600, o.bolt(time.Second, nil)); err != nil {
		os.Remove(temp)
		return nil, err
	}
	// Until it is finished the file is worth nothing, and then it is synced.
	b.db.NoSync, b.db.NoGrowSync = true, true
	if err := b.begin(); err != nil {
		b.discard()
		return nil, err
	}
	return b, nil
}

func (b *builder) begin() (err error) {
	b.tx, err = b.db.Begin(true)
	b.size = 0
	return err
}

// put stores a record, which must not be changed before the next flush.
func (b *builder) put(in bucket, key, record []byte) error {
	to := b.tx.Bucket(bucketNames[in])
	to.FillPercent = 1 // old records do not grow
	if err := to.Put(key, record); err != nil {
		return fmt.Errorf("write to %s: %w", in, err)
	}
	b.size += len(key) + len(record) + elementSize
	if b.size < batchSize {
		return nil
	}
	return b.flush()
}

func (b *builder) get(in bucket, key []byte) []byte {
	return b.tx.Bucket(bucketNames[in]).Get(key)
}

func (b *builder) flush() error {
	if err := b.tx.Commit(); err != nil {
		return fmt.Errorf("write %s: %w", b.temp, err)
	}
	return b.begin()
}

// finish puts the file in its place and returns its size. If accept is not nil
// and refuses that size, there will be no file.
func (b *builder) finish(accept func(size int64) bool) (size int64, err error) {
	if err := b.flush(); err != nil {
		return 0, err
	}
	size = b.tx.Size()
	if err := errors.Join(b.tx.Rollback(), b.db.Close()); err != nil {
		return 0, err
	}
	b.db = nil
	if accept != nil && !accept(size) {
		return size, nil
	}
	f, err := os.OpenFile(b.temp, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	// bbolt makes files longer than they have to be.
	if err := errors.Join(f.Truncate(size), f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	return size, place(b.temp, b.path)
}

// discard ends the work. After finish it does nothing of harm.
func (b *builder) discard() {
	if b.db != nil {
		b.tx.Rollback()
		b.db.Close()
		b.db = nil
	}
	os.Remove(b.temp)
}
