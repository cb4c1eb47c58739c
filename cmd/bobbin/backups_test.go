package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// nights is a bot's backups in fake time, which begins on 2000-01-01 at 00:00 UTC.
type nights struct {
	t    *testing.T
	dir  string
	log  *output
	stop func()
}

func startNights(t *testing.T, dir string, keep int, store interface {
	Backup(ctx context.Context, w io.Writer) (n int64, err error)
}) *nights {
	n := &nights{t: t, dir: dir, log: newOutput()}
	b := newBackups(backupConfig{Dir: dir, At: "03:00", Keep: keep}, "data/bobbin.db", store, slog.New(slog.NewTextHandler(n.log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		b.run(ctx)
		close(done)
	}()
	n.stop = func() {
		cancel()
		<-done
	}
	return n
}

func (n *nights) want(when string, names ...string) {
	n.t.Helper()
	synctest.Wait()
	var got []string
	entries, _ := os.ReadDir(n.dir)
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, names) {
		n.t.Errorf("%s the folder has %q, want %q\n%s", when, got, names, n.log)
	}
}

func nightStore(t *testing.T) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(filepath.Join(t.TempDir(), "bobbin.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNightlyBackups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer func(l *time.Location) { time.Local = l }(time.Local)
		time.Local = time.UTC
		s := nightStore(t)
		defer s.Close()
		dir := filepath.Join(t.TempDir(), "made", "by us")
		n := startNights(t, dir, 3, s)
		n.want("at the first start", "bobbin-20000101T000000Z.db")
		for _, name := range []string{"bobbin-notes.db", "other-20000101T000000Z.db", "bobbin-20000101T000000Z.db.new-77"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3*time.Hour + time.Second)
		n.want("after the first night", "bobbin-20000101T000000Z.db", "bobbin-20000101T030000Z.db", "bobbin-notes.db", "other-20000101T000000Z.db")
		time.Sleep(4 * 24 * time.Hour)
		n.want("after five nights", "bobbin-20000103T030000Z.db", "bobbin-20000104T030000Z.db", "bobbin-20000105T030000Z.db", "bobbin-notes.db", "other-20000101T000000Z.db")
		n.stop()
		r, err := boltstore.Verify(t.Context(), filepath.Join(dir, "bobbin-20000105T030000Z.db"), nil)
		if err != nil {
			t.Errorf("a backup of the night: %v, %+v", err, r)
		}

		// A start within a day makes none; one after a longer break makes up for it.
		n = startNights(t, dir, 3, s)
		time.Sleep(time.Minute)
		n.stop()
		n.want("after a restart", "bobbin-20000103T030000Z.db", "bobbin-20000104T030000Z.db", "bobbin-20000105T030000Z.db", "bobbin-notes.db", "other-20000101T000000Z.db")
		time.Sleep(34 * time.Hour)
		n = startNights(t, dir, 3, s)
		n.want("after a night without the bot", "bobbin-20000104T030000Z.db", "bobbin-20000105T030000Z.db", "bobbin-20000106T130101Z.db", "bobbin-notes.db", "other-20000101T000000Z.db")
		n.stop()
	})
}

// brokenStore's backups fail, or are no stores.
type brokenStore struct {
	text string
	err  error
}

func (s brokenStore) Backup(_ context.Context, w io.Writer) (int64, error) {
	n, _ := io.WriteString(w, s.text)
	return int64(n), s.err
}

// A backup that fails deletes no old one, and is an error in the log.
func TestNightlyBackupFails(t *testing.T) {
	for name, store := range map[string]brokenStore{
		"no space":  {"half a st", errors.New("no space left on device")},
		"no backup": {strings.Repeat("this is not a store ", 1000), nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				old := []string{"bobbin-19991229T030000Z.db", "bobbin-19991230T030000Z.db"}
				for _, file := range old {
					if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				n := startNights(t, dir, 1, store)
				time.Sleep(50 * time.Hour)
				n.want("after failures", old...)
				n.stop()
				if got := strings.Count(n.log.String(), "level=ERROR"); got < 3 || !strings.Contains(n.log.String(), "storage.backup.dir") {
					t.Errorf("the log has %d errors, want one for each of three tries, with what to look at:\n%s", got, n.log)
				}
			})
		})
	}
}

func TestNextBackup(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	b := &backups{backupConfig: backupConfig{At: "02:30"}}
	for now, want := range map[string]string{
		"2026-11-23 02:29": "2026-11-23 02:30",
		"2026-11-23 02:30": "2026-11-24 02:30",
		"2026-12-31 23:59": "2027-01-01 02:30",
		"2026-03-28 12:00": "2026-03-29 03:30", // the hour that summer time leaves out
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", now, berlin)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.next(at).Format("2006-01-02 15:04"); got != want {
			t.Errorf("after %s: %s, want %s", now, got, want)
		}
	}
}
