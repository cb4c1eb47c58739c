package openai

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// maxEvent bounds one event, so that a server gone mad cannot eat the memory.
const maxEvent = 32 << 20

var errTooLong = errors.New("an event is longer than 32 MiB")

// event is one payload of a text/event-stream.
type event struct {
	name string // the event field, or "error" for llama.cpp's error field
	data []byte // valid until the next call of next
}

func (e event) done() bool { return string(bytes.TrimSpace(e.data)) == doneMark }

// decoder reads server-sent events, more generously than the standard
// (html.spec.whatwg.org/multipage/server-sent-events.html) where servers do not
// follow it: any line ending, a byte order mark, events without the blank line
// between them, and a last event without one.
type decoder struct {
	r         *bufio.Reader
	line      []byte
	name      string
	data      []byte
	early     []byte // a data line read too far, when events come without blank lines
	earlyName string // an event name read too far
	ahead     bool   // early holds one
	begun     bool
	skipLF    bool // the last line ended in CR; an LF would belong to it
}

func newDecoder(r io.Reader) *decoder {
	return &decoder{r: bufio.NewReaderSize(r, 16<<10)}
}

// next returns the next event that has data. Comments, retry and id fields and
// empty events are passed over. It returns io.EOF after the last event of a
// stream that was closed properly.
func (d *decoder) next() (event, error) {
	d.name, d.data = d.earlyName, d.data[:0]
	d.earlyName = ""
	if d.ahead {
		d.ahead = false
		d.data = append(d.data, d.early...)
	}
	for {
		if string(d.data) == doneMark {
			return event{d.name, d.data}, nil // nothing else need follow
		}
		line, err := d.readLine()
		if err != nil {
			if err == io.EOF && len(d.data) > 0 {
				return event{d.name, d.data}, nil
			}
			return event{}, err
		}
		if len(line) == 0 {
			if len(d.data) > 0 {
				return event{d.name, d.data}, nil
			}
			d.name = ""
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "event":
			if len(d.data) > 0 && complete(d.data) { // it names the next event
				ev := event{d.name, d.data}
				d.earlyName = string(value)
				return ev, nil
			}
			d.name = string(value)
		case "error": // llama.cpp before 2026 reports errors in a field of this name
			return event{"error", append(d.data[:0], value...)}, nil
		case "data":
			if len(d.data)+len(value) > maxEvent {
				return event{}, errTooLong
			}
			if len(d.data) > 0 {
				// Two lines of one event, unless the first is whole already:
				// some servers leave out the blank line.
				if begins(value) && complete(d.data) {
					d.early, d.ahead = append(d.early[:0], value...), true
					return event{d.name, d.data}, nil
				}
				d.data = append(d.data, '\n')
			}
			d.data = append(d.data, value...)
		}
	}
}

// doneMark ends a stream of chat completions.
const doneMark = "[DONE]"

// begins reports whether a line may be the beginning of an event.
func begins(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) > 0 && (line[0] == '{' || line[0] == '[')
}

func complete(data []byte) bool {
	data = bytes.TrimSpace(data)
	return string(data) == doneMark || len(data) > 1 && data[0] == '{' && data[len(data)-1] == '}' && json.Valid(data)
}

// readLine returns the next line without its ending, which is LF, CRLF or CR.
// The line is valid until the next call. An unfinished last line is returned
// before io.EOF.
func (d *decoder) readLine() ([]byte, error) {
	d.line = d.line[:0]
	for {
		if _, err := d.r.Peek(1); err != nil { // waits for more
			if err == io.EOF && len(d.line) > 0 {
				return d.line, nil
			}
			return nil, err
		}
		buf, _ := d.r.Peek(d.r.Buffered())
		if !d.begun {
			d.begun = true
			if bom := []byte("\ufeff"); bytes.HasPrefix(buf, bom[:1]) {
				if b, _ := d.r.Peek(len(bom)); bytes.Equal(b, bom) {
					d.r.Discard(len(bom))
				}
				continue
			}
		}
		if d.skipLF {
			d.skipLF = false
			if buf[0] == '\n' {
				d.r.Discard(1)
				continue
			}
		}
		end := bytes.IndexAny(buf, "\r\n")
		if end < 0 {
			if len(d.line)+len(buf) > maxEvent {
				return nil, errTooLong
			}
			d.line = append(d.line, buf...)
			d.r.Discard(len(buf))
			continue
		}
		d.skipLF = buf[end] == '\r'
		d.line = append(d.line, buf[:end]...)
		d.r.Discard(end + 1)
		return d.line, nil
	}
}
