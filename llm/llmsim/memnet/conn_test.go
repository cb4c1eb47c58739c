package memnet_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim/memnet"
)

func TestBothEndsWriteBeforeEitherReads(t *testing.T) {
	a, b := memnet.Pipe()
	defer a.Close()
	defer b.Close()
	for _, c := range []net.Conn{a, b} {
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []net.Conn{a, b} {
		buf := make([]byte, 10)
		if n, err := c.Read(buf); string(buf[:n]) != "hello" || err != nil {
			t.Errorf("read %q, %v", buf[:n], err)
		}
	}
}

func TestBytesArriveInOrderUnderBackPressure(t *testing.T) {
	const size = 3 << 20 // Many times the buffer.
	want := make([]byte, size)
	for i := range want {
		want[i] = byte(i * i >> 7)
	}
	a, b := memnet.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() {
		for rest := want; len(rest) > 0; {
			n, err := a.Write(rest[:min(len(rest), 1+len(rest)%70001)])
			if err != nil {
				t.Errorf("write: %v", err)
				break
			}
			rest = rest[n:]
		}
		a.Close()
	})
	var got bytes.Buffer
	buf := make([]byte, 33333)
	for {
		n, err := b.Read(buf[:1+got.Len()%len(buf)])
		got.Write(buf[:n])
		if err != nil {
			if err != io.EOF {
				t.Errorf("read: %v, want io.EOF after the writer's Close", err)
			}
			break
		}
	}
	wg.Wait()
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got %d bytes that are not the %d bytes written", got.Len(), size)
	}
}

func TestWriterWaitsForReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		var wrote int
		go func() {
			wrote, _ = a.Write(make([]byte, 1<<20))
		}()
		synctest.Wait()
		if wrote != 0 {
			t.Fatalf("wrote %d bytes that nobody reads: the buffer is not bounded", wrote)
		}
		if _, err := io.ReadFull(b, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if wrote != 1<<20 {
			t.Errorf("wrote %d, want all once it was read", wrote)
		}
	})
}

func TestDeadlines(t *testing.T) {
	full := make([]byte, 1<<20)
	ops := []struct {
		name string
		set  func(net.Conn, time.Time) error
		do   func(net.Conn) error
	}{
		{"read", net.Conn.SetReadDeadline, func(c net.Conn) error { _, err := c.Read(make([]byte, 1)); return err }},
		{"write", net.Conn.SetWriteDeadline, func(c net.Conn) error { _, err := c.Write(full); return err }},
		{"both, read", net.Conn.SetDeadline, func(c net.Conn) error { _, err := c.Read(make([]byte, 1)); return err }},
		{"both, write", net.Conn.SetDeadline, func(c net.Conn) error { _, err := c.Write(full); return err }},
	}
	for _, op := range ops {
		t.Run(op.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := memnet.Pipe()
				defer a.Close()
				defer b.Close()

				check := func(when string, after time.Duration) {
					t.Helper()
					start := time.Now()
					err := op.do(a)
					if !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("%s: %v, want os.ErrDeadlineExceeded", when, err)
					}
					if nerr, ok := errors.AsType[net.Error](err); !ok || !nerr.Timeout() {
						t.Errorf("%s: %v is no timeout for net/http", when, err)
					}
					if d := time.Since(start); d != after {
						t.Errorf("%s: after %v, want %v", when, d, after)
					}
				}
				op.set(a, time.Now().Add(time.Minute))
				check("future deadline", time.Minute)
				check("deadline still passed", 0)
				op.set(a, time.Now().Add(time.Second))
				check("new deadline", time.Second)

				op.set(a, time.Time{})
				time.AfterFunc(time.Hour, func() { op.set(a, time.Now()) })
				check("deadline set while waiting", time.Hour)

				op.set(a, time.Now().Add(time.Second))
				time.AfterFunc(time.Millisecond, func() { op.set(a, time.Now().Add(time.Minute)) })
				check("deadline moved while waiting", time.Minute+time.Millisecond)
			})
		})
	}
}

func TestDeadlineBeatsData(t *testing.T) {
	a, b := memnet.Pipe()
	b.Write([]byte("x"))
	a.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read with a past deadline: %v, want os.ErrDeadlineExceeded as on a socket", err)
	}
	a.SetReadDeadline(time.Time{})
	if _, err := a.Read(make([]byte, 1)); err != nil {
		t.Errorf("read after the deadline was taken off: %v, the byte must not be lost", err)
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		read, write := make(chan error, 2), make(chan error, 2)
		go func() { _, err := io.ReadAll(b); read <- err }()
		go func() { _, err := b.Write(make([]byte, 1<<20)); write <- err }()
		synctest.Wait()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if err := <-read; err != nil {
			t.Errorf("waiting reader after the peer's Close: %v, want io.EOF", err)
		}
		if err := <-write; err != io.ErrClosedPipe {
			t.Errorf("waiting writer after the peer's Close: %v, want io.ErrClosedPipe", err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("second Close: %v, want nil", err)
		}
		for name, err := range map[string]error{
			"read":  func() error { _, err := a.Read(make([]byte, 1)); return err }(),
			"write": func() error { _, err := a.Write([]byte("x")); return err }(),
			"set":   a.SetDeadline(time.Now()),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s on a closed end: %v, want net.ErrClosed", name, err)
			}
		}

		go func() { _, err := b.Read(make([]byte, 1)); read <- err }()
		c, d := memnet.Pipe()
		go func() { _, err := c.Read(make([]byte, 1)); write <- err }()
		synctest.Wait()
		c.Close()
		if err := <-write; !errors.Is(err, net.ErrClosed) {
			t.Errorf("waiting reader after its own Close: %v, want net.ErrClosed", err)
		}
		d.Close()
		<-read
	})
}

func TestBufferedBytesSurviveClose(t *testing.T) {
	a, b := memnet.Pipe()
	a.Write([]byte("last words"))
	a.Close()
	if got, err := io.ReadAll(b); string(got) != "last words" || err != nil {
		t.Errorf("got %q, %v: what was written before Close must be read", got, err)
	}
}
