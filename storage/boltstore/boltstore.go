package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/bobbin-bot/bobbin/storage"
)

// Store is a [storage.Store] in one file. It is safe for concurrent use.
type Store struct {
	db      *bolt.DB
	writer  *writer
	leases  leases
	claims  claims
	room    room
	entries uint32 // numbers given out by unique
}

var _ storage.Store = (*Store)(nil)

type openFunc = func(name string, flag int, perm os.FileMode) (*os.File, error)

// Open opens the store in the file path and creates the file, with mode 0600,
// if there is none. The folder must exist. Path must not be on a file system
// that does not keep locks, such as some network mounts.
//
// It reads the structure of the whole file, about a second for each GB.
//
// Errors: [storage.ErrInUse] if another process (or another Store) has the
// file open and keeps it for longer than the lock timeout;
// [storage.ErrCorrupt] if the file is not a store or is damaged, nothing is
// changed then; [storage.ErrSchema] if it was written by a newer version.
func Open(path string, o Options) (*Store, error) {
	s, err := open(path, o, os.OpenFile)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	return s, nil
}

func open(path string, o Options, openFile openFunc) (*Store, error) {
	o = o.withDefaults()
	deadline := time.Now().Add(o.LockTimeout)
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("folder %s: %w", dir, errors.Unwrap(err))
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", dir)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(path, o); err != nil {
			return nil, fmt.Errorf("create: %w", err)
		}
	}
	if err := inspect(path, o, deadline); err != nil {
		return nil, err
	}
	// inspect has let go of the lock. What may have come between is another
	// process that opened the file, so that it is in use, or that is done with
	// it, so that it is in order. It must not be a file that bbolt makes.
	var opened *os.File
	existing := func(name string, flag int, perm os.FileMode) (f *os.File, err error) {
		opened, err = openFile(name, flag&^os.O_CREATE, perm)
		return opened, err
	}
	db, err := bolt.Open(path, 0o600, o.bolt(time.Until(deadline), existing))
	if err != nil {
		return nil, openError(err)
	}
	if !sameFile(opened, path) {
		// It was moved away while we waited for its lock, as `bobbin restore`
		// does. What we would store would not be there after the next start.
		return nil, errors.Join(fmt.Errorf("%w: it was replaced by another file meanwhile", storage.ErrInUse), db.Close())
	}
	if err := migrate(db, o.Progress); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &Store{db: db, room: room{db: db, path: path, maxSize: o.MaxSize, free: o.Free}}
	s.room.limit()
	s.writer = newWriter(db, s.room.commitFailed)
	s.leases.held = make(map[storage.ConversationKey]storage.Lease)
	if err := s.start(); err != nil {
		s.writer.close(func(*change) error { return nil })
		return nil, errors.Join(err, s.db.Close())
	}
	removeLeftovers(path)
	return s, nil
}

// sameFile reports whether path leads to the open file f.
func sameFile(f *os.File, path string) bool {
	ours, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(ours, named)
}

// start counts the opening of the file, which makes this run's fences and
// ledger keys larger than all earlier ones.
func (s *Store) start() error {
	in, err := s.writer.enqueue(func(c *change) error {
		boot, err := c.metaNumber("boot")
		if err != nil {
			return err
		}
		s.leases.boot = boot + 1
		s.claims = loadClaims(c.view)
		c.putMetaNumber("boot", boot+1)
		return nil
	})
	if err != nil {
		return err
	}
	return <-in.result
}

// unique returns a number that is larger than all others in the file. Only the
// writer's goroutine may call it.
func (s *Store) unique() uint64 {
	s.entries++
	return uint64(s.leases.boot)<<32 | uint64(s.entries)
}

// Close commits the writes that wait, marks a clean stop and lets go of the
// file. It waits for reads under way. A second Close does nothing.
//
// The mark is more than a note: it is a commit after the last real one, so
// that damage to the newest of bbolt's two meta pages loses only the mark.
func (s *Store) Close() error {
	err := s.writer.close(func(c *change) error {
		c.putMetaNumber("clean stop", s.leases.boot)
		return nil
	})
	if errors.Is(err, storage.ErrFull) {
		err = nil // there is no room for the mark; all that was stored is
	}
	if err := errors.Join(err, s.db.Close()); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

func (v view) metaNumber(name string) (uint32, error) {
	key := []byte(name)
	payload, ok, err := v.get(bucketMeta, key)
	if err != nil {
		return 0, err
	}
	if !ok || len(payload) != 4 {
		return 0, damaged(bucketMeta, key, "it is not a number")
	}
	return binary.BigEndian.Uint32(payload), nil
}

func (c *change) putMetaNumber(name string, n uint32) {
	key := []byte(name)
	c.putSealed(bucketMeta, key, metaNumber(key, n))
}

func metaNumber(key []byte, n uint32) []byte {
	return seal(bucketMeta, key, binary.BigEndian.AppendUint32(make([]byte, recordHeader), n))
}
