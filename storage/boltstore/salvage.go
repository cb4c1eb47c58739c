package boltstore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/bobbin-bot/bobbin/storage"
)

// Salvage makes a new store in the file to, which must not exist, of what is
// intact in the damaged file from, which no process may have open. From is only
// read.
//
// All records that can be reached from the root and have a good checksum are
// kept. Where a page is damaged, and only for the keys that it could hold, all
// other pages of the file are searched, since what was below it is still there.
// So are older copies: of several versions of a record the newest is taken, and
// what had been deleted may come back. An unfinished turn that was found so is
// [storage.StateInterrupted] in the new store, because it may have been answered
// long ago. The indexes are made anew.
//
// The report counts what the new store has. Lost are records that are damaged,
// and messages that are known to have existed, with nothing to be found in their
// place; Recovered are those that were found by searching.
func Salvage(ctx context.Context, from, to string, progress func(done, total int64)) (Report, error) {
	var r Report
	if err := salvageFile(ctx, from, to, &r, progress); err != nil {
		return r, fmt.Errorf("salvage %s: %w", from, err)
	}
	found, err := Verify(ctx, to, func(done, total int64) {
		if progress != nil {
			progress(total+done, 2*total)
		}
	})
	found.Lost, found.Recovered, found.Problems, found.MoreProblems = r.Lost, r.Recovered, r.Problems, r.MoreProblems
	if err != nil {
		return found, fmt.Errorf("salvage %s: %w", from, err)
	}
	return found, nil
}

func salvageFile(ctx context.Context, from, to string, r *Report, progress func(done, total int64)) error {
	f, err := os.Open(from)
	if err != nil {
		return errors.Unwrap(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is not a file")
	}
	out, err := newBuilder(to)
	if err != nil {
		return err
	}
	defer out.discard()
	s := &salvage{
		ctx: ctx, file: f, size: info.Size(), out: out, report: r,
		open: make(map[string]bool), progress: newMeter(progress, 4*info.Size()),
	}
	for _, step := range []func() error{s.tree, s.search, s.threads, s.totals} {
		if err := step(); err != nil {
			return err
		}
	}
	if s.kept == 0 {
		return fmt.Errorf("%w: no record of a store was found in it", storage.ErrCorrupt)
	}
	boot := []byte("boot")
	if err := out.put(bucketMeta, boot, metaNumber(boot, s.boot)); err != nil {
		return err
	}
	_, err = out.finish(nil)
	return err
}

// salvage is a damaged file that is being read.
type salvage struct {
	ctx      context.Context
	file     *os.File
	size     int64
	pageSize int
	pages    uint64
	trusted  []uint64 // bit set of pages whose records were taken
	lost     [bucketCount][]span

	out      *builder
	report   *Report
	progress *meter
	kept     int64           // records; those that replaced another count twice
	boot     uint32          // the largest that was seen
	open     map[string]bool // keys of unfinished turns that were found by searching
	entries  batch           // of turns, for the lists
}

// derived reports whether a bucket is made from the others.
func (b bucket) derived() bool {
	switch b {
	case bucketTurnID, bucketOpen, bucketIdle, bucketCube, bucketMine, bucketVerdict:
		return true
	}
	return false
}

// take keeps a record that the tree leads to.
func (s *salvage) take(b bucket, key, record []byte) error {
	switch b {
	case bucketMeta:
		return s.meta(key, record)
	case bucketClaim, bucketLedger:
		if len(key) >= 8 { // the end is a number with the boot counter in it, see unique
			s.boot = max(s.boot, uint32(binary.BigEndian.Uint64(key[len(key)-8:])>>32))
		}
	}
	s.kept++
	return s.out.put(b, bytes.Clone(key), bytes.Clone(record))
}

func (s *salvage) meta(key, record []byte) error {
	if bytes.HasPrefix(key, []byte(markPrefix)) {
		s.kept++
		return s.out.put(bucketMeta, bytes.Clone(key), bytes.Clone(record))
	}
	if len(record) != recordHeader+4 {
		return nil
	}
	switch n := binary.BigEndian.Uint32(record[recordHeader:]); string(key) {
	case "boot":
		s.boot = max(s.boot, n)
	case "schema":
		if n > schema {
			return fmt.Errorf("%w: the file has layout %d, this program knows layouts up to %d", storage.ErrSchema, n, schema)
		}
	}
	return nil
}

// find keeps a record that was found by searching, if something is missing where
// it belongs and nothing newer was found before.
func (s *salvage) find(b bucket, key, record []byte) error {
	if b == bucketBudget || !s.missing(b, key) {
		return nil // an old reservation would count as spent
	}
	if b == bucketMeta {
		return s.meta(key, record)
	}
	old := s.out.get(b, key)
	if old != nil && !newer(b, key, old[recordHeader:], record[recordHeader:]) {
		return nil
	}
	if b == bucketThread {
		r := keyReader{decoder{b: key}}
		if id := r.thread(); r.err == nil && len(r.b) > 0 && r.b[0] == partTurn {
			turn, err := decodeTurn(id, "", record[recordHeader:])
			if delete(s.open, string(key)); err == nil && !turn.State.Terminal() {
				s.open[string(key)] = true
			}
		}
	}
	if old == nil {
		s.report.Recovered++
	}
	return s.take(b, key, record)
}

// newer reports whether payload b of a key is younger than a. What is written
// only once is as good as any copy of it.
func newer(in bucket, key, a, b []byte) bool {
	switch in {
	case bucketUsage:
		x, errX := decodeUsageTotal(key, a)
		y, errY := decodeUsageTotal(key, b)
		return errX == nil && errY == nil && y.Calls > x.Calls
	case bucketThread:
	default:
		return false
	}
	r := keyReader{decoder{b: key}}
	id := r.thread()
	if r.err != nil || len(r.b) == 0 {
		return false
	}
	switch r.b[0] {
	case partConversation:
		x, errX := decodeConversation(a)
		y, errY := decodeConversation(b)
		return errX == nil && errY == nil && (y.last > x.last || y.last == x.last && y.active.After(x.active))
	case partTurn:
		x, errX := decodeTurn(id, "", a)
		y, errY := decodeTurn(id, "", b)
		if errX != nil || errY != nil {
			return false
		}
		if n := y.UpdatedAt.Compare(x.UpdatedAt); n != 0 {
			return n > 0
		}
		return cmp.Or(progressOf(y.State)-progressOf(x.State), len(y.Answer)-len(x.Answer)) > 0
	case partMessage:
		return len(b) == 0 && len(a) > 0 // taken back, and never given again
	}
	return false
}

// progressOf orders the states as a turn passes them.
func progressOf(s storage.State) int {
	order := []storage.State{storage.StateReceived, storage.StatePosting, storage.StateStreaming, storage.StateFinal}
	if s.Terminal() {
		return len(order)
	}
	return slices.Index(order, s)
}
