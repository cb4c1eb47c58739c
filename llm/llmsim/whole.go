package llmsim

import (
	"context"
	"net/http"
	"strings"
)

// answer is what was generated so far of an answer that is not streamed.
type answer struct {
	content, reasoning strings.Builder
	calls              []ToolCall
}

func (a *answer) add(d delta, script Script) {
	switch d.kind {
	case contentDelta:
		a.content.WriteString(d.text)
	case reasoningDelta:
		a.reasoning.WriteString(d.text)
	case toolNameDelta:
		call := script.ToolCalls[d.tool]
		call.Arguments = ""
		a.calls = append(a.calls, call)
	case toolDelta:
		a.calls[d.tool].Arguments += d.text
	}
}

// playWhole sends the answer as one JSON object when its last delta is due.
func (p *player) playWhole(ctx context.Context) error {
	p.w.Header().Set("Content-Type", "application/json")
	p.wire.framing = Framing{LineEnd: "\n", PingEvery: p.script.Framing.PingEvery}
	p.wire.ping = "" // Blank lines: JSON allows them, and DeepSeek sends them.
	if p.wire.framing.PingEvery > 0 && !p.script.HoldHeaders {
		if err := p.wire.open(ctx); err != nil {
			return err
		}
	}
	whole, err := p.generate(ctx, func(d delta) error {
		p.whole.add(d, p.script)
		return nil
	})
	if err != nil || !whole {
		return err
	}
	body := p.completion()
	p.done()
	_, err = p.w.Write(body)
	return err
}

// completion builds the chat.completion object of what was generated so far.
func (p *player) completion() []byte {
	shape, a := p.script.Chunks, &p.whole
	b := p.appendHead(nil, p.id, "chat.completion")
	b = append(b, `,"choices":[{"index":0,"message":{"role":"assistant","content":`...)
	if a.content.Len() == 0 && (shape.NullContent || len(a.calls) > 0) {
		b = append(b, "null"...)
	} else {
		b = p.appendContent(b, a.content.String())
	}
	if a.reasoning.Len() > 0 {
		b = append(b, `,"`+p.reasoningName()+`":`...)
		b = appendString(b, a.reasoning.String())
	}
	if len(a.calls) > 0 {
		b = append(b, `,"tool_calls":[`...)
		for i, call := range a.calls {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendNamedCall(append(b, '{'), i, call, call.Arguments)
		}
		b = append(b, ']')
	} else {
		b = append(b, p.noTools()...)
	}
	b = append(b, `},"finish_reason":`...)
	if shape.NoFinish {
		b = append(b, "null"...)
	} else {
		b = appendString(b, p.finish)
	}
	b = append(b, "}]"...)
	if p.script.UsageIn != UsageNever {
		b = append(b, `,"usage":`...)
		b = p.appendUsage(b, p.meter.final())
	}
	if shape.NullError {
		b = append(b, `,"error":null`...)
	}
	return append(b, '}')
}

// failWhole lets an answer that is not streamed go wrong. Whatever is an
// in-band error in a stream is an error object with status 200 here.
func (p *player) failWhole(ctx context.Context) error {
	switch p.script.Fault.Kind {
	case Stall:
		return p.wire.silence(ctx)
	case Cut, EndEarly, Malformed:
		body := p.completion()
		if err := p.wire.write(ctx, body[:len(body)/2]); err != nil {
			return err
		}
		if p.script.Fault.Kind == Cut {
			return errCut
		}
		return nil
	}
	p.w.WriteHeader(http.StatusOK)
	return p.wire.write(ctx, []byte(errorBody(ErrorOpenAI, http.StatusInternalServerError, p.faultError())))
}
