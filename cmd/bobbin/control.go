package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A running bot holds its store's lock. Commands that need the store ask the bot
// over a unix socket beside the file, which only the bot's own user may use: what
// goes over it is everything the bot knows.

// maxSocketPath is what every system takes; some take four bytes more.
const maxSocketPath = 103

func socketPath(store string) string { return store + ".sock" }

// serveControl serves handler until stop is called, which waits for it to end.
// Without a socket the bot works; only such commands do not.
func serveControl(store string, handler http.Handler, log *slog.Logger) (stop func()) {
	path := socketPath(store)
	l, err := listenPrivately(path)
	if err != nil {
		log.Warn("no control socket: backup, db stats and other commands need the bot stopped", "socket", path, "err", err)
		return func() {}
	}
	var wg sync.WaitGroup
	// Close waits for no handler, and they use the store: they hold this lock.
	var serving sync.RWMutex
	stopped := false
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{
		ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			serving.RLock()
			defer serving.RUnlock()
			if !stopped {
				handler.ServeHTTP(w, r)
			}
		}),
	}
	wg.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("control socket stopped", "err", err)
		}
	})
	return func() {
		short, done := context.WithTimeout(context.Background(), time.Second)
		defer done()
		if server.Shutdown(short) != nil {
			cancel()
			server.Close()
		}
		wg.Wait()
		serving.Lock()
		stopped = true
		serving.Unlock()
		cancel()
	}
}

// listenPrivately makes the socket. Whoever holds the store's lock is alone, so
// a socket that is there already was left by a process that was killed.
func listenPrivately(path string) (l net.Listener, err error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("its name has %d bytes, and a socket's may have %d; give the store a shorter storage.url", len(path), maxSocketPath)
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != fs.ModeSocket {
			return nil, errors.New("there is another file of that name")
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	privately(func() { l, err = net.Listen("unix", path) })
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// errNoBot: no bot serves the store, as far as its socket tells.
var errNoBot = errors.New("no bot is running on this store")

// askBot sends a request to the bot that runs on a store. The caller closes the
// answer's body. The error is errNoBot if there is no bot.
func askBot(ctx context.Context, store, method, route string) (*http.Response, error) {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socketPath(store))
		},
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://bobbin"+route, nil)
	if err != nil {
		return nil, err
	}
	res, err := transport.RoundTrip(req)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), len(socketPath(store)) > maxSocketPath:
		return nil, errNoBot
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("ask the running bot: %w; run this command as the user that runs the bot", err)
	case err != nil:
		return nil, fmt.Errorf("ask the running bot: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
		res.Body.Close()
		if res.StatusCode == http.StatusNotFound {
			return nil, errors.New("the running bot does not know this request: it is of another version; restart it with this one")
		}
		return nil, fmt.Errorf("the running bot says: %s", strings.TrimSpace(string(text)))
	}
	return res, nil
}

// answerJSON is how a route answers with a value or an error.
func answerJSON(w http.ResponseWriter, value any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(value) // an error is the client's, who has gone
}
