package memnet

import (
	"net"
	"sync"
	"time"
)

// Pipe returns the two ends of a connection with a bounded buffer in each
// direction. Both ends are safe for concurrent use.
func Pipe() (net.Conn, net.Conn) {
	ab, ba := newStream(), newStream()
	return &conn{in: ba, out: ab}, &conn{in: ab, out: ba}
}

// conn is one end. Each direction is a stream with its own lock, so reading
// never waits for writing.
type conn struct {
	in, out *stream
	close   sync.Once
}

// Read returns buffered bytes, also after the peer's Close; then io.EOF.
func (c *conn) Read(p []byte) (int, error) { return c.in.read(p) }

// Write returns once all of p is in the peer's buffer. It returns
// io.ErrClosedPipe when the peer has closed.
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p) }

func (c *conn) Close() error {
	c.close.Do(func() {
		c.in.closeReader()
		c.out.closeWriter()
	})
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error  { return c.in.setReadDeadline(t) }
func (c *conn) SetWriteDeadline(t time.Time) error { return c.out.setWriteDeadline(t) }

func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

func (c *conn) LocalAddr() net.Addr  { return addr{} }
func (c *conn) RemoteAddr() net.Addr { return addr{} }
