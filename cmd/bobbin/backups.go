package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// backups makes a copy of the store every night while the bot runs.
type backups struct {
	backupConfig
	prefix string // of the files' names
	store  interface {
		Backup(ctx context.Context, w io.Writer) (n int64, err error)
	}
	log *slog.Logger
}

func newBackups(c backupConfig, path string, store interface {
	Backup(ctx context.Context, w io.Writer) (n int64, err error)
}, log *slog.Logger) *backups {
	name := filepath.Base(path)
	return &backups{c, strings.TrimSuffix(name, filepath.Ext(name)) + "-", store, log}
}

const backupExt = ".db"

// run makes backups until ctx ends. One that was missed while the bot did not
// run is made up for at once: a bot that stops every evening has backups too.
func (b *backups) run(ctx context.Context) {
	if b.Dir == "" {
		return
	}
	if last, err := b.newest(); err != nil || time.Since(last) >= 24*time.Hour {
		b.once(ctx)
	}
	for {
		timer := time.NewTimer(time.Until(b.next(time.Now())))
		select {
		case <-timer.C:
			b.once(ctx)
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// next is the first time after now at which the clock shows At.
func (b *backups) next(now time.Time) time.Time {
	clock, _ := b.clock() // checked with the configuration
	for day := 0; ; day++ {
		t := time.Date(now.Year(), now.Month(), now.Day()+day, int(clock.Hours()), int(clock.Minutes())%60, 0, 0, now.Location())
		if t.After(now) {
			return t
		}
	}
}

// once makes a backup and deletes the oldest ones. What fails is for the
// operator to read: the bot goes on.
func (b *backups) once(ctx context.Context) {
	begun := time.Now()
	if err := os.MkdirAll(b.Dir, 0o700); err != nil {
		b.log.Error("backup failed; check storage.backup.dir", "err", err)
		return
	}
	file := filepath.Join(b.Dir, b.prefix+begun.UTC().Format(fileTime)+backupExt)
	work := &backupWork{verify: true}
	report, n, err := work.write(ctx, file, func(w io.Writer) (int64, error) { return b.store.Backup(ctx, w) })
	switch {
	case ctx.Err() != nil:
		return // told to stop; the next start makes up for it
	case err != nil:
		b.log.Error("backup failed; check storage.backup.dir and the space there", "file", file, "err", err)
		return // and delete none: they may be the last good ones
	}
	b.log.Info("backup made and verified", "file", file, "bytes", n, "conversations", report.Conversations, "took", time.Since(begun).Round(time.Millisecond))
	if err := b.prune(); err != nil {
		b.log.Error("old backups not deleted", "err", err)
	}
}

// times lists the backups that were made here, oldest first. Files of other names
// are somebody else's.
func (b *backups) times() ([]time.Time, error) {
	entries, err := os.ReadDir(b.Dir)
	if err != nil {
		return nil, err
	}
	var times []time.Time
	for _, e := range entries {
		middle, ok := strings.CutPrefix(e.Name(), b.prefix)
		middle, isDB := strings.CutSuffix(middle, backupExt)
		if t, err := time.Parse(fileTime, middle); ok && isDB && err == nil && e.Type().IsRegular() {
			times = append(times, t)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times, nil
}

// newest is the zero time if there is none.
func (b *backups) newest() (time.Time, error) {
	times, err := b.times()
	if err != nil || len(times) == 0 {
		return time.Time{}, err
	}
	return times[len(times)-1], nil
}

// prune deletes the oldest backups beyond Keep, and what a backup has left that
// was broken off by the end of its process.
func (b *backups) prune() error {
	times, err := b.times()
	if err != nil {
		return err
	}
	for len(times) > b.Keep {
		if err := os.Remove(filepath.Join(b.Dir, b.prefix+times[0].Format(fileTime)+backupExt)); err != nil {
			return err
		}
		times = times[1:]
	}
	halves, err := filepath.Glob(filepath.Join(b.Dir, b.prefix+"*Z"+backupExt+".new-*"))
	if err != nil {
		return fmt.Errorf("find halves: %w", err)
	}
	for _, half := range halves {
		if err := os.Remove(half); err != nil {
			return err
		}
	}
	return nil
}
