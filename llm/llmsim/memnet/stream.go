package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// bufferSize is how far a writer may run ahead of its reader, about what two
// sockets hold between them.
const bufferSize = 256 << 10

// stream carries bytes one way. All waiting is on cond, which synctest counts
// as durably blocked; mu is only ever held for a copy.
type stream struct {
	mu   sync.Mutex
	cond sync.Cond

	buf []byte // unread bytes are buf[off:]
	off int

	readerClosed, writerClosed  bool
	readDeadline, writeDeadline deadline
}

func newStream() *stream {
	s := new(stream)
	s.cond.L = &s.mu
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readerClosed:
			return 0, closedError("read")
		case s.readDeadline.passed():
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case s.off < len(s.buf):
			n := copy(p, s.buf[s.off:])
			s.off += n
			if s.off == len(s.buf) {
				s.buf, s.off = s.buf[:0], 0
			}
			s.cond.Broadcast()
			return n, nil
		case s.writerClosed:
			return 0, io.EOF
		}
		s.cond.Wait()
	}
}

func (s *stream) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	written := 0
	for {
		switch room := bufferSize - (len(s.buf) - s.off); {
		case s.writerClosed:
			return written, closedError("write")
		case s.writeDeadline.passed():
			return written, os.ErrDeadlineExceeded
		case s.readerClosed:
			return written, io.ErrClosedPipe
		case written == len(p):
			return written, nil
		case room > 0:
			n := min(room, len(p)-written)
			s.push(p[written : written+n])
			written += n
			s.cond.Broadcast()
			continue
		}
		s.cond.Wait()
	}
}

// push appends p and first moves the unread bytes to the front when that
// saves growing the buffer.
func (s *stream) push(p []byte) {
	if s.off > 0 && len(s.buf)+len(p) > cap(s.buf) {
		s.buf = s.buf[:copy(s.buf, s.buf[s.off:])]
		s.off = 0
	}
	s.buf = append(s.buf, p...)
}

// closeReader is called by the reading end: what it has not read is lost.
func (s *stream) closeReader() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readerClosed = true
	s.buf, s.off = nil, 0
	s.readDeadline.stop()
	s.cond.Broadcast()
}

// closeWriter is called by the writing end: what is buffered can still be read.
func (s *stream) closeWriter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writerClosed = true
	s.writeDeadline.stop()
	s.cond.Broadcast()
}

func (s *stream) setReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readerClosed {
		return closedError("set read deadline")
	}
	s.readDeadline.set(t, s.wake)
	s.cond.Broadcast()
	return nil
}

func (s *stream) setWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writerClosed {
		return closedError("set write deadline")
	}
	s.writeDeadline.set(t, s.wake)
	s.cond.Broadcast()
	return nil
}

// wake makes those who wait look at the deadlines again.
func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cond.Broadcast()
}

func closedError(op string) error {
	return &net.OpError{Op: op, Net: addr{}.Network(), Addr: addr{}, Err: net.ErrClosed}
}

// deadline is guarded by the stream's mu. The timer only wakes: whether the
// deadline has passed is asked of the clock, so a late timer of an earlier
// deadline does no harm.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) set(at time.Time, wake func()) {
	d.stop()
	d.at = at
	if wait := time.Until(at); !at.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, wake)
	}
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (d *deadline) passed() bool {
	return !d.at.IsZero() && !time.Now().Before(d.at)
}
