package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// checkOptions are the arguments and flags of `bobbin db check`.
type checkOptions struct {
	file    string
	timeout time.Duration
	worker  bool   // this is the process that reads
	program string // what it runs; "" is this program
}

func dbCheckCommand(env *environment) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Read all of a store and say whether it is in order",
		Long: `Read all of a store, FILE or the one behind storage.url: its structure, the
checksum of every record, and whether the records agree with each other. Nothing
is changed. The exit code is 1 if it is damaged.

A process of its own does the reading, for up to --timeout, since a file can be
damaged in ways that end or hang whoever reads it.

A store that a running bot has open cannot be checked. Check a copy:

    bobbin backup copy.db      (which verifies it)`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("want one file at most, got %d; see: bobbin db check --help", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.file = args[0]
			}
			if o.worker {
				return checkHere(cmd.Context(), env.stdout, o.file)
			}
			return dbCheck(cmd.Context(), env, o)
		},
	}
	cmd.Flags().DurationVar(&o.timeout, "timeout", 10*time.Minute, "how long the check may take")
	cmd.Flags().BoolVar(&o.worker, "worker", false, "")
	cmd.Flags().MarkHidden("worker")
	return cmd
}

// checkLine is what the process that reads says: how far it is, or what it found.
type checkLine struct {
	Done, Total int64             `json:",omitempty"`
	Report      *boltstore.Report `json:",omitempty"`
	Damaged     bool              `json:",omitempty"`
	Error       string            `json:",omitempty"` // why it could not be checked, or the damage in short
}

func checkHere(ctx context.Context, w io.Writer, file string) error {
	out := json.NewEncoder(w)
	r, err := boltstore.Verify(ctx, file, func(done, total int64) { out.Encode(checkLine{Done: done, Total: total}) })
	line := checkLine{Report: &r, Damaged: errors.Is(err, storage.ErrCorrupt)}
	if err != nil {
		line.Error = explainStore(ctx, file, err).Error()
	}
	return out.Encode(line)
}

func dbCheck(ctx context.Context, env *environment, o checkOptions) error {
	if o.timeout <= 0 {
		return usageError{fmt.Errorf("--timeout %v: want more than 0", o.timeout)}
	}
	if o.file == "" {
		path, err := storePath(env)
		if err != nil {
			return err
		}
		o.file = path
	} else if _, err := os.Stat(o.file); err != nil {
		return usageError{err}
	}
	line, err := checkElsewhere(ctx, env, o)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	case line.Damaged:
		fmt.Fprintf(env.stdout, "%s is DAMAGED:\n", o.file)
		for _, problem := range line.Report.Problems {
			fmt.Fprintf(env.stdout, "  %s\n", problem)
		}
		if n := line.Report.MoreProblems; n > 0 {
			fmt.Fprintf(env.stdout, "  and %s more\n", thousands(n))
		}
		fmt.Fprintf(env.stdout, "what to do: %s\n", whatToDo(o.file))
		return errors.New("the store is damaged")
	case line.Error != "":
		return errors.New(line.Error)
	}
	r := line.Report
	fmt.Fprintf(env.stdout, "%s is in order: %s, %s\n", o.file, humanBytes(r.Bytes), contents(*r))
	return nil
}

func whatToDo(file string) string {
	return "stop the bot, and put the newest backup in place (bobbin restore BACKUP); without one save what is intact (bobbin db salvage " + file + " NEW)"
}

// checkElsewhere has another process of this program read the file.
func checkElsewhere(ctx context.Context, env *environment, o checkOptions) (line checkLine, err error) {
	program := o.program
	if program == "" {
		if program, err = os.Executable(); err != nil {
			return line, fmt.Errorf("start the check: %w", err)
		}
	}
	limited, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	cmd := exec.CommandContext(limited, program, "db", "check", "--worker", "--", o.file)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return line, fmt.Errorf("start the check: %w", err)
	}
	tooLong := fmt.Errorf("%s could not be checked within %v: it is very large (try --timeout 1h), or damaged so that reading it has no end; %s",
		o.file, o.timeout, whatToDo(o.file))
	if err := cmd.Start(); limited.Err() != nil {
		return line, tooLong
	} else if err != nil {
		return line, fmt.Errorf("start the check: %w", err)
	}
	progress := newWorkProgress(env.stderr, "checking")
	defer progress.end()
	finished := false
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var l checkLine
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue
		}
		if l.Report != nil {
			line, finished = l, true
		} else if l.Total > 0 {
			progress.set(l.Done, l.Total)
		}
	}
	err = cmd.Wait()
	switch {
	case finished || ctx.Err() != nil:
		return line, nil
	case limited.Err() != nil:
		return line, tooLong
	}
	return line, fmt.Errorf("%s is DAMAGED: reading it ended the process that did (%v); %s", o.file, err, whatToDo(o.file))
}
