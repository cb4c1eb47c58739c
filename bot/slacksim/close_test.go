package slacksim_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

// newLoopback serves on a free port and returns the base URL.
func newLoopback(t testing.TB, w *slacksim.Workspace) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: w}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() {
		w.Close()
		_ = srv.Close()
		wg.Wait()
	})
	return "http://" + l.Addr().String()
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(false)
		r.connect(false)
		p := r.follow("?since=0")
		r.begin()
		r.call("assistant.threads.setStatus", "channel_id", general, "thread_ts", r.post(ann, general, "", "q"), "status", "x")
		r.Disconnect("warning")
		waited := make(chan error)
		go func() { waited <- r.Wait(context.Background(), func() bool { return false }) }()
		commanded := make(chan error)
		go func() {
			_, err := r.Command(context.Background(), ann, general, "x")
			commanded <- err
		}()
		synctest.Wait()

		start := time.Now()
		r.Close()
		r.Close()
		if time.Since(start) != 0 {
			t.Errorf("Close took %v", time.Since(start))
		}
		if stack := goroutines(); strings.Contains(stack, "slacksim.(*") {
			t.Errorf("goroutines of the workspace after Close:\n%s", stack)
		}
		if err := <-waited; !errors.Is(err, slacksim.ErrClosed) {
			t.Errorf("Wait returned %v, want ErrClosed", err)
		}
		if err := <-commanded; !errors.Is(err, slacksim.ErrClosed) {
			t.Errorf("Command returned %v, want ErrClosed", err)
		}
		for a.next() != nil {
		}
		for {
			if kind, _, _ := p.next(); kind == "" {
				break
			}
		}
		if _, err := r.Post(ann, general, "", "x"); !errors.Is(err, slacksim.ErrClosed) {
			t.Errorf("Post returned %v, want ErrClosed", err)
		}
		if _, resp := r.callStatus("xoxb-sim", "auth.test"); resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("the Web API answered %d, want 503", resp.StatusCode)
		}
	})
}

// A page and an app that have stopped reading must not hold Close up.
func TestCloseDoesNotWaitForStuckReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{NoLimits: true})
		conn, _, err := r.dialURL(r.openURL())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		r.follow("?since=0")
		for range 2000 {
			r.post(ann, general, "", strings.Repeat("x", 1000))
		}
		synctest.Wait()
		start := time.Now()
		r.Close()
		if time.Since(start) != 0 {
			t.Errorf("Close took %v", time.Since(start))
		}
	})
}

// goroutines returns the stacks of all goroutines but the caller's test code.
func goroutines() string {
	buf := make([]byte, 1<<20)
	all := string(buf[:runtime.Stack(buf, true)])
	var kept []string
	for g := range strings.SplitSeq(all, "\n\n") {
		// The readers that this test itself started.
		if !strings.Contains(g, "slacksim_test.") {
			kept = append(kept, g)
		}
	}
	return strings.Join(kept, "\n\n")
}

func TestWaitSeesEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Wait(ctx, func() bool { return false }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait returned %v, want the context's error", err)
		}
		if err := r.Wait(ctx, func() bool { return true }); err != nil {
			t.Errorf("Wait returned %v although ok holds", err)
		}
		a := r.connect(false)
		go func() {
			time.Sleep(time.Second)
			a.ack(str(a.next(), "envelope_id"), nil)
		}()
		r.post(ann, general, "", "hi")
		start := time.Now()
		r.until("the acknowledgement", func() bool { return !r.Deliveries()[0].AckedAt.IsZero() })
		if time.Since(start) != time.Second {
			t.Errorf("Wait returned after %v, want at the acknowledgement", time.Since(start))
		}
	})
}
