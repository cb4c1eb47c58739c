package boltstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/bobbin-bot/bobbin/storage"
)

// answered stores a turn of a user with its answer in a thread of its own.
func answered(t *testing.T, s *Store, user, id, text string) storage.Turn {
	t.Helper()
	turn := storage.Turn{
		ID: id, Key: storage.ConversationKey{TeamID: "T", ChannelID: "C", ThreadTS: id}, UserID: user, TS: id, Text: text,
		ReceivedAt: benchStart, UpdatedAt: benchStart,
	}
	if _, err := s.Accept(t.Context(), turn, nil); err != nil {
		t.Fatal(err)
	}
	l, err := s.Acquire(t.Context(), turn.Key, "w", benchStart, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Finish(t.Context(), l, storage.Result{TurnID: id, From: storage.StateReceived, At: benchStart, Answer: "re: " + text, Messages: []storage.Message{
		{TurnID: id, Role: storage.RoleUser, UserID: user, TS: id, Text: text},
		{TurnID: id, Role: storage.RoleAssistant, Text: "re: " + text},
	}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Advance(t.Context(), l, storage.Change{TurnID: id, From: storage.StateFinal, To: storage.StateDone, At: benchStart}); err != nil {
		t.Fatal(err)
	}
	return turn
}

// compacted returns the bytes of a compacted copy of the file.
func compacted(t *testing.T, path string) []byte {
	t.Helper()
	from, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	name := filepath.Join(t.TempDir(), "compact.db")
	to, err := bolt.Open(name, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(bolt.Compact(to, from, 0), to.Close()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// What was forgotten is in no byte of a compacted file, and what was not is.
func TestForgottenBytes(t *testing.T) {
	const secret, kept = "tungsten carbide drills", "the weather in Lisbon"
	for name, f := range map[string]storage.Forgetting{
		"conversation": {Key: storage.ConversationKey{TeamID: "T", ChannelID: "C", ThreadTS: "1.1"}, At: benchStart},
		"person":       {UserID: "U1", At: benchStart},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bobbin.db")
			s := openTest(t, path)
			answered(t, s, "U1", "1.1", secret)
			answered(t, s, "U2", "2.2", kept)
			closeTest(t, s)
			if data := compacted(t, path); !bytes.Contains(data, []byte(secret)) {
				t.Fatal("the secret is not in the file as it is stored: the test shows nothing")
			}
			s = openTest(t, path)
			done, err := storage.ForgetAll(t.Context(), s, f, nil)
			if want := (storage.Forgotten{Conversations: 1, Turns: 1, Messages: 2}); err != nil || done != want {
				t.Fatalf("forget: %+v, %v", done, err)
			}
			verify(t, s)
			closeTest(t, s)
			data := compacted(t, path)
			if n := bytes.Count(data, []byte("tungsten")); n > 0 {
				t.Errorf("%d traces of what was forgotten are left", n)
			}
			if n := bytes.Count(data, []byte(kept)); n != 4 {
				t.Errorf("what was not forgotten is there %d times, want 4", n)
			}
		})
	}
}

// A damaged record keeps its own conversation from being searched for a
// person's words, and no other; the whole conversation can still be erased.
func TestForgetDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bobbin.db")
	s := openTest(t, path)
	for i := range 5 {
		answered(t, s, "U1", fmt.Sprintf("%d.1", i), "question")
	}
	closeTest(t, s)
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	thread := threadKey(storage.ConversationKey{TeamID: "T", ChannelID: "C", ThreadTS: "2.1"})
	for name, key := range map[string][]byte{
		"conversation": conversationKey(thread), "turn": turnKey(thread, "2.1"), "message": messageKey(thread, 2),
	} {
		t.Run(name, func(t *testing.T) {
			record, _ := findRecord(t, path, bucketThread, key)
			s := openImage(t, flipEverywhere(image, record, 8*len(record)-3))
			defer closeTest(t, s)
			done, err := storage.ForgetAll(t.Context(), s, storage.Forgetting{UserID: "U1", At: benchStart, Limit: 2}, nil)
			if !errors.Is(err, storage.ErrCorrupt) || done.Conversations != 4 || done.Turns != 4 || done.Next != "" {
				t.Errorf("forget: %+v, %v; want the four others gone, and to be told", done, err)
			}
			if _, _, err := s.Export(t.Context(), "U1", "", 0); !errors.Is(err, storage.ErrCorrupt) {
				t.Errorf("export: %v", err)
			}
			if name == "conversation" {
				return // whether it has an open turn is not known
			}
			f := storage.Forgetting{Key: storage.ConversationKey{ChannelID: "C", ThreadTS: "2.1"}, At: benchStart}
			if done, err := s.Forget(t.Context(), f); err != nil || done.Turns != 1 || done.Messages != 2 {
				t.Errorf("forget the conversation: %+v, %v", done, err)
			}
			verify(t, s)
		})
	}
}

// A person of whom there is little is looked for in steps too.
func TestForgetInSteps(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "bobbin.db"))
	defer closeTest(t, s)
	const threads = scanStep // two records each
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := w; i < threads; i += 64 {
				ts := fmt.Sprintf("%d.1", 100_000+i)
				turn := storage.Turn{
					ID: ts, Key: storage.ConversationKey{TeamID: "T", ChannelID: "C", ThreadTS: ts}, UserID: "U2", TS: ts,
					Text: "question", ReceivedAt: benchStart, UpdatedAt: benchStart,
				}
				if _, err := s.Accept(t.Context(), turn, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	answered(t, s, "U1", "999999.1", "question")
	steps := 0
	done, err := storage.ForgetAll(t.Context(), s, storage.Forgetting{UserID: "U1", At: benchStart}, func(storage.Forgotten) { steps++ })
	if err != nil || done.Turns != 1 || steps < 2 || steps > 3 {
		t.Errorf("%+v in %d steps, %v", done, steps, err)
	}
	pages, found := 0, 0
	for after := ""; ; pages++ {
		page, next, err := s.Export(t.Context(), "U2", after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		found += len(page)
		if after = next; next == "" {
			break
		}
	}
	if found != threads || pages < 4 {
		t.Errorf("%d of %d turns in %d pages", found, threads, pages+1)
	}
}
