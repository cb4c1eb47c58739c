//go:build darwin || dragonfly || freebsd || linux

package boltstore

import "syscall"

// freeSpace reports how much of the disk of path is free for us, and how large
// it is.
func freeSpace(path string) (free, total uint64, err error) {
	var s syscall.Statfs_t
	for err = syscall.EINTR; err == syscall.EINTR; {
		err = syscall.Statfs(path, &s)
	}
	return uint64(max(s.Bavail, 0)) * uint64(s.Bsize), s.Blocks * uint64(s.Bsize), err
}
