//go:build !(darwin || dragonfly || freebsd || linux)

package boltstore

import "errors"

// freeSpace is not known here, so that only [Options.MaxSize] bounds the file.
func freeSpace(string) (free, total uint64, err error) { return 0, 0, errors.ErrUnsupported }
