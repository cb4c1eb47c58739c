package llmsim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"
)

// player plays one script for one request. It belongs to one handler.
type player struct {
	server *Server
	w      http.ResponseWriter
	req    Request
	script Script
	header http.Header // x-ratelimit-* of the server's own limits
	start  time.Time

	entry    *Request // in the journal
	admitted bool     // counted by the server's limits

	wire   wire
	meter  meter
	id     string
	finish string
	stream bool
	opened bool   // the opening chunk, with the role, was sent
	whole  answer // what was generated so far, when not streamed
	buf    []byte // of the chunk being built
}

// errCut ends a handler whose script closes the connection.
var errCut = errors.New("llmsim: connection cut by the script")

// play sends the script. An error means that the connection must be closed:
// the client left, the server ends, or the script wants it so.
func (p *player) play(ctx context.Context) error {
	maps.Copy(p.w.Header(), p.header)
	for key, values := range p.script.Header {
		p.w.Header()[http.CanonicalHeaderKey(key)] = values
	}
	p.wire = newWire(p.w, p.script.Framing)
	p.meter = newMeter(p.req, p.script)
	p.stream = p.req.Stream && !p.script.Whole
	if p.script.Response != nil {
		return p.playResponse(ctx)
	}
	p.id = p.script.ID
	if p.id == "" {
		p.id = p.server.nextID()
	}
	if p.stream {
		return p.playStream(ctx)
	}
	return p.playWhole(ctx)
}

// outcome enters how the request went. The first one stays.
func (p *player) outcome(o string) {
	p.server.journal.update(p.entry, func(e *Request) {
		if e.Outcome == "" {
			e.Outcome = o
		}
	})
}

// end closes the entry. A handler that ends without an outcome was interrupted.
func (p *player) end(ctx context.Context) {
	if p.admitted {
		p.server.limits.release()
	}
	why := "cancelled"
	if cause := context.Cause(ctx); errors.Is(cause, errClosed) || errors.Is(cause, errRefused) {
		why = "closed"
	}
	p.server.journal.update(p.entry, func(e *Request) {
		e.Ended = time.Now()
		if e.Outcome == "" {
			e.Outcome = why
		}
	})
}

// generate produces the deltas when they are due, bills them and hands them to
// send. It returns whole when the answer came to its end, and not when a fault
// of the script ended it.
func (p *player) generate(ctx context.Context, send func(delta) error) (whole bool, err error) {
	due := p.start.Add(p.script.FirstToken)
	fault := p.script.Fault
	n := 0
	for d := range p.deltas() {
		if n > 0 {
			due = due.Add(p.gap(n))
		}
		if err := p.wire.pause(ctx, due); err != nil {
			return false, err
		}
		if fault.Kind != NoFault && fault.After == n {
			return false, p.fail(ctx)
		}
		n++
		p.meter.add(d)
		p.bill(p.meter.soFar(), n)
		if err := send(d); err != nil {
			return false, err
		}
	}
	if err := p.wire.pause(ctx, due); err != nil {
		return false, err
	}
	if fault.Kind != NoFault {
		return false, p.fail(ctx)
	}
	return true, nil
}

func (p *player) bill(u Usage, deltas int) {
	p.server.journal.update(p.entry, func(e *Request) {
		e.Billed = u
		e.Deltas = deltas
	})
}

// done enters that the answer is whole. What follows it cannot fail any more
// by the script.
func (p *player) done() {
	p.server.journal.update(p.entry, func(e *Request) {
		e.Billed = p.meter.final()
		e.Outcome = "ok"
	})
}

// gap returns the time before delta n. The jitter depends on n alone.
func (p *player) gap(n int) time.Duration {
	const steps = 1024
	scattered := time.Duration(uint32(n) * 2654435761 >> 22) // 0 to steps-1
	return p.script.Gap + p.script.Jitter*scattered/steps
}

// linger keeps the connection open if the script says so.
func (p *player) linger(ctx context.Context) error {
	if !p.script.Framing.Linger {
		return nil
	}
	return p.wire.silence(ctx)
}

// playResponse sends given bytes. The pieces are what a Fault counts.
func (p *player) playResponse(ctx context.Context) error {
	r, fault := *p.script.Response, p.script.Fault
	p.wire.framing.BOM = false // The bytes are given exactly.
	setHeader(p.w.Header(), r)
	if err := p.wire.hold(ctx, p.start.Add(p.script.FirstToken)); err != nil {
		return err
	}
	p.w.WriteHeader(r.status())
	outcome := fmt.Sprint("status ", r.status())
	if fault.Kind == NoFault && !p.script.Framing.Linger && len(r.Pieces) < 2 {
		p.outcome(outcome)
		for _, piece := range r.Pieces {
			p.w.Write([]byte(piece)) // Not flushed, so it gets a Content-Length.
		}
		return nil
	}
	if err := p.wire.open(ctx); err != nil {
		return err
	}
	for i, piece := range r.Pieces {
		if fault.Kind != NoFault && fault.After == i {
			break
		}
		if i > 0 {
			if err := p.wire.pause(ctx, time.Now().Add(p.gap(i))); err != nil {
				return err
			}
		}
		if i == len(r.Pieces)-1 && fault.Kind == NoFault {
			p.outcome(outcome)
		}
		if err := p.wire.write(ctx, []byte(piece)); err != nil {
			return err
		}
	}
	if fault.Kind != NoFault {
		p.stream = true // In-band errors are sent as events.
		return p.fail(ctx)
	}
	p.outcome(outcome)
	return p.linger(ctx)
}
