package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

func restoreCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of the store",
		Long: `Put a backup in the place of the store (storage.url). The bot must be stopped.

FILE is verified first, copied, and the copy is verified; FILE itself stays as it
is. The store that was there is kept beside the new one, as
NAME.before-restore-TIME: to go back, restore that file.

Questions that were open when the backup was made are taken up at the next start
of the bot, also those that were answered since.`,
		Args: oneArg("the backup", "bobbin restore --help"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return restore(cmd.Context(), env, args[0])
		},
	}
}

func restore(ctx context.Context, env *environment, file string) error {
	c, err := loadStorageConfig(env)
	if err != nil {
		return err
	}
	path, err := c.boltPath()
	if err != nil {
		return usageError{err}
	}
	switch info, err := os.Stat(file); {
	case err != nil:
		return usageError{fmt.Errorf("backup: %w", err)}
	case !info.Mode().IsRegular():
		return usageError{fmt.Errorf("%s is not a file", file)}
	case sameFile(file, path):
		return usageError{fmt.Errorf("%s is the store itself", file)}
	}
	if err := refuseRunning(ctx, path); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	progress := newWorkProgress(env.stderr, "verifying")
	defer progress.end()
	if _, err := boltstore.Verify(ctx, file, progress.set); err != nil {
		return fmt.Errorf("restore: nothing was changed: %w", explainStore(ctx, file, err))
	}
	target := resolve(path)
	aside := target + ".before-restore-" + time.Now().UTC().Format(fileTime)
	kept := false
	work := &backupWork{verify: true, progress: progress.set, place: func(temp string) error {
		return locked(target, func() (err error) {
			if err := takeAfter(temp, target); err != nil {
				return err
			}
			if kept, err = keepAside(target, aside); err != nil {
				return err
			}
			return os.Rename(temp, target)
		})
	}}
	report, _, err := work.write(ctx, target, func(w io.Writer) (int64, error) {
		f, err := os.Open(file)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return 0, err
		}
		return io.Copy(&countingWriter{Writer: contextWriter{ctx, w}, total: info.Size(), progress: progress.set}, f)
	})
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("restore: %w", err)
	}
	progress.end()
	fmt.Fprintf(env.stdout, "%s is in place of %s: %s\n", file, absolute(path), contents(report))
	if kept {
		fmt.Fprintln(env.stdout, "the store from before is kept as", aside)
	}
	if report.Open > 0 {
		fmt.Fprintf(env.stdout, "open questions are taken up at the bot's next start: in %s\n", counted(report.Open, "conversation"))
	}
	return nil
}

// fileTime is a time in the name of a file.
const fileTime = "20060102T150405Z"

// takeAfter gives a new file the owner and mode of the store it is to replace, or
// the bot could not open what its administrator has restored. Where there is no
// store the folder's owner is asked.
func takeAfter(file, store string) error {
	like, err := os.Stat(store)
	if errors.Is(err, os.ErrNotExist) {
		if like, err = os.Stat(filepath.Dir(store)); err == nil {
			return takeOwner(file, like)
		}
	}
	if err != nil {
		return err
	}
	return errors.Join(os.Chmod(file, like.Mode().Perm()), takeOwner(file, like))
}

// keepAside gives the store a second name, so that its own never is without a
// file. It reports whether there was one.
func keepAside(path, aside string) (bool, error) {
	err := os.Link(path, aside)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	case errors.Is(err, os.ErrExist):
		return false, err
	}
	return true, os.Rename(path, aside) // a file system without links
}

// refuseRunning returns an error if a bot runs on the store.
func refuseRunning(ctx context.Context, path string) error {
	res, err := askBot(ctx, path, http.MethodGet, "/stats")
	if err == nil {
		res.Body.Close()
	}
	if !errors.Is(err, errNoBot) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("a bot is running on %s; stop it first", absolute(path))
	}
	return locked(path, func() error { return nil })
}

// locked calls f while nobody else can open the store.
func locked(path string, f func() error) error {
	unlock, err := lockStore(path)
	if errors.Is(err, errLocked) {
		return fmt.Errorf("a bot is running on %s; stop it first", absolute(path))
	}
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%w; run this as the user that runs the bot", err)
	}
	if err != nil {
		return err
	}
	return errors.Join(f(), unlock())
}

// resolve follows links, or a rename would replace the link.
func resolve(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

// contextWriter fails when the context ends.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (w contextWriter) Write(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	return w.w.Write(p)
}
