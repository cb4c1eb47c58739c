package boltstore

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/bobbin-bot/bobbin/storage"
)

// inspect verifies a file before bbolt may write to it.
func inspect(path string, o Options, deadline time.Time) error {
	return readOnly(path, o, deadline, func(r *reading) error { return r.structure(nil) })
}

// reading is a file that is open for reading only. Nobody can write to it
// meanwhile.
type reading struct {
	tx    *bolt.Tx
	file  *os.File
	pages *walk
}

// readOnly calls fn with the file. A panic or fault on what is damaged in it is
// [storage.ErrCorrupt].
func readOnly(path string, o Options, deadline time.Time, fn func(*reading) error) error {
	switch info, err := os.Stat(path); {
	case err != nil:
		return errors.Unwrap(err)
	case info.IsDir():
		return errors.New("it is a folder")
	case info.Size() == 0:
		return fmt.Errorf("%w: the file is empty; delete it to begin with a new store", storage.ErrCorrupt)
	}
	var file *os.File
	options := o.bolt(time.Until(deadline), func(name string, flag int, perm os.FileMode) (f *os.File, err error) {
		file, err = os.OpenFile(name, flag, perm)
		return file, err
	})
	options.ReadOnly = true
	options.InitialMmapSize, options.MaxSize = 0, 0
	db, err := bolt.Open(path, 0o600, options)
	if err != nil {
		return openError(err)
	}
	err = guard(func() error {
		return db.View(func(tx *bolt.Tx) error {
			size := db.Info().PageSize
			return fn(&reading{tx, file, newWalk(file, size, uint64(tx.Size())/uint64(size))})
		})
	})
	return errors.Join(err, db.Close())
}

// structure verifies everything that bbolt could trip over. The walk is our own
// because bbolt's, which every open for writing makes to find the free pages,
// runs in a goroutine of its own: a damaged page would end the process there.
// It reads with ReadAt, so that a file that is too short is an error and not a
// fault, and no page twice, so that a circle is not endless.
func (r *reading) structure(each func(pages int) error) error {
	r.pages.each = each
	if err := r.pages.tree(uint64(r.tx.Cursor().Bucket().Root())); err != nil {
		if stopped, ok := errors.AsType[interrupted](err); ok {
			return stopped.error
		}
		return fmt.Errorf("%w: %w", storage.ErrCorrupt, err)
	}
	return checkSchema(r.tx)
}

// checkSchema returns [storage.ErrSchema] for a file from a newer version, and
// [storage.ErrCorrupt] for one that is no store of ours.
func checkSchema(tx *bolt.Tx) error {
	meta := tx.Bucket(bucketNames[bucketMeta])
	if meta == nil {
		return fmt.Errorf("%w: a bbolt file, but not a Bobbin store", storage.ErrCorrupt)
	}
	version, err := view{tx}.metaNumber("schema")
	if err != nil {
		return err
	}
	if version == 0 {
		return damaged(bucketMeta, []byte("schema"), "there is no layout 0")
	}
	if version > schema {
		return fmt.Errorf("%w: the file has layout %d, this program knows layouts up to %d", storage.ErrSchema, version, schema)
	}
	if _, err := (view{tx}).metaNumber("boot"); err != nil {
		return err
	}
	for b := range bucketsOf(version) {
		if tx.Bucket(bucketNames[b]) == nil {
			return fmt.Errorf("%w: bucket %s is missing", storage.ErrCorrupt, b)
		}
	}
	return nil
}

// openError sorts bbolt's errors: what is not a lock or the operating system's
// is the file's fault.
func openError(err error) error {
	_, isErrno := errors.AsType[syscall.Errno](err)
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return storage.ErrInUse
	case isErrno:
		return err
	case errors.Is(err, berrors.ErrInvalid):
		return fmt.Errorf("%w: %w: not a store, or both of its meta pages are damaged", storage.ErrCorrupt, err)
	}
	return fmt.Errorf("%w: %w", storage.ErrCorrupt, err)
}
