//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package main

// privately calls f. A new file gets its folder's rights here.
func privately(f func()) { f() }
