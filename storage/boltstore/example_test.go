package boltstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

func Example() {
	folder, err := os.MkdirTemp("", "bobbin-example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	store, err := boltstore.Open(filepath.Join(folder, "bobbin.db"), boltstore.Options{})
	if err != nil {
		panic(err)
	}
	defer store.Close()

	turn := storage.Turn{
		ID:    "t1",
		Key:   storage.ConversationKey{TeamID: "T1", ChannelID: "C1", ThreadTS: "1700000000.000100"},
		State: storage.StateReceived, UserID: "U1", TS: "1700000000.000100", Text: "hello", ReceivedAt: time.Now(),
	}
	names := []storage.DedupeKey{{Kind: "event", Value: "Ev1"}, {Kind: "message", Value: "C1:1700000000.000100"}}
	fresh, err := store.Accept(context.Background(), turn, names)
	fmt.Println(fresh, err)
	turn.ID = "t2" // the same message, delivered again
	fresh, err = store.Accept(context.Background(), turn, names)
	fmt.Println(fresh, err)
	// Output:
	// true <nil>
	// false <nil>
}
