package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2 // the command line or the configuration is wrong
	exitInterrupted = 130
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		s := <-signals
		// The first signal asks for an orderly end; a second one is not caught
		// and ends the process at once, which is safe at any time.
		signal.Stop(signals)
		cancel(signalError{s})
	}()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// signalError is the cause of a context that a signal has ended.
type signalError struct{ os.Signal }

func (e signalError) Error() string { return "stopped by signal: " + e.String() }

// usageError is a mistake on the command line or in the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// environment is what a command may touch of the world around it.
type environment struct {
	getenv         func(string) string
	stdout, stderr io.Writer
	configPath     string // --config
}

// run is main without the process around it.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	env := &environment{getenv: getenv, stdout: stdout, stderr: stderr}
	root := &cobra.Command{
		Use:   "bobbin",
		Short: "A Slack chatbot that your team runs itself",
		Long: `Bobbin answers in Slack threads with any OpenAI-compatible model.

Try it without Slack and without keys:   bobbin demo
Set it up:                               bobbin manifest, bobbin config, bobbin check
Serve your workspace:                    bobbin run
See what it costs:                       bobbin usage
Keep its data safe:                      bobbin backup, bobbin restore, bobbin db`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.PersistentFlags().StringVar(&env.configPath, "config", "", "configuration file (default: bobbin.yaml in this folder, if there is one)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(runCommand(env), batchCommand(env), demoCommand(env), checkCommand(env), modelsCommand(env), configCommand(env), manifestCommand(env), versionCommand(env),
		usageCommand(env), forgetCommand(env), exportCommand(env),
		backupCommand(env), restoreCommand(env), dbCommand(env))

	err := root.ExecuteContext(ctx)
	_, stopped := errors.AsType[signalError](err)
	if s, ok := errors.AsType[signalError](context.Cause(ctx)); ok && (err == nil || stopped || errors.Is(err, context.Canceled)) {
		if s.Signal == os.Interrupt {
			return exitInterrupted
		}
		return exitOK // asked to end by a service manager, and ended well
	}
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(stderr, "bobbin:", err)
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if isCobraUsage(err) {
		fmt.Fprintln(stderr, "Try: bobbin --help")
		return exitUsage
	}
	return exitFailure
}
