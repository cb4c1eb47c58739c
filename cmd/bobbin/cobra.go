package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// isCobraUsage recognises the errors of the command line library, which has no
// types for them.
func isCobraUsage(err error) bool {
	for _, prefix := range []string{"unknown command", "unknown flag", "unknown shorthand", "required flag"} {
		if strings.HasPrefix(err.Error(), prefix) {
			return true
		}
	}
	return false
}

// noArgs refuses arguments that a command would ignore.
func noArgs(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return usageError{err}
	}
	return nil
}
