//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package main

import "syscall"

// privately calls f so that no file it makes is open to others, not even until
// its mode is changed.
func privately(f func()) {
	defer syscall.Umask(syscall.Umask(0o177))
	f()
}
