package llmsim

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// wire writes a response with the quirks of its Framing. Each write is flushed.
type wire struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	framing Framing
	begun   bool // the header was sent
	ping    string
	last    time.Time // of the last write, to know the silence
	buf     []byte
}

const bom = "\ufeff"

func newWire(w http.ResponseWriter, f Framing) wire {
	if f.LineEnd == "" {
		f.LineEnd = "\n"
	}
	if f.Ping == "" {
		f.Ping = KeepAliveComment
	}
	return wire{w: w, rc: http.NewResponseController(w), framing: f, ping: f.Ping, last: time.Now()}
}

// open sends the header and, in an event stream, the byte order mark.
func (w *wire) open(ctx context.Context) error {
	w.begun = true
	if w.framing.BOM {
		return w.write(ctx, []byte(bom))
	}
	return w.rc.Flush()
}

// data sends an event that has a payload. The last one of a stream may lack
// its blank line.
func (w *wire) data(ctx context.Context, payload []byte, last bool) error {
	b := append(w.buf[:0], "data:"...)
	if !w.framing.NoSpace {
		b = append(b, ' ')
	}
	return w.end(ctx, append(b, payload...), last)
}

// line sends an event that is given as it is. Line ends in it are replaced.
func (w *wire) line(ctx context.Context, line string, last bool) error {
	b := append(w.buf[:0], strings.ReplaceAll(line, "\n", w.framing.LineEnd)...)
	return w.end(ctx, b, last)
}

func (w *wire) end(ctx context.Context, b []byte, last bool) error {
	b = append(b, w.framing.LineEnd...)
	if !w.framing.NoBlankLine && !(last && w.framing.NoFinalBlank) {
		b = append(b, w.framing.LineEnd...)
	}
	w.buf = b
	return w.write(ctx, b)
}

// write sends bytes, split if the framing says so.
func (w *wire) write(ctx context.Context, b []byte) error {
	size := w.framing.SplitEvery
	if size <= 0 {
		size = max(1, len(b))
	}
	for len(b) > 0 {
		n := min(size, len(b))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if _, err := w.w.Write(b[:n]); err != nil {
			return err
		}
		if err := w.rc.Flush(); err != nil {
			return err
		}
		w.begun, w.last = true, time.Now()
		b = b[n:]
		if len(b) > 0 {
			if err := w.hold(ctx, w.last.Add(w.framing.SplitGap)); err != nil {
				return err
			}
		}
	}
	return nil
}

// pause waits until a time and pings in the meantime, once the header is out.
func (w *wire) pause(ctx context.Context, until time.Time) error {
	for w.begun && w.framing.PingEvery > 0 {
		next := w.last.Add(w.framing.PingEvery)
		if !next.Before(until) {
			break
		}
		if err := w.pingAt(ctx, next); err != nil {
			return err
		}
	}
	return w.hold(ctx, until)
}

// silence lasts until the client leaves. It pings as pause does.
func (w *wire) silence(ctx context.Context) error {
	for w.begun && w.framing.PingEvery > 0 {
		if err := w.pingAt(ctx, w.last.Add(w.framing.PingEvery)); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

func (w *wire) pingAt(ctx context.Context, at time.Time) error {
	if err := w.hold(ctx, at); err != nil {
		return err
	}
	if w.ping == "" { // An answer that is not streamed: an empty line.
		return w.write(ctx, []byte(w.framing.LineEnd))
	}
	return w.line(ctx, w.ping, false)
}

// hold waits until a time and sends nothing.
func (w *wire) hold(ctx context.Context, until time.Time) error {
	wait := time.Until(until)
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
