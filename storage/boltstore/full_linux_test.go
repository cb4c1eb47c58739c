package boltstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// fullDisk tells the test binary that it is the process with a small disk.
const fullDisk = "BOLTSTORE_FULL_DISK"

// TestDiskReallyFull fills a disk of 24 MiB to the last block, in a process with
// a file system of its own, where the guard does not see it coming.
func TestDiskReallyFull(t *testing.T) {
	if dir := os.Getenv(fullDisk); dir != "" {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
			fmt.Println("no disk:", err)
			return
		}
		if err := fillDisk(dir); err != nil {
			fmt.Println("wrong:", err)
		}
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDiskReallyFull$")
	cmd.Env = append(os.Environ(), fullDisk+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, os.ErrPermission), strings.Contains(string(out), "no disk:"):
		t.Skipf("no file system of our own here: %v %s", err, out)
	case err != nil || !strings.Contains(string(out), "as it should be"):
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func fillDisk(dir string) error {
	ctx := context.Background()
	path := filepath.Join(dir, "bobbin.db")
	s, err := Open(path, Options{Free: func(string) (free, total uint64, err error) { return 1 << 40, 1 << 40, nil }})
	if err != nil {
		return err
	}
	turnOf := func(n int) storage.Turn {
		turn, _ := slackTurn(int64(n))
		turn.Text = strings.Repeat("x", 30_000)
		return turn
	}
	accepted := 0
	for ; ; accepted++ {
		_, err := s.Accept(ctx, turnOf(accepted), nil)
		if errors.Is(err, storage.ErrFull) {
			break
		}
		if err != nil {
			return fmt.Errorf("turn %d: %w, want success or ErrFull", accepted, err)
		}
	}
	// With every block taken, what is written over freed pages still works.
	end := storage.Change{From: storage.StateReceived, To: storage.StateFailed, At: benchStart}
	for n := range accepted {
		turn := turnOf(n)
		l, err := s.Acquire(ctx, turn.Key, "w", benchStart, time.Hour)
		if err != nil {
			return err
		}
		end.TurnID = turn.ID
		if _, err := s.Advance(ctx, l, end); err != nil && !errors.Is(err, storage.ErrFull) {
			return fmt.Errorf("end turn %d: %w", n, err)
		}
	}
	purged, err := s.Purge(ctx, storage.Before{Conversations: benchStart.AddDate(1, 0, 0)}, 100)
	if err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	s.room.until, s.room.disk = time.Now(), nil
	if _, err := s.Accept(ctx, turnOf(accepted), nil); err != nil {
		return fmt.Errorf("accept after the purge: %w", err)
	}
	if err := s.Close(); err != nil {
		return err
	}
	if s, err = Open(path, Options{}); err != nil {
		return err
	}
	if _, err := s.Turn(ctx, turnOf(accepted).ID); err != nil {
		return err
	}
	fmt.Printf("%d turns of 30 kB, then full; %d conversations purged, and all is as it should be\n", accepted, purged)
	return s.Close()
}
