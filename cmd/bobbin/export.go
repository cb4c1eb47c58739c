package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/storage"
)

func exportCommand(env *environment) *cobra.Command {
	var user, file string
	cmd := &cobra.Command{
		Use:   "export --user ID [-o FILE]",
		Short: "Write all that the store has of a person, as JSON lines",
		Long: `Write all that the store has of a person, one JSON object a line:

    bobbin export --user U0123ABCD -o ann.jsonl

"kind" says what a line is:

    question  what they asked, with its answer and their feedback on it
    heard     a message of theirs that the bot has read in a thread
    feedback  their verdict on the answer to somebody else
    usage     a day's calls, tokens and cost

    {"kind":"question","channel":"C0123ABCD","thread":"1700000000.000100","ts":"1700000000.000100","time":"2023-11-14T22:13:20Z","text":"Where is the key?","answer":"…","state":"done"}

The file is readable by you alone: hand it to the person and delete it. In Slack
"/bobbin export" sends it to them, and only to them.

Exit code: 0 written, also if there is nothing, 1 not all could be read or
written, 2 a mistake on the command line.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkMember(user); err != nil {
				return usageError{err}
			}
			return withStore(cmd.Context(), env, func(ctx context.Context, s storage.Store) error {
				lines, err := export(ctx, s, user, file, env.stdout)
				if err != nil {
					return err
				}
				fmt.Fprintf(env.stderr, "%s of %s\n", counted(int64(lines), "line"), user)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "a member's id (in Slack: profile, ⋮, Copy member ID)")
	cmd.Flags().StringVarP(&file, "output", "o", standardStream, "where it goes; - is stdout")
	return cmd
}

// export writes to a file, or to stdout. A file is whole or not there.
func export(ctx context.Context, s storage.Store, userID, file string, stdout io.Writer) (lines int, err error) {
	if file == standardStream {
		return bot.WriteExport(ctx, s, userID, stdout)
	}
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*") // mode 0600
	if err != nil {
		return 0, fmt.Errorf("create %s: %w", file, err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	lines, err = bot.WriteExport(ctx, s, userID, f)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return 0, fmt.Errorf("write %s: %w", file, err)
	}
	return lines, nil
}
