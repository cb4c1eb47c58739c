package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// dashboardTimeout bounds one reading of the data.
const dashboardTimeout = 10 * time.Second

// dashboardPeriods are the days that may be asked for; the first is the default.
var dashboardPeriods = []int{30, 7, 90, 365}

// httpOptions are the parts of what is served at http.listen. A part that is nil
// is not served.
type httpOptions struct {
	Listen  string
	Token   string // needed for data; "": none, and then only loopback is served
	Source  func(ctx context.Context, days int) (dashboardData, error)
	Metrics http.Handler
	Ready   func(context.Context) []string // what is in the way of answering
	Log     *slog.Logger
}

// serveHTTP serves the dashboard at /, its data at /dashboard.json, /metrics,
// /healthz (the process lives) and /readyz (it can answer). stop waits for it to
// end. An empty address serves nothing.
func serveHTTP(o httpOptions) (stop func(), err error) {
	if o.Listen == "" {
		return func() {}, nil
	}
	if o.Source != nil || o.Metrics != nil {
		if err := checkListen(o.Listen, o.Token); err != nil {
			return nil, fmt.Errorf("http.listen: %w", err)
		}
	}
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("http.listen: %w; choose another address, or leave it empty to switch it off", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{
		Handler: o.handler(), BaseContext: func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
	}
	o.Log.Info("serving http", "url", "http://"+l.Addr().String()+"/")
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error("http stopped", "err", err)
		}
	})
	return func() {
		cancel() // or a slow reading would hold the shutdown, and outlive the store
		ctx, done := context.WithTimeout(context.Background(), time.Second)
		defer done()
		if server.Shutdown(ctx) != nil {
			server.Close()
		}
		wg.Wait()
	}, nil
}

func (o httpOptions) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/readyz", o.serveReady)
	if o.Metrics != nil {
		mux.Handle("/metrics", o.private(o.Metrics))
	}
	if o.Source != nil {
		mux.HandleFunc("/{$}", serveAsset("index.html"))
		for name := range dashboardAssets() {
			mux.HandleFunc("/assets/"+name, serveAsset(name))
		}
		mux.Handle("/dashboard.json", o.private(http.HandlerFunc(o.serveData)))
	}
	return o.guard(mux)
}

func (o httpOptions) serveReady(w http.ResponseWriter, r *http.Request) {
	if o.Ready != nil {
		if problems := o.Ready(r.Context()); len(problems) > 0 {
			http.Error(w, strings.Join(problems, "\n"), http.StatusServiceUnavailable)
			return
		}
	}
	fmt.Fprintln(w, "ok")
}

func (o httpOptions) serveData(w http.ResponseWriter, r *http.Request) {
	days := dashboardPeriods[0]
	if s := r.URL.Query().Get("days"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || !slices.Contains(dashboardPeriods, n) {
			http.Error(w, "days: want 7, 30, 90 or 365", http.StatusBadRequest)
			return
		}
		days = n
	}
	ctx, cancel := context.WithTimeout(r.Context(), dashboardTimeout)
	defer cancel()
	data, err := o.Source(ctx, days)
	if err != nil {
		if r.Context().Err() == nil { // else nobody waits for it
			o.Log.Error("dashboard data not read", "days", days, "err", err)
		}
		http.Error(w, "the records cannot be read right now; the log says why", http.StatusServiceUnavailable)
		return
	}
	var body bytes.Buffer // whole, or a half one would look like success
	if err := json.NewEncoder(&body).Encode(data); err != nil {
		o.Log.Error("dashboard data not written", "err", err)
		http.Error(w, "the records cannot be shown; the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = body.WriteTo(w)
}
