package memnet

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// Listener accepts the connections that its own DialContext opens. It is safe
// for concurrent use.
type Listener struct {
	incoming chan net.Conn
	closed   chan struct{}
	close    sync.Once
}

// Listen returns a new listener. Each listener is a network of its own: only
// its DialContext reaches it. In a synctest bubble, call it inside the bubble.
func Listen() *Listener {
	return &Listener{incoming: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept waits for the next connection. After Close it returns an error that
// wraps [net.ErrClosed].
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed: // A waiting dial must not win over a finished Close.
		return nil, l.opError("accept", net.ErrClosed)
	default:
	}
	select {
	case c := <-l.incoming:
		return c, nil
	case <-l.closed:
		return nil, l.opError("accept", net.ErrClosed)
	}
}

// DialContext opens a connection to the listener. Network and address are
// ignored, so it fits [net/http.Transport] and WebSocket dialers as it is.
//
// It returns once Accept has taken the connection. The error wraps
// [syscall.ECONNREFUSED] when the listener is closed, and the cause of ctx
// when ctx ends first.
func (l *Listener) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	if ctx.Err() != nil {
		return nil, l.opError("dial", context.Cause(ctx))
	}
	select {
	case <-l.closed:
		return nil, l.opError("dial", syscall.ECONNREFUSED)
	default:
	}
	client, server := Pipe()
	select {
	case l.incoming <- server:
		return client, nil
	case <-l.closed:
		return nil, l.opError("dial", syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, l.opError("dial", context.Cause(ctx))
	}
}

// Close ends Accept and refuses further dials. Connections that were accepted
// stay open. It may be called more than once and always returns nil.
func (l *Listener) Close() error {
	l.close.Do(func() { close(l.closed) })
	return nil
}

// Addr returns an address whose String is "memnet:80", fit for a URL.
func (l *Listener) Addr() net.Addr { return addr{} }

func (l *Listener) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: addr{}.Network(), Addr: addr{}, Err: err}
}

type addr struct{}

func (addr) Network() string { return "memnet" }
func (addr) String() string  { return "memnet:80" }
