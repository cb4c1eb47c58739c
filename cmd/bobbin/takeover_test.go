package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A start that takes a minute says so at once, every few seconds, and at the end.
func TestTakeOverLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		progress := takeOverLog(slog.New(slog.NewTextHandler(&log, nil)))
		progress(0, 0) // an empty store
		if log.Len() > 0 {
			t.Errorf("an empty store: %s", &log)
		}
		const seconds = 22
		for done := range int64(10*seconds + 1) {
			progress(done, 10*seconds)
			time.Sleep(100 * time.Millisecond)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 1+seconds/5+1 || !strings.Contains(lines[0], "done=0 records=220") || !strings.Contains(lines[len(lines)-1], "done=220 records=220") {
			t.Errorf("%d lines:\n%s", len(lines), &log)
		}
	})
}
