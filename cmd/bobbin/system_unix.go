//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package main

import (
	"os"
	"syscall"
)

// privately calls f so that no file it makes is open to others, not even until
// its mode is changed.
func privately(f func()) {
	defer syscall.Umask(syscall.Umask(0o177))
	f()
}

// takeOwner gives a file the owner of another one. Only root can, and only root
// has to: anybody else's files are their own.
func takeOwner(file string, like os.FileInfo) error {
	of, ok := like.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(file, int(of.Uid), int(of.Gid))
}
