package boltstore

import (
	"context"
	"fmt"
	"time"
)

// Compaction is what [Compact] did.
type Compaction struct {
	Before, After int64 // sizes in bytes
}

// Smaller reports whether there is a new file.
func (c Compaction) Smaller() bool { return c.After < c.Before }

// Compact copies the store from, which no process may have open for writing,
// into the new file to, without free pages and with full ones. A file never
// shrinks by itself. If the copy would not be smaller there will be no new
// file. From is only read.
//
// A damaged store is [storage.ErrCorrupt]: see [Salvage].
func Compact(ctx context.Context, from, to string, progress func(done, total int64)) (Compaction, error) {
	var c Compaction
	o := Options{}.withDefaults()
	if err := readOnly(from, o, time.Now().Add(o.LockTimeout), func(in *reading) error {
		meter := newMeter(progress, 2*in.tx.Size())
		if err := in.structure(func(pages int) error {
			meter.add(int64(pages) * int64(in.pages.pageSize))
			return ctx.Err()
		}); err != nil {
			return err
		}
		info, err := in.file.Stat()
		if err != nil {
			return err
		}
		c.Before = info.Size()
		out, err := newBuilder(to)
		if err != nil {
			return err
		}
		defer out.discard()
		if err := copyRecords(ctx, view{in.tx}, out, meter); err != nil {
			return err
		}
		c.After, err = out.finish(func(size int64) bool { return size < c.Before })
		return err
	}); err != nil {
		return c, fmt.Errorf("compact %s: %w", from, err)
	}
	return c, nil
}

func copyRecords(ctx context.Context, from view, out *builder, meter *meter) error {
	buckets, err := from.buckets()
	if err != nil {
		return err
	}
	for b := range buckets {
		c := from.cursor(b)
		for k, record := c.First(); k != nil; k, record = c.Next() {
			if _, err := unseal(b, k, record); err != nil {
				return err
			}
			if err := out.put(b, k, record); err != nil {
				return err
			}
			if meter.add(int64(len(k) + len(record))); ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return nil
}
