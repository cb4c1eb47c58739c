//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package main

import (
	"errors"
	"os"
	"syscall"
)

var errLocked = errors.New("locked by another process")

// openLocked opens or creates a file that one process at a time may hold. The
// lock is the kernel's, so a killed process leaves none.
func openLocked(name string) (f *os.File, unlock func() error, err error) {
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != nil {
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				err = errLocked
			}
			return nil, nil, err
		}
		// The one who held it may have removed the file in between: then this
		// is a lock on a file that has no name any more.
		if sameAsOpen(f, name) {
			return f, func() error { return nil }, nil
		}
		f.Close()
	}
}

func sameAsOpen(f *os.File, name string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(name)
	return err == nil && os.SameFile(opened, named)
}

// closeLocked closes the file and thereby unlocks it. To remove it while
// somebody else may open it, it must still be locked.
func closeLocked(f *os.File, unlock func() error, remove bool) error {
	var err error
	if remove {
		err = os.Remove(f.Name())
	}
	return errors.Join(err, f.Close(), unlock())
}

func lockHint(string) string { return "" }

// lockStore takes the lock that an open store holds. A store that is not there
// cannot be locked, and nobody holds it.
func lockStore(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errLocked
		}
		return nil, err
	}
	return f.Close, nil
}
