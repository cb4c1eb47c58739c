package boltstore

import (
	"path/filepath"
	"testing"

	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/storagetest"
)

func TestConformance(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storagetest.Harness {
		path := filepath.Join(t.TempDir(), "bobbin.db")
		s := openTest(t, path)
		t.Cleanup(func() {
			closeTest(t, s)
			s = openTest(t, path)
			verify(t, s)
			verifyLists(t, s)
		})
		return storagetest.Harness{
			Store: s,
			Reopen: func(t *testing.T) storage.Store {
				t.Helper()
				verify(t, s)
				closeTest(t, s)
				s = openTest(t, path)
				return s
			},
		}
	})
}
