package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// storeFile FILE N makes a store with n questions, of which the first is open.
func storeFile(ts *testscript.TestScript, _ bool, args []string) {
	var n int
	_, err := fmt.Sscan(args[1], &n)
	ts.Check(err)
	s, err := boltstore.Open(ts.MkAbs(args[0]), boltstore.Options{})
	ts.Check(err)
	ctx := context.Background()
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for i := range n {
		key := storage.ConversationKey{TeamID: "T", ChannelID: "C", ThreadTS: fmt.Sprint("17000000", 10+i, ".000100")}
		turn := storage.Turn{ID: fmt.Sprint("turn-", i), Key: key, TS: key.ThreadTS, Text: fmt.Sprint("What is question ", i, "?"), ReceivedAt: at}
		_, err := s.Accept(ctx, turn, nil)
		ts.Check(err)
		if i == 0 {
			continue
		}
		l, err := s.Acquire(ctx, key, "w", at, time.Hour)
		ts.Check(err)
		_, err = s.Finish(ctx, l, storage.Result{
			TurnID: turn.ID, From: storage.StateReceived, At: at, Answer: "An answer.",
			Messages: []storage.Message{{TurnID: turn.ID, Role: storage.RoleUser, Text: turn.Text}, {TurnID: turn.ID, Role: storage.RoleAssistant, Text: "An answer."}},
			Usage:    []storage.UsageRow{{TurnID: turn.ID, UserID: "U1", At: at, Outcome: storage.OutcomeOK}},
		})
		ts.Check(err)
		_, err = s.Advance(ctx, l, storage.Change{TurnID: turn.ID, From: storage.StateFinal, To: storage.StateDone, At: at})
		ts.Check(err)
	}
	ts.Check(s.Close())
}

// damageFile FILE TEXT changes the text wherever it stands in the file.
func damageFile(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	if !bytes.Contains(data, []byte(args[1])) {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(path, bytes.ReplaceAll(data, []byte(args[1]), bytes.ToUpper([]byte(args[1]))), 0o600))
}

// serveFile FILE holds a store open and answers on its control socket, as a
// running bot does.
func serveFile(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	s, err := boltstore.Open(path, boltstore.Options{})
	ts.Check(err)
	log := slog.New(slog.DiscardHandler)
	stop := serveControl(path, storeRoutes(s, log), log)
	ts.Defer(func() {
		stop()
		s.Close()
	})
}

// monthFile FILE makes a store with the month of traffic up to 23 November 2026
// that `bobbin demo --month` makes up.
func monthFile(ts *testscript.TestScript, _ bool, args []string) {
	s, err := boltstore.Open(ts.MkAbs(args[0]), boltstore.Options{})
	ts.Check(err)
	ts.Check(s.RecordUsage(context.Background(), monthOfTraffic()))
	ts.Check(s.Close())
}

func monthOfTraffic() []storage.UsageRow {
	return demoTraffic(time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC), 30, []string{"U0ANN", "U0BEN", "U0CLEO"}, []string{"C0GENERAL", "C0RANDOM", "D0ANN"}, []providerConfig{
		{Name: "gateway", Model: "step-2-chat", Price: &priceConfig{Input: 0.42, Output: 0.42}},
		{Name: "relay", Model: "step-2-chat", Price: &priceConfig{Input: 2.8, Output: 2.8}},
	})
}
