package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// backupOptions are the arguments and flags of `bobbin backup`.
type backupOptions struct {
	file            string
	force, noVerify bool
}

func backupCommand(env *environment) *cobra.Command {
	var o backupOptions
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the store, also while the bot is running",
		Long: `Copy the store (storage.url) to FILE, consistently and also while the bot is
running; it goes on answering meanwhile.

    bobbin backup /backups/bobbin-monday.db

FILE appears when it is complete, on the disk and verified; there never is half a
backup under its name. It is a store of its own: bobbin restore puts it in place.

- as FILE is standard output, for a pipe:

    bobbin backup - | gzip | ssh backup@host 'cat > bobbin.db.gz'

The bot's file grows while a slow pipe takes it. Such a copy cannot be verified
here; do that where it arrives, with bobbin db check.

To have one made every night set storage.backup.dir, see: bobbin config.`,
		Args: oneArg("the file to write, or - for standard output", "bobbin backup --help"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file = args[0]
			return backup(cmd.Context(), env, o)
		},
	}
	cmd.Flags().BoolVar(&o.force, "force", false, "replace FILE if it exists")
	cmd.Flags().BoolVar(&o.noVerify, "no-verify", false, "do not read the copy again to check it")
	return cmd
}

// oneArg wants exactly one argument.
func oneArg(what, help string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError{fmt.Errorf("want %s, got %d arguments; see: %s", what, len(args), help)}
		}
		return nil
	}
}

func backup(ctx context.Context, env *environment, o backupOptions) error {
	c, err := loadStorageConfig(env)
	if err != nil {
		return err
	}
	path, err := c.boltPath()
	if err != nil {
		return usageError{err}
	}
	progress := newWorkProgress(env.stderr, "copying")
	defer progress.end()
	if o.file == standardStream {
		if isTerminal(env.stdout) {
			return usageError{errors.New("standard output is a terminal; for a file: bobbin backup FILE")}
		}
		n, from, err := copyStore(ctx, path, env.stdout, progress.set)
		if err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		progress.end()
		fmt.Fprintf(env.stderr, "bobbin: %s written %s; not verified\n", humanBytes(n), from)
		return nil
	}
	if err := checkTarget(o.file, path, o.force); err != nil {
		if checkTarget(o.file, path, true) == nil {
			err = fmt.Errorf("%w, or replace it with --force", err)
		}
		return usageError{err}
	}
	from := ""
	work := &backupWork{force: o.force, verify: !o.noVerify, progress: progress.set}
	report, n, err := work.write(ctx, o.file, func(w io.Writer) (n int64, err error) {
		n, from, err = copyStore(ctx, path, w, progress.set)
		return n, err
	})
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	progress.end()
	fmt.Fprintf(env.stdout, "%s written to %s %s\n", humanBytes(n), o.file, from)
	if o.noVerify {
		fmt.Fprintln(env.stdout, "not verified")
	} else {
		fmt.Fprintln(env.stdout, "verified:", contents(report))
	}
	return nil
}

// checkTarget looks for mistakes in the name of a file to be written.
func checkTarget(file, store string, force bool) error {
	info, err := os.Stat(file)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a folder; name a file in it, such as %s", file, filepath.Join(file, filepath.Base(store)))
	case err == nil && sameFile(file, store):
		return fmt.Errorf("%s is the file that is to be read; name another one", file)
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file; for a pipe use -", file)
	case err == nil && !force:
		return fmt.Errorf("%s exists; choose another name", file)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	}
	folder := filepath.Dir(file)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return fmt.Errorf("there is no folder %s; create it first", folder)
	}
	return nil
}

// backupWork makes one file.
type backupWork struct {
	force, verify bool
	progress      func(done, total int64)
	// place, if set, gives the finished file its name.
	place func(temp string) error
}

// write has fill write a file, which gets its name when it is on the disk and
// verified. Whatever happens before, nothing stays.
func (b *backupWork) write(ctx context.Context, file string, fill func(io.Writer) (int64, error)) (r boltstore.Report, n int64, err error) {
	// Of the shape of the files that the store cleans up when it finds them.
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".new-")
	if err != nil {
		return r, 0, err
	}
	temp := f.Name()
	defer os.Remove(temp)
	n, err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return r, n, err
	}
	if b.verify {
		if r, err = boltstore.Verify(ctx, temp, b.progress); err != nil {
			if ctx.Err() != nil {
				return r, n, context.Cause(ctx)
			}
			return r, n, fmt.Errorf("the copy is not in order and was not kept: %w; is the store? See: bobbin db check", err)
		}
	}
	place := b.place
	if place == nil {
		place = func(temp string) error { return b.name(temp, file) }
	}
	if err := place(temp); err != nil {
		return r, n, err
	}
	return r, n, syncFolder(filepath.Dir(file))
}

// name gives the file its name. A link fails where a rename would replace.
func (b *backupWork) name(temp, file string) error {
	if b.force {
		return os.Rename(temp, file)
	}
	err := os.Link(temp, file)
	if err == nil || errors.Is(err, os.ErrExist) {
		return err
	}
	return os.Rename(temp, file) // a file system without links
}

// contents says in a line what is in a store.
func contents(r boltstore.Report) string {
	return strings.Join([]string{
		counted(r.Conversations, "conversation"), counted(r.Turns, "question"), counted(r.Messages, "message"), counted(r.UsageRows, "usage row"),
	}, ", ")
}

func counted(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return thousands(n) + " " + what
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
