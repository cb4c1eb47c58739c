package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bobbin": main})
}

// Flags, messages and exit codes are what the operator has to work with at
// 3 a.m.; each script is one topic.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			// A port nobody listens on, for what cannot be reached.
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			e.Setenv("DEAD", l.Addr().String())
			return l.Close()
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"lock":   lock,
			"listen": listen,
			"store":  storeFile,
			"damage": damageFile,
			"serve":  serveFile,
			"month":  monthFile,
			"seed":   seed,
		},
	})
}

// exits CODE COMMAND… runs a command and checks its exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

// lock FILE holds a store open, as a running bot does.
func lock(ts *testscript.TestScript, _ bool, args []string) {
	s, err := boltstore.Open(ts.MkAbs(args[0]), boltstore.Options{})
	ts.Check(err)
	ts.Defer(func() { s.Close() })
}

// seed FILE makes a store in which two people have asked something in one thread
// and one of them in another, where a third question is still open.
func seed(ts *testscript.TestScript, _ bool, args []string) {
	s, err := boltstore.Open(ts.MkAbs(args[0]), boltstore.Options{})
	ts.Check(err)
	defer s.Close()
	ctx, at := context.Background(), time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for _, q := range []struct{ user, thread, ts, text string }{
		{"U0ANN", "1700000000.000100", "1700000000.000100", "Where is the key?"},
		{"U0BEN", "1700000000.000100", "1700000001.000100", "And the door?"},
		{"U0ANN", "1700000500.000100", "1700000500.000100", "Is it blue?"},
		{"U0DANA", "1700000900.000100", "1700000900.000100", "open"},
	} {
		key := storage.ConversationKey{TeamID: "T0", ChannelID: "C0GENERAL", ThreadTS: q.thread}
		_, err := s.Accept(ctx, storage.Turn{ID: q.ts, Key: key, UserID: q.user, TS: q.ts, Text: "<@" + q.user + ">: " + q.text, ReceivedAt: at}, nil)
		ts.Check(err)
		if q.text == "open" {
			continue
		}
		l, err := s.Acquire(ctx, key, "seed", at, time.Hour)
		ts.Check(err)
		_, err = s.Finish(ctx, l, storage.Result{TurnID: q.ts, From: storage.StateReceived, At: at, Answer: "Yes.", Messages: []storage.Message{
			{TurnID: q.ts, Role: storage.RoleUser, UserID: q.user, TS: q.ts, Text: q.text},
			{TurnID: q.ts, Role: storage.RoleAssistant, Text: "Yes."},
		}})
		ts.Check(err)
		_, err = s.Advance(ctx, l, storage.Change{TurnID: q.ts, From: storage.StateFinal, To: storage.StateDone, At: at})
		ts.Check(err)
	}
}

// listen NAME listens on a port and puts its address into a variable.
func listen(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], l.Addr().String())
	// Scripts substitute variables in commands; files need the text itself.
	path := ts.MkAbs("bobbin.yaml")
	if text, err := os.ReadFile(path); err == nil {
		ts.Check(os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "@"+args[0]+"@", l.Addr().String())), 0o600))
	}
}
