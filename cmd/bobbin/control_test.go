package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// shortDir is a folder whose name leaves room for a socket's.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bob")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// control serves routes beside a store and returns its path and the log.
func control(t *testing.T, store string, routes map[string]http.HandlerFunc) (log *output, stop func()) {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, f := range routes {
		mux.HandleFunc(pattern, f)
	}
	log = newOutput()
	return log, serveControl(store, mux, slog.New(slog.NewTextHandler(log, nil)))
}

func TestControlSocket(t *testing.T) {
	store := filepath.Join(shortDir(t), "bobbin.db")
	if _, err := askBot(t.Context(), store, "GET", "/hello"); !errors.Is(err, errNoBot) {
		t.Errorf("without a bot: %v, want errNoBot", err)
	}
	// A process that was killed leaves its socket.
	stale, err := net.Listen("unix", socketPath(store))
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()
	if _, err := askBot(t.Context(), store, "GET", "/hello"); !errors.Is(err, errNoBot) {
		t.Errorf("with the socket of a bot that was killed: %v, want errNoBot", err)
	}
	log, stop := control(t, store, map[string]http.HandlerFunc{
		"GET /hello": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") },
		"GET /fail":  func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, nil, errors.New("no luck")) },
	})
	info, err := os.Lstat(socketPath(store))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v, want mode 0600: everything can be read over it\n%s", info, err, log)
	}
	res, err := askBot(t.Context(), store, "GET", "/hello")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(res.Body); string(text) != "hello" || err != nil {
		t.Errorf("answer %q, %v", text, err)
	}
	res.Body.Close()
	if _, err := askBot(t.Context(), store, "GET", "/fail"); err == nil || !strings.Contains(err.Error(), "the running bot says: no luck") {
		t.Errorf("a failure: %v", err)
	}
	if _, err := askBot(t.Context(), store, "GET", "/new"); err == nil || !strings.Contains(err.Error(), "another version") {
		t.Errorf("a route of a later version: %v", err)
	}
	stop()
	if _, err := os.Lstat(socketPath(store)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket after the stop: %v, want it gone", err)
	}
}

// Stop waits for those that use the store, and tells them to end.
func TestControlStopWaits(t *testing.T) {
	store := filepath.Join(shortDir(t), "bobbin.db")
	began, ended := make(chan struct{}), false
	_, stop := control(t, store, map[string]http.HandlerFunc{"GET /slow": func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		ended = true
	}})
	asked := make(chan error)
	go func() {
		_, err := askBot(context.Background(), store, "GET", "/slow")
		asked <- err
	}()
	<-began
	stop()
	if !ended {
		t.Error("stop returned while a handler used the store")
	}
	if err := <-asked; err == nil {
		t.Error("who asked was not told")
	}
}

// Without a socket the bot serves all the same.
func TestControlWithoutSocket(t *testing.T) {
	dir := shortDir(t)
	taken := filepath.Join(dir, "taken.db")
	if err := os.WriteFile(socketPath(taken), []byte("the operator's"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, store, want string }{
		{"a long path", filepath.Join(dir, strings.Repeat("x", 100)+".db"), "shorter storage.url"},
		{"a file of that name", taken, "another file of that name"},
		{"no folder", filepath.Join(dir, "none", "bobbin.db"), "no such file"},
	} {
		log, stop := control(t, c.store, nil)
		stop()
		if text := log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, c.want) {
			t.Errorf("%s: the log says %q, want a warning with %q", c.name, text, c.want)
		}
	}
	if text, err := os.ReadFile(socketPath(taken)); string(text) != "the operator's" || err != nil {
		t.Errorf("a file that is no socket became %q, %v", text, err)
	}
}
