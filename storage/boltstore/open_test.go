package boltstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/bobbin-bot/bobbin/storage"
)

func openTest(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func closeTest(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenInUse(t *testing.T) {
	for _, c := range []struct{ timeout, want time.Duration }{
		{0, 2 * time.Second},
		{300 * time.Millisecond, 300 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bobbin.db")
			s := openTest(t, path)
			begin := time.Now()
			_, err := Open(path, Options{LockTimeout: c.timeout})
			if took := time.Since(begin); took > c.want || took < c.want/2 {
				t.Errorf("the second Open gave up after %s, it should wait for at most %s", took, c.want)
			}
			if !errors.Is(err, storage.ErrInUse) {
				t.Fatalf("second Open: got %v, want ErrInUse: two writers would overwrite each other's pages", err)
			}
			for _, part := range []string{"in use by another process", path} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			closeTest(t, s)
			closeTest(t, openTest(t, path))
		})
	}
}

func TestOpenWaitsForTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "bobbin.db")
		s := openTest(t, path)
		time.AfterFunc(time.Second, func() { s.Close() })
		again, err := Open(path, Options{})
		if err != nil {
			t.Fatalf("Open while the old process takes a second to stop: %v, a restart must not fail on that", err)
		}
		closeTest(t, again)
	})
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	foreign := filepath.Join(dir, "foreign.db")
	db, err := bolt.Open(foreign, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err }); err != nil {
		t.Fatal(err)
	}
	db.Close()

	for _, c := range []struct {
		name, path string
		want       error
		text       string
	}{
		{"no folder", filepath.Join(dir, "none", "bobbin.db"), fs.ErrNotExist, filepath.Join(dir, "none") + ":"},
		{"folder is a file", filepath.Join(write("file", nil), "bobbin.db"), nil, filepath.Join(dir, "file") + " is not a folder"},
		{"a folder", dir, nil, dir},
		{"text", write("text", []byte(strings.Repeat("Dear diary,\n", 10_000))), storage.ErrCorrupt, "invalid"},
		{"short text", write("short", []byte("hello")), storage.ErrCorrupt, "short"},
		{"zeroes", write("zeroes", make([]byte, 1<<20)), storage.ErrCorrupt, "zeroes"},
		{"empty", write("empty", nil), storage.ErrCorrupt, "empty; delete it"},
		{"another program's bbolt file", foreign, storage.ErrCorrupt, "not a Bobbin store"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, _ := os.ReadFile(c.path)
			s, err := Open(c.path, Options{})
			if err == nil {
				s.Close()
				t.Fatal("Open succeeded")
			}
			if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %q does not say %q: the operator cannot tell what to do", err, c.text)
			}
			if after, _ := os.ReadFile(c.path); string(after) != string(before) {
				t.Errorf("a file that is not ours was changed")
			}
		})
	}
}

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bobbin.db")
	// What a process leaves behind that was killed while it made the file.
	for _, name := range []string{"bobbin.db.new-123", "bobbin.db.new-456"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half a page"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bobbin.db.new-copy", "bobbin.db.new-", "other.db.new-1"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("the operator's"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	closeTest(t, openTest(t, path))
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got, want := strings.Join(names, " "), "bobbin.db bobbin.db.new- bobbin.db.new-copy other.db.new-1"; got != want {
		t.Errorf("files after creation: %s, want %s", got, want)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: conversations are nobody else's business", info.Mode())
	}
	closeTest(t, openTest(t, path))
}

// A second process may find no file and make one while the first, a bit
// faster, is at work with its own already.
func TestCreateKeepsWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bobbin.db")
	s := openTest(t, path)
	turn, keys := slackTurn(1)
	if _, err := s.Accept(t.Context(), turn, keys); err != nil {
		t.Fatal(err)
	}
	if err := create(path, Options{}.withDefaults()); err != nil {
		t.Errorf("create: %v", err)
	}
	closeTest(t, s)
	s = openTest(t, path)
	if _, err := s.Turn(t.Context(), turn.ID); err != nil {
		t.Errorf("what the faster process stored: %v", err)
	}
}

// bbolt would make a file that is gone again, at once and under its own name.
func TestOpenDoesNotLetBoltCreate(t *testing.T) {
	s, err := open(filepath.Join(t.TempDir(), "bobbin.db"), Options{}, func(name string, flag int, perm os.FileMode) (*os.File, error) {
		if flag&os.O_CREATE != 0 {
			t.Error("the file is opened with O_CREATE")
		}
		return os.OpenFile(name, flag, perm)
	})
	if err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)
}

// Two processes that start at the same time must end up with one file. A
// rename would replace the file under the one that has opened it first.
func TestCreateRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "bobbin.db")
		results := make(chan error)
		const n = 8
		for range n {
			go func() {
				s, err := Open(path, Options{LockTimeout: time.Hour})
				if err == nil {
					var fresh bool
					if fresh, err = s.Once(t.Context(), []storage.DedupeKey{{Kind: "event", Value: "the same"}}, benchStart); err == nil && !fresh {
						err = errClaimed
					}
					err = errors.Join(err, s.Close())
				}
				results <- err
			}()
		}
		won := 0
		for range n {
			switch err := <-results; {
			case err == nil:
				won++
			case !errors.Is(err, errClaimed):
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d of %d openings found the store empty", won, n)
		}
	})
}

var errClaimed = errors.New("claimed already")
