package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

func dbCommand(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "db",
		Short: "Check, salvage, compact the store, and tell its size",
		Long: `Look after the store, the file behind storage.url.

    bobbin db check            is the file in order?
    bobbin db salvage OLD NEW  save what is intact of a damaged file
    bobbin db compact          give free space in the file back to the disk
    bobbin db stats            how large it is, and how fast

For copies see bobbin backup and bobbin restore.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q; want check, salvage, compact or stats", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(dbCheckCommand(env), dbSalvageCommand(env), dbCompactCommand(env), dbStatsCommand(env))
	return cmd
}

func dbSalvageCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "salvage OLD NEW",
		Short: "Make a new store of what is intact in a damaged one",
		Long: `Make the new store NEW of all records of OLD that are intact. OLD is only read;
the bot must be stopped.

    bobbin db salvage bobbin.db salvaged.db
    bobbin db check salvaged.db
    bobbin restore salvaged.db

Try a backup first: what a salvage finds in place of lost records may be an older
version of them, and something that was deleted may come back. Questions found so
are not answered again.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError{fmt.Errorf("want the damaged file and the new one, got %d arguments; see: bobbin db salvage --help", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return dbSalvage(cmd.Context(), env, args[0], args[1])
		},
	}
}

func dbSalvage(ctx context.Context, env *environment, from, to string) error {
	if _, err := os.Stat(from); err != nil {
		return usageError{err}
	}
	if err := checkTarget(to, from, false); err != nil {
		return usageError{err}
	}
	if err := refuseRunning(ctx, from); err != nil {
		return err
	}
	progress := newWorkProgress(env.stderr, "searching")
	defer progress.end()
	r, err := boltstore.Salvage(ctx, from, to, progress.set)
	if errors.Is(err, storage.ErrCorrupt) {
		return fmt.Errorf("%w; use a backup", err)
	}
	if err != nil {
		return explainStore(ctx, from, err)
	}
	progress.end()
	fmt.Fprintf(env.stdout, "saved to %s: %s\n", to, contents(r))
	fmt.Fprintf(env.stdout, "at least %s records are lost; %s were found outside of their place and may be outdated\n", thousands(r.Lost), thousands(r.Recovered))
	fmt.Fprintf(env.stdout, "to use it: bobbin restore %s\n", to)
	return nil
}

func dbCompactCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "compact",
		Short: "Give free space in the store back to the disk",
		Long: `Write the store (storage.url) anew without its free space and put the new file in
its place. The bot must be stopped.

A store uses the space of deleted conversations again, but its file never shrinks.
Both files need room on the disk for a while. The old one is replaced when the new
one is verified; if it would not be smaller the old one stays.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return dbCompact(cmd.Context(), env)
		},
	}
}

func dbCompact(ctx context.Context, env *environment) error {
	path, err := storePath(env)
	if err != nil {
		return err
	}
	path = resolve(path)
	if err := refuseRunning(ctx, path); err != nil {
		return err
	}
	before, err := os.Stat(path)
	if err != nil {
		return err
	}
	progress := newWorkProgress(env.stderr, "copying")
	defer progress.end()
	// Of the shape of the files that the store cleans up when it finds them.
	temp := path + ".new-" + strconv.FormatInt(time.Now().UnixNano(), 10)
	c, err := boltstore.Compact(ctx, path, temp, progress.set)
	if err != nil {
		return explainStore(ctx, path, err)
	}
	if !c.Smaller() {
		progress.end()
		fmt.Fprintf(env.stdout, "nothing to gain: %s would become %s; the file stays as it is\n", humanBytes(c.Before), humanBytes(c.After))
		return nil
	}
	defer os.Remove(temp)
	if _, err := boltstore.Verify(ctx, temp, progress.set); err != nil {
		return fmt.Errorf("the new file is not in order, the old one stays: %w", explainStore(ctx, temp, err))
	}
	if err := locked(path, func() error {
		now, err := os.Stat(path)
		if err != nil {
			return err
		}
		if !now.ModTime().Equal(before.ModTime()) || now.Size() != before.Size() || !os.SameFile(now, before) {
			return errors.New("a bot has used the store meanwhile; it stays as it is")
		}
		if err := takeAfter(temp, path); err != nil {
			return err
		}
		return os.Rename(temp, path)
	}); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return err
	}
	progress.end()
	fmt.Fprintf(env.stdout, "%s: %s before, %s now\n", path, humanBytes(c.Before), humanBytes(c.After))
	return nil
}

// storePath is the file behind storage.url, which must be there.
func storePath(env *environment) (string, error) {
	c, err := loadStorageConfig(env)
	if err != nil {
		return "", err
	}
	path, err := c.boltPath()
	if err != nil {
		return "", usageError{err}
	}
	if _, err := os.Stat(path); err != nil {
		return "", noStore(path, err)
	}
	return path, nil
}

func dbStatsCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "stats",
		Short: "Tell how large the store is",
		Long: `Tell how large the store (storage.url) is. A running bot also tells how long its
writes take; without one the file is read to count what is in it.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return dbStats(cmd.Context(), env)
		},
	}
}

func dbStats(ctx context.Context, env *environment) error {
	path, err := storePath(env)
	if err != nil {
		return err
	}
	line := func(name, format string, args ...any) {
		fmt.Fprintf(env.stdout, "%-14s%s\n", name, fmt.Sprintf(format, args...))
	}
	s, err := storeStats(ctx, path)
	if err == nil {
		line("file", "%s, a bot is running on it", absolute(path))
		line("size", "%s, of which %s are free", humanBytes(s.FileBytes), humanBytes(s.FreeBytes))
		if s.MaxSize > 0 {
			line("limit", "%s", humanBytes(s.MaxSize))
		}
		line("commits", "%s since its start; half took less than %v, 99 %% less than %v", thousands(s.Commits),
			s.CommitP50.Round(10*time.Microsecond), s.CommitP99.Round(10*time.Microsecond))
		return nil
	}
	if !errors.Is(err, errNoBot) {
		return err
	}
	progress := newWorkProgress(env.stderr, "reading")
	defer progress.end()
	r, err := boltstore.Verify(ctx, path, progress.set)
	if err != nil {
		return explainStore(ctx, path, err)
	}
	progress.end()
	line("file", "%s, no bot is running on it", absolute(path))
	line("size", "%s, of which %s are free", humanBytes(r.Bytes), humanBytes(r.FreeBytes))
	line("conversations", "%s; with an open question: %s", thousands(r.Conversations), thousands(r.Open))
	line("questions", "%s", thousands(r.Turns))
	line("messages", "%s", thousands(r.Messages))
	line("usage rows", "%s", thousands(r.UsageRows))
	return nil
}
