package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// What a damaged file can do to the process that reads it must not hurt the one
// that reports it.
func TestCheckSurvivesItsWorker(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the workers are shell scripts")
	}
	for _, c := range []struct{ name, script, want string }{
		{"killed by a fault", "kill -BUS $$", "DAMAGED: reading it ended the process that did (signal: bus error"},
		{"panics", "echo panic: page 7 >&2; exit 2", "DAMAGED: reading it ended the process that did (exit status 2)"},
		{"never ends", "exec sleep 1000", "could not be checked within 300ms"},
		{"says nonsense", "echo nonsense; exit 0", "DAMAGED: reading it ended"},
	} {
		t.Run(c.name, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "worker")
			if err := os.WriteFile(program, []byte("#!/bin/sh\n"+c.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			timeout := 300 * time.Millisecond
			if c.name != "never ends" {
				timeout = time.Minute
			}
			var out bytes.Buffer
			err := dbCheck(t.Context(), &environment{stdout: &out, stderr: &out}, checkOptions{file: program, timeout: timeout, program: program})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "bobbin restore") {
				t.Errorf("got %v, want %q and what to do", err, c.want)
			}
		})
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1073741824": 1 << 30, "10GB": 10e9, "10 GiB": 10 << 30, "512mib": 512 << 20, "1.5kB": 1500, "7B": 7, " 2 TB ": 2e12,
		"": -1, "GB": -1, "-1": -1, "lots": -1, "10 PB": -1, "1e30": -1, "nan": -1, "inf": -1,
	} {
		got, err := parseSize(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 9949: "9.9 kB", 9950: "10 kB", 999_499: "999 kB", 999_500: "1.0 MB", 1 << 40: "1.1 TB"} {
		if got := humanBytes(n); got != want {
			t.Errorf("humanBytes(%d) = %q, want %q", n, got, want)
		}
	}
}
