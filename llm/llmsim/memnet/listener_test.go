package memnet_test

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim/memnet"
)

func TestDialMeetsAccept(t *testing.T) {
	l := memnet.Listen()
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	client, err := l.DialContext(t.Context(), "tcp", "ignored:1")
	if err != nil {
		t.Fatal(err)
	}
	server := <-accepted
	client.Write([]byte("x"))
	if n, err := server.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("read %d, %v: the two ends are not connected", n, err)
	}
	if _, _, err := net.SplitHostPort(l.Addr().String()); err != nil {
		t.Errorf("address does not fit into a URL: %v", err)
	}
}

func TestClosedListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen()
		accept, dial := make(chan error, 1), make(chan error, 1)
		go func() { _, err := l.Accept(); accept <- err }()
		synctest.Wait()
		l.Close()
		if err := <-accept; !errors.Is(err, net.ErrClosed) {
			t.Errorf("waiting Accept after Close: %v, want net.ErrClosed", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept after Close: %v, want net.ErrClosed", err)
		}
		if _, err := l.DialContext(t.Context(), "", ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial after Close: %v, want ECONNREFUSED as from a dead server", err)
		}

		l = memnet.Listen()
		go func() { _, err := l.DialContext(t.Context(), "", ""); dial <- err }()
		synctest.Wait()
		l.Close()
		l.Close()
		if err := <-dial; !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("waiting dial after Close: %v, want ECONNREFUSED", err)
		}
	})
}

func TestDialEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen() // Nobody accepts.
		defer l.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		_, err := l.DialContext(ctx, "", "")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("dial ended with %v after %v, want the context's deadline after 5 s", err, time.Since(start))
		}
		if _, err := l.DialContext(ctx, "", ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial with an ended context: %v", err)
		}
	})
}
