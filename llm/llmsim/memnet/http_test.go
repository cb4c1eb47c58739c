package memnet_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim/memnet"
)

// serve runs a real HTTP server in the bubble and returns a real client of it.
func serve(t *testing.T, h http.HandlerFunc) *http.Client {
	t.Helper()
	l := memnet.Listen()
	srv := &http.Server{Handler: h}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	transport := &http.Transport{DialContext: l.DialContext}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve ended with %v", err)
		}
	})
	return &http.Client{Transport: transport}
}

func TestHTTPStreamInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			for i := range 5 {
				time.Sleep(time.Minute)
				fmt.Fprintf(w, "line %d\n", i)
				http.NewResponseController(w).Flush()
			}
		})
		start := time.Now()
		resp, err := client.Get("http://memnet/")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		for i := range 5 {
			if !lines.Scan() || lines.Text() != fmt.Sprintf("line %d", i) {
				t.Fatalf("line %d is %q, %v", i, lines.Text(), lines.Err())
			}
			if d, want := time.Since(start), time.Duration(i+1)*time.Minute; d != want {
				t.Errorf("line %d came after %v, want %v: it was held back", i, d, want)
			}
		}
	})
}

func TestHTTPCancellationReachesServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := make(chan time.Duration, 1)
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			start := time.Now()
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
			gone <- time.Since(start)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, "GET", "http://memnet/", nil)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("body ended with %v, want the client's own deadline", err)
		}
		resp.Body.Close()
		if d := <-gone; d != 3*time.Second {
			t.Errorf("the handler learnt after %v that the client left, want 3s", d)
		}
	})
}

func TestHTTPAbortIsUnexpectedEOF(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "half")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		resp, err := client.Get("http://memnet/")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got, err := io.ReadAll(resp.Body); string(got) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %q, %v: want the flushed half and io.ErrUnexpectedEOF", got, err)
		}
	})
}

func TestHTTPKeepAliveConnectionIsReused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen()
		conns := 0
		srv := &http.Server{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }),
			ConnState: func(_ net.Conn, s http.ConnState) {
				if s == http.StateNew {
					conns++ // Requests follow one another.
				}
			},
		}
		go srv.Serve(l)
		defer srv.Close()
		transport := &http.Transport{DialContext: l.DialContext}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport}
		for range 3 {
			resp, err := client.Get("http://memnet/")
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			synctest.Wait()
		}
		if conns != 1 {
			t.Errorf("3 requests took %d connections: read deadlines break keep-alive", conns)
		}
	})
}
