//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package main

import (
	"errors"
	"os"
)

var errLocked = errors.New("locked by another process")

// openLocked opens or creates a file that one process at a time may hold. Without
// flock the lock is a second file, which a killed process leaves behind; lockHint
// says what to do then.
func openLocked(name string) (f *os.File, unlock func() error, err error) {
	lock, err := os.OpenFile(name+".lock", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, nil, errLocked
	}
	if err != nil {
		return nil, nil, err
	}
	unlock = func() error { return errors.Join(lock.Close(), os.Remove(lock.Name())) }
	f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, errors.Join(err, unlock())
	}
	return f, unlock, nil
}

// closeLocked closes the file, then unlocks it: an open file cannot be removed
// everywhere.
func closeLocked(f *os.File, unlock func() error, remove bool) error {
	err := f.Close()
	if remove {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return errors.Join(err, unlock())
}

func lockHint(name string) string {
	return "; if none is running, remove " + name + ".lock"
}

// lockStore has no lock to take here: a store in use is told by its control
// socket, and cannot be renamed.
func lockStore(string) (unlock func() error, err error) { return func() error { return nil }, nil }
