package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/bobbin-bot/bobbin/bot"
)

type build struct{ version, commit, goVersion string }

// buildInfo reads what the Go tool has written into the binary.
func buildInfo() build {
	b := build{version: "unknown", commit: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.version, b.goVersion = info.Main.Version, info.GoVersion
	dirty := ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.commit = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				dirty = " with local changes"
			}
		}
	}
	b.commit += dirty
	return b
}

func versionCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print version, commit and Go version",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			b := buildInfo()
			_, err := fmt.Fprintf(env.stdout, "bobbin %s\ncommit %s\n%s\n", b.version, b.commit, b.goVersion)
			return err
		},
	}
}

func configCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Print the default configuration with comments",
		Long: `Print the default configuration with comments. To begin:

    bobbin config > bobbin.yaml`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(env.stdout, defaultConfigText)
			return err
		},
	}
}

func manifestCommand(env *environment) *cobra.Command {
	var o bot.ManifestOptions
	cmd := &cobra.Command{
		Use:   "manifest",
		Short: "Print the manifest that creates the Slack app",
		Long: `Print the manifest that creates the Slack app in one paste:
https://api.slack.com/apps, Create New App, From a manifest.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := bot.Manifest(o)
			if err != nil {
				return usageError{err}
			}
			_, err = fmt.Fprint(env.stdout, text)
			return err
		},
	}
	cmd.Flags().StringVar(&o.Name, "name", "Bobbin", "the app's name in Slack")
	cmd.Flags().StringVar(&o.Command, "command", "/bobbin", "the slash command; set slack.command to the same")
	cmd.Flags().BoolVar(&o.AgentView, "agent-view", false, "with Slack's agent view, for its Stop button on native streams; cannot be undone for an app, and guests cannot use it")
	return cmd
}
