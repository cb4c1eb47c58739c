package boltstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bobbin-bot/bobbin/storage"
)

// faultPath tells the test binary that it is the process whose disk fails.
const faultPath = "BOLTSTORE_FAULT_PATH"

// TestDiskFaults lets single system calls of a process that writes fail, one
// after the other, and then looks for everything the process said was stored.
func TestDiskFaults(t *testing.T) {
	if path := os.Getenv(faultPath); path != "" {
		writeUntilFault(path)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("faults are injected by strace")
	}
	for _, c := range []struct {
		call, errno string
		want        error // what the writer is told
		upTo        int
	}{
		{"pwrite64", "EIO", storage.ErrFailed, 6},
		{"fdatasync", "EIO", storage.ErrFailed, 5},
		{"pwrite64", "ENOSPC", storage.ErrFull, 6},
		{"fdatasync", "ENOSPC", storage.ErrFailed, 5},
	} {
		t.Run(c.call+" "+c.errno, func(t *testing.T) {
			hit, visible := 0, 0
			for n := 1; n <= c.upTo; n++ {
				path := filepath.Join(t.TempDir(), "bobbin.db")
				closeTest(t, openTest(t, path))
				cmd := exec.Command(strace, "-f", "--seccomp-bpf", "-qq", "-o", os.DevNull, "-e", "trace="+c.call,
					"-e", fmt.Sprintf("inject=%s:error=%s:when=%d", c.call, c.errno, n),
					os.Args[0], "-test.run=^TestDiskFaults$")
				cmd.Env = append(os.Environ(), faultPath+"="+path, "GORACE=atexit_sleep_ms=0")
				out, err := cmd.Output()
				if e, ok := errors.AsType[*exec.ExitError](err); ok && strings.Contains(string(e.Stderr), "ptrace") {
					t.Skipf("strace may not trace here: %s", e.Stderr)
				}
				stored, failed := faultReport(t, string(out))
				if failed == "" {
					continue // the process opened the file in vain, and said so
				}
				hit++
				if got := strings.Contains(failed, c.want.Error()); !got {
					t.Errorf("fault %d: the writer was told %q, want %q", n, failed, c.want)
				}
				if unknownAfterFault(t, path, stored) {
					visible++
				}
			}
			t.Logf("%d faults while writing; in %d of them the write that failed is stored nevertheless", hit, visible)
			if hit < 2 {
				t.Errorf("only %d faults hit a write", hit)
			}
		})
	}
}

// faultReport reads what the process printed: ids that were stored and the
// error that ended it.
func faultReport(t *testing.T, out string) (stored []string, failed string) {
	t.Helper()
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if id, ok := strings.CutPrefix(line, "stored "); ok {
			stored = append(stored, id)
		} else if text, ok := strings.CutPrefix(line, "failed "); ok && failed == "" {
			failed = text
		} else if text, ok := strings.CutPrefix(line, "wrong: "); ok {
			t.Error(text)
		}
	}
	return stored, failed
}

// unknownAfterFault looks for what was stored, and reports whether the write
// whose outcome was unknown is there too.
func unknownAfterFault(t *testing.T, path string, stored []string) (there bool) {
	t.Helper()
	s := openTest(t, path)
	defer closeTest(t, s)
	for _, id := range stored {
		if _, err := s.Turn(t.Context(), id); err != nil {
			t.Errorf("turn %s was acknowledged: %v", id, err)
		}
	}
	verify(t, s)
	_, err := s.Turn(t.Context(), fmt.Sprint(len(stored)))
	return err == nil
}

// writeUntilFault stores turns one at a time. After ErrFailed it makes sure that
// nothing more is stored, after ErrFull that everything is.
func writeUntilFault(path string) {
	s, err := Open(path, Options{})
	if err != nil {
		return
	}
	store := func(n int) error {
		id := fmt.Sprint(n)
		turn := storage.Turn{ID: id, Key: damagedKey(n), Text: strings.Repeat(id, 200), ReceivedAt: benchStart}
		_, err := s.Accept(context.Background(), turn, []storage.DedupeKey{{Kind: "event", Value: id}})
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for n := range 12 {
		err := store(n)
		if err == nil {
			fmt.Fprintln(out, "stored", n)
			continue
		}
		fmt.Fprintln(out, "failed", err)
		// Each thread of the process has a count of its own, so it may hit twice.
		for try := 0; errors.Is(err, storage.ErrFull) && try < 10; try++ {
			if _, missing := s.Turn(context.Background(), fmt.Sprint(n)); !errors.Is(missing, storage.ErrNotFound) {
				fmt.Fprintln(out, "wrong: stored, and answered with ErrFull, so that it is done twice:", missing)
			}
			s.room.until, s.room.disk = s.room.until.AddDate(1, 0, 0), nil // ten seconds later
			err = store(n)
		}
		if err == nil {
			fmt.Fprintln(out, "stored", n)
			continue
		}
		if !errors.Is(err, storage.ErrFailed) {
			fmt.Fprintln(out, "wrong: the same turn again:", err)
		}
		if err := store(n + 1); !errors.Is(err, storage.ErrFailed) {
			fmt.Fprintln(out, "wrong: another turn after the failure:", err)
		}
		break
	}
	if err := s.Close(); err != nil && !errors.Is(err, storage.ErrFailed) {
		fmt.Fprintln(out, "wrong: close:", err)
	}
}
