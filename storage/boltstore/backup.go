package boltstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// Backup writes a consistent copy of the store to w, while the store is in use,
// and returns how many bytes it has. The copy is a store of its own.
//
// Until w has taken all of it the pages that are deleted or written anew
// meanwhile cannot be used again, so that the file grows: w should be a disk
// and not somebody's network.
func (s *Store) Backup(ctx context.Context, w io.Writer) (n int64, err error) {
	if err := s.read(ctx, func(v view) error {
		n, err = v.tx.WriteTo(contextWriter{ctx, w})
		return nil
	}); err != nil {
		return n, fmt.Errorf("backup: %w", err)
	}
	return n, backupError(ctx, err)
}

// BackupFile is [Store.Backup] of a file that no process has open. It does not
// change the file.
func BackupFile(ctx context.Context, path string, w io.Writer) (n int64, err error) {
	o := Options{}.withDefaults()
	if err := readOnly(path, o, time.Now().Add(o.LockTimeout), func(r *reading) error {
		if err := r.structure(func(int) error { return ctx.Err() }); err != nil {
			return err
		}
		n, err = r.tx.WriteTo(contextWriter{ctx, w})
		return nil
	}); err != nil {
		return n, fmt.Errorf("backup of %s: %w", path, err)
	}
	return n, backupError(ctx, err)
}

// backupError: bbolt passes on only the text of some of a writer's errors.
func backupError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, io.EOF):
		err = fmt.Errorf("%w: the file is cut off", storage.ErrCorrupt)
	}
	return fmt.Errorf("backup: %w", err)
}

// contextWriter fails when the context ends.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (w contextWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}
