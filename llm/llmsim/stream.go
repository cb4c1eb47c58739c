package llmsim

import (
	"context"
	"net/http"
)

// playStream sends the answer as server-sent events.
func (p *player) playStream(ctx context.Context) error {
	h := p.w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "text/event-stream; charset=utf-8")
	}
	h.Set("Cache-Control", "no-cache")
	if !p.script.HoldHeaders {
		if err := p.begin(ctx); err != nil {
			return err
		}
	}
	whole, err := p.generate(ctx, func(d delta) error { return p.sendDelta(ctx, d) })
	if err != nil || !whole {
		return err
	}
	if err := p.sendOpening(ctx); err != nil {
		return err
	}
	closing := p.closing()
	if len(closing) == 0 {
		p.done()
	}
	for i, line := range closing {
		last := i == len(closing)-1
		if last {
			p.done()
		}
		if err := p.wire.line(ctx, line, last); err != nil {
			return err
		}
	}
	return p.linger(ctx)
}

// begin sends what comes before anything of the answer.
func (p *player) begin(ctx context.Context) error {
	if p.wire.begun {
		return nil
	}
	p.w.WriteHeader(http.StatusOK)
	if err := p.wire.open(ctx); err != nil {
		return err
	}
	for _, line := range p.script.Framing.Before {
		if err := p.wire.line(ctx, line, false); err != nil {
			return err
		}
	}
	if p.script.Chunks.PromptFilter {
		return p.wire.data(ctx, p.promptFilterChunk(), false)
	}
	return nil
}

// sendOpening sends the chunk with the role, once.
func (p *player) sendOpening(ctx context.Context) error {
	if p.opened {
		return nil
	}
	p.opened = true
	if err := p.begin(ctx); err != nil {
		return err
	}
	return p.wire.data(ctx, p.chunk(p.choice(p.openingDelta(), ""), p.runningUsage()), false)
}

func (p *player) sendDelta(ctx context.Context, d delta) error {
	first := !p.opened
	joined := first && p.script.Chunks.JoinedRole
	if joined {
		p.opened = true
		if err := p.begin(ctx); err != nil {
			return err
		}
	}
	if err := p.sendOpening(ctx); err != nil {
		return err
	}
	if err := p.wire.data(ctx, p.chunk(p.choice(p.deltaObject(d, joined), ""), p.runningUsage()), false); err != nil {
		return err
	}
	if first && p.script.Chunks.NullContent {
		null := p.choice(`{"content":null}`, "")
		if err := p.wire.data(ctx, p.chunk(null, p.runningUsage()), false); err != nil {
			return err
		}
	}
	for _, line := range p.script.Framing.Between {
		if err := p.wire.line(ctx, line, false); err != nil {
			return err
		}
	}
	return nil
}

// closing returns the events after the last delta, in order. They are made
// together because the very last of them is special: see Framing.NoFinalBlank.
func (p *player) closing() []string {
	space := " "
	if p.script.Framing.NoSpace {
		space = ""
	}
	var lines []string
	add := func(payload []byte) { lines = append(lines, "data:"+space+string(payload)) }

	final := p.meter.final()
	if !p.script.Chunks.NoFinish {
		usage := ""
		switch p.script.UsageIn {
		case UsageWithFinish, UsageCumulative, UsageCumulativeNull:
			usage = string(p.appendUsage(nil, final))
		}
		add(p.chunk(p.choice(p.finishDelta(), p.finish), usage))
	}
	if p.script.Chunks.FilterChunk {
		add(p.chunk(filterChoice, ""))
	}
	switch in := p.script.UsageIn; {
	case in == UsageAlways, in == UsageAsked && p.req.IncludeUsage:
		add(p.usageChunk(string(p.appendUsage(nil, final))))
	case in == UsageCumulativeNull:
		add(p.usageChunk("null"))
	}
	lines = append(lines, p.script.Framing.After...)
	if !p.script.Framing.NoDone {
		add([]byte("[DONE]"))
	}
	return lines
}
