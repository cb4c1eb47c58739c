package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

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
