package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bobbin-bot/bobbin/llm"
)

// lineParser fills in one batchLine and collects mistakes.
type lineParser struct {
	l     *batchLine
	wrong []string
}

func (p *lineParser) fail(format string, args ...any) {
	p.wrong = append(p.wrong, fmt.Sprintf(format, args...))
}

// object returns the members of a JSON object; null counts as left out. It
// returns nil if text is none.
func (p *lineParser) object(where string, text []byte) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil || fields == nil {
		switch shape := bytes.TrimSpace(text); {
		case where != "":
			p.fail("%s: want an object", where)
		case bytes.HasPrefix(shape, []byte("[")):
			p.fail("a list; want one JSON object a line, without brackets around the file")
		case bytes.HasPrefix(shape, []byte("{")) && err != nil:
			p.fail("not a JSON object on one line: %s", strings.TrimPrefix(err.Error(), "json: "))
		default:
			p.fail(`not a JSON object; want a line such as {"prompt": "What is a bobbin?"}`)
		}
		return nil
	}
	for key, value := range fields {
		if string(value) == "null" {
			delete(fields, key)
		}
	}
	return fields
}

func (p *lineParser) known(where string, fields map[string]json.RawMessage, known []string) {
	for key := range fields {
		if !slices.Contains(known, key) {
			p.fail("%s: unknown key%s", where+shorten(key), suggestion(shorten(key), known))
		}
	}
}

// envelope reads a line of OpenAI's batch files.
func (p *lineParser) envelope(fields map[string]json.RawMessage) {
	p.known("", fields, envelopeKeys())
	p.id("custom_id", fields["custom_id"])
	if method, ok := p.text("method", fields["method"]); ok && method != "POST" {
		p.fail("method: %q: want POST", shorten(method))
	}
	if url, ok := p.text("url", fields["url"]); ok && url != "/v1/chat/completions" {
		p.fail("url: %q: only /v1/chat/completions can be asked", shorten(url))
	}
	if fields["body"] == nil {
		p.fail("body: missing")
		return
	}
	body := p.object("body", fields["body"])
	if body == nil {
		return
	}
	for key := range body {
		if !slices.Contains(bodyKeys(), key) && !slices.Contains(ignoredKeys(), key) {
			p.fail("body.%s: would be ignored; remove it. Understood here: %s", shorten(key), strings.Join(bodyKeys(), ", "))
		}
	}
	limit := "max_completion_tokens"
	if body[limit] == nil {
		limit = "max_tokens"
	}
	p.request("body.", body, limit)
}

func (p *lineParser) id(key string, value json.RawMessage) {
	var number json.Number
	var text string
	switch {
	case value == nil:
	case json.Unmarshal(value, &text) == nil, json.Unmarshal(value, &number) == nil:
		p.l.id = bytes.Clone(value)
	default:
		p.fail("%s: want a text or a number", key)
	}
}

// text returns false if value is missing or is no text.
func (p *lineParser) text(key string, value json.RawMessage) (string, bool) {
	if value == nil {
		return "", false
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		p.fail("%s: want a text", key)
		return "", false
	}
	return text, true
}

// request reads what both forms have; limit is the key of the output's limit.
func (p *lineParser) request(where string, fields map[string]json.RawMessage, limit string) {
	r := &p.l.req
	if model, ok := p.text(where+"model", fields["model"]); ok {
		r.Model = model
	}
	if system, ok := p.text(where+"system", fields["system"]); ok && where == "" {
		r.System = system
	}
	if value := fields[limit]; value != nil && (json.Unmarshal(value, &r.MaxOutputTokens) != nil || r.MaxOutputTokens < 1) {
		p.fail("%s: want a whole number, 1 or more", where+limit)
	}
	if value := fields["temperature"]; value != nil && (json.Unmarshal(value, &r.Temperature) != nil || *r.Temperature < 0 || *r.Temperature > 2) {
		p.fail("%s: want a number from 0 to 2", where+"temperature")
	}
	prompt, messages := fields["prompt"], fields["messages"]
	switch {
	case where == "" && prompt == nil && messages == nil:
		p.fail(`no "prompt" and no "messages"`)
	case messages == nil && where != "":
		p.fail("%smessages: missing", where)
	case prompt != nil && messages != nil && where == "":
		p.fail(`both "prompt" and "messages"; want one of them`)
	case messages != nil:
		p.messages(where+"messages", messages)
	default:
		if text, ok := p.text("prompt", prompt); ok {
			if strings.TrimSpace(text) == "" {
				p.fail("prompt: empty")
			}
			r.Messages = []llm.Message{{Role: llm.RoleUser, Content: text}}
		}
	}
}

// messages reads a conversation. What "system" says comes first in every
// request, so it may not stand between other messages.
func (p *lineParser) messages(key string, value json.RawMessage) {
	var list []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	if json.Unmarshal(value, &list) != nil {
		p.fail(`%s: want a list of {"role": "user", "content": "…"}`, key)
		return
	}
	r := &p.l.req
	asked := false
	for i, m := range list {
		where := fmt.Sprintf("%s[%d]", key, i)
		text, ok := p.content(where+".content", m.Content)
		if !ok {
			continue
		}
		switch m.Role {
		case "system", "developer":
			switch {
			case len(r.Messages) > 0:
				p.fail("%s: %s comes after other messages; put it first", where, m.Role)
			case r.System != "":
				p.fail("%s: a second system text; want one", where)
			}
			r.System = text
		case "user", "assistant":
			asked = asked || m.Role == "user"
			r.Messages = append(r.Messages, llm.Message{Role: llm.Role(m.Role), Content: text})
		default:
			p.fail("%s.role: %q: want system, user or assistant", where, shorten(m.Role))
		}
	}
	if !asked && len(p.wrong) == 0 {
		p.fail("%s: no message of the user", key)
	}
}

// content reads a text, or the text parts that newer clients write.
func (p *lineParser) content(key string, value json.RawMessage) (string, bool) {
	var text string
	var parts []struct{ Type, Text string }
	switch {
	case value != nil && json.Unmarshal(value, &text) == nil:
	case value != nil && json.Unmarshal(value, &parts) == nil:
		for _, part := range parts {
			if part.Type != "text" {
				p.fail("%s: a part of type %q; only text can be asked", key, shorten(part.Type))
				return "", false
			}
			text += part.Text
		}
	default:
		p.fail("%s: want a text", key)
		return "", false
	}
	if strings.TrimSpace(text) == "" {
		p.fail("%s: empty", key)
		return "", false
	}
	return text, true
}

// shorten keeps a message about a mistake readable.
func shorten(s string) string {
	const longest = 60
	if r := []rune(s); len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return s
}
