package boltstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/bobbin-bot/bobbin/storage"
)

func TestOpenNewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bobbin.db")
	closeTest(t, openTest(t, path))
	setSchema(t, path, schema+1)
	before, _ := os.ReadFile(path)
	_, err := Open(path, Options{})
	if !errors.Is(err, storage.ErrSchema) {
		t.Fatalf("Open of a file with layout %d: got %v, want ErrSchema", schema+1, err)
	}
	for _, number := range []int{schema, schema + 1} {
		if !strings.Contains(err.Error(), fmt.Sprint(number)) {
			t.Errorf("error %q does not name layout %d", err, number)
		}
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("a file of a newer version was changed, which can make it unreadable there")
	}
	setSchema(t, path, schema)
	closeTest(t, openTest(t, path))
}

func setSchema(t *testing.T, path string, version uint32) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, Options{}.withDefaults().bolt(time.Second, nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketNames[bucketMeta]).Put([]byte("schema"), metaNumber([]byte("schema"), version))
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// version1 makes a file as the first version left it: layout 1, and a turn
// without a word about how it was answered.
func version1(t *testing.T) (path string, turn storage.Turn) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "bobbin.db")
	db, err := bolt.Open(path, 0o600, Options{}.withDefaults().bolt(time.Second, nil))
	if err != nil {
		t.Fatal(err)
	}
	turn = storage.Turn{
		ID: "t1", Key: storage.ConversationKey{TeamID: "T", ChannelID: "C", ThreadTS: "1.1"}, State: storage.StateDone, Attempt: 2,
		UserID: "U1", TS: "1.1", Text: "why", Direct: true, ReceivedAt: time.Unix(10, 6).UTC(), UpdatedAt: time.Unix(-11, 0).UTC(),
		ReplyID: "r", Parts: []storage.Part{{TS: "1.2", Stream: true}, {TS: "1.3"}}, Answer: "42",
		Feedback: map[string]int{"U1": 1, "U2": -1},
	}
	const thread = "\x031.1" + "\x01C" + "\x01T"
	records := map[bucket]map[string]string{
		bucketThread: {
			thread + "\x00":            "\x14\x06" + "\x01" + "\x00" + "\x00", // active at 10 s, newest message 1, From 0, none open
			thread + "\x01" + "\x02t1": turnFromBefore,
			thread + "\x02" + "\x00\x00\x00\x00\x00\x00\x00\x01": "\x02t1" + "\x04user" + "\x02U1" + "\x031.1" + "\x03why",
		},
		bucketTurnID: {"\x02t1": thread},
		bucketIdle:   {"\x80\x00\x00\x00\x00\x00\x00\x00" + thread: ""},
		bucketMeta:   {"schema": "\x00\x00\x00\x01", "boot": "\x00\x00\x00\x07"},
	}
	if err := db.Update(func(tx *bolt.Tx) error {
		for b := range bucketCube {
			in, err := tx.CreateBucket(bucketNames[b])
			if err != nil {
				return err
			}
			for key, payload := range records[b] {
				record := append(make([]byte, recordHeader), payload...)
				if err := in.Put([]byte(key), seal(b, []byte(key), record)); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path, turn
}

func TestOpenOlderSchema(t *testing.T) {
	path, want := version1(t)
	for range 2 { // taken over, and once more as the file it is now
		s := openTest(t, path)
		verify(t, s)
		if got, err := s.Turn(t.Context(), want.ID); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("a turn of the first version: %+v, %v, want %+v", got, err, want)
		}
		if h, err := s.History(t.Context(), want.Key, 0); err != nil || len(h.Messages) != 1 || h.Messages[0].Text != "why" {
			t.Errorf("its history: %+v, %v", h, err)
		}
		if err := s.read(t.Context(), func(v view) error {
			if version, err := v.metaNumber("schema"); err != nil || version != schema {
				t.Errorf("the file says layout %d, %v, want %d: the first version would not understand what is written now", version, err, schema)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		closeTest(t, s)
	}
	s := openTest(t, path)
	if s.leases.boot != 10 {
		t.Errorf("opened the %dth time, want the 10th: fences must go on from where they were", s.leases.boot)
	}
	if _, _, err := s.Reopen(t.Context(), storage.Reopening{TurnID: want.ID, At: benchStart}); err != nil {
		t.Errorf("the old turn answered anew: %v", err)
	}
	verify(t, s)
}

func TestOpenImpossibleSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bobbin.db")
	closeTest(t, openTest(t, path))
	setSchema(t, path, 0)
	if _, err := Open(path, Options{}); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("Open of a file with layout 0: %v, want ErrCorrupt", err)
	}
}
