package llmsim

import "strconv"

// chunk builds a chunk from its one choice, and from usage if that is not "".
// The result is valid until the next call.
func (p *player) chunk(choice, usage string) []byte {
	p.appendChunk(p.id, "["+choice+"]", usage)
	if n := p.script.Chunks.Padding; n > 0 {
		b := append(p.buf[:len(p.buf)-1], `,"padding":"`...)
		for range n {
			b = append(b, 'x')
		}
		p.buf = append(b, `"}`...)
	}
	return p.buf
}

// usageChunk builds the chunk that has usage and no choice.
func (p *player) usageChunk(usage string) []byte {
	id, choices := p.id, "[]"
	if p.script.Chunks.EmptyUsageID {
		id = ""
	}
	if p.script.Chunks.NullChoices {
		choices = "null"
	}
	return p.appendChunk(id, choices, usage)
}

func (p *player) appendChunk(id, choices, usage string) []byte {
	b := p.appendHead(p.buf[:0], id, "chat.completion.chunk")
	b = append(b, `,"choices":`...)
	b = append(b, choices...)
	if usage == "" && p.script.Chunks.NullUsage {
		usage = "null"
	}
	if usage != "" {
		b = append(b, `,"usage":`...)
		b = append(b, usage...)
	}
	if p.script.Chunks.NullError {
		b = append(b, `,"error":null`...)
	}
	p.buf = append(b, '}')
	return p.buf
}

// appendHead opens the object and writes what all of an answer's have in common.
func (p *player) appendHead(b []byte, id, object string) []byte {
	b = append(b, `{"id":`...)
	if p.script.Chunks.NumericID {
		b = append(b, '1')
	} else {
		b = appendString(b, id)
	}
	b = append(b, `,"object":"`...)
	b = append(b, object...)
	b = append(b, `","created":`...)
	b = appendInt(b, p.start.Unix())
	if p.script.Chunks.FloatCreated {
		b = append(b, ".25"...)
	}
	b = append(b, `,"model":`...)
	model := p.script.Model
	if model == "" {
		model = p.req.Model
	}
	return appendString(b, model)
}

// choice builds a choice around a delta object. An empty finish is null, or ""
// where the dialect has it so.
func (p *player) choice(delta, finish string) string {
	b := append([]byte(nil), `{"index":0,"delta":`...)
	b = append(b, delta...)
	b = append(b, `,"finish_reason":`...)
	if finish == "" && !p.script.Chunks.EmptyFinish {
		b = append(b, "null"...)
	} else {
		b = appendString(b, finish)
	}
	return string(append(b, '}'))
}

func (p *player) openingDelta() string {
	role := `"assistant"`
	if p.script.Chunks.EmptyRole {
		role = `""`
	}
	return `{"role":` + role + `,"content":` + p.noContent() + p.noTools() + "}"
}

func (p *player) finishDelta() string {
	switch c := p.script.Chunks; {
	case c.EmptyRole:
		return `{"role":"","content":` + p.noContent() + p.noTools() + "}"
	case c.NullContent:
		return `{"content":null` + p.noTools() + "}"
	case c.ToolCalls != "":
		return `{"tool_calls":` + c.ToolCalls + "}"
	}
	return "{}"
}

// noContent is the content of a delta that has none but shows the member.
func (p *player) noContent() string {
	if p.script.Chunks.NullContent {
		return "null"
	}
	return `""`
}

// noTools is the member for tool calls in a delta that has none.
func (p *player) noTools() string {
	if p.script.Chunks.ToolCalls == "" {
		return ""
	}
	return `,"tool_calls":` + p.script.Chunks.ToolCalls
}

// deltaObject builds the delta of a chunk, with the role if it is joined to it.
func (p *player) deltaObject(d delta, joined bool) string {
	b := []byte{'{'}
	switch {
	case p.script.Chunks.EmptyRole:
		b = append(b, `"role":"",`...)
	case joined:
		b = append(b, `"role":"assistant",`...)
	}
	switch d.kind {
	case contentDelta:
		b = append(b, `"content":`...)
		b = p.appendContent(b, d.text)
		b = append(b, p.noTools()...)
	case reasoningDelta:
		if p.script.Chunks.NullContent {
			b = append(b, `"content":null,`...)
		}
		b = append(b, '"')
		b = append(b, p.reasoningName()...)
		b = append(b, `":`...)
		b = appendString(b, d.text)
		b = append(b, p.noTools()...)
	case toolNameDelta, toolDelta:
		if p.script.Chunks.NullContent {
			b = append(b, `"content":null,`...)
		}
		b = append(b, `"tool_calls":[`...)
		b = p.appendToolCall(b, d)
		b = append(b, ']')
	}
	return string(append(b, '}'))
}

func (p *player) reasoningName() string {
	if p.script.ReasoningIn == ReasoningField {
		return "reasoning"
	}
	return "reasoning_content"
}

func (p *player) appendContent(b []byte, text string) []byte {
	if !p.script.Chunks.ArrayContent {
		return appendString(b, text)
	}
	b = append(b, `[{"type":"text","text":`...)
	b = appendString(b, text)
	return append(b, "}]"...)
}

func (p *player) appendToolCall(b []byte, d delta) []byte {
	call := p.script.ToolCalls[d.tool]
	b = append(b, '{')
	switch p.script.Chunks.ToolIndex {
	case ToolIndexed:
		b = append(b, `"index":`...)
		b = append(appendInt(b, d.tool), ',')
	case ToolMinusOne:
		b = append(b, `"index":-1,`...)
	}
	if d.kind == toolNameDelta {
		return appendNamedCall(b, d.tool, call, "")
	}
	b = append(b, `"function":{"arguments":`...)
	b = appendString(b, d.text)
	return append(b, "}}"...)
}

// appendNamedCall writes the members that a call has once: id, type and name.
func appendNamedCall(b []byte, i int, call ToolCall, arguments string) []byte {
	id := call.ID
	if id == "" {
		id = "call_" + strconv.Itoa(i+1)
	}
	b = append(b, `"id":`...)
	b = appendString(b, id)
	b = append(b, `,"type":"function","function":{"name":`...)
	b = appendString(b, call.Name)
	b = append(b, `,"arguments":`...)
	b = appendString(b, arguments)
	return append(b, "}}"...)
}
