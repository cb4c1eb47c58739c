package slacksim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

type partKind int

const (
	partText partKind = iota
	partTask
	partPlan
	partBlocks
)

// part is a piece of a streamed message, in the order of arrival.
type part struct {
	kind   partKind
	text   string // markdown, or a plan's title
	task   task
	blocks []json.RawMessage
}

// task is a task_update chunk, or the sum of all with the same id.
type task struct {
	ID      string            `json:"id"`
	Title   string            `json:"title"`
	Status  string            `json:"status"`
	Details string            `json:"details"`
	Output  string            `json:"output"`
	Sources []json.RawMessage `json:"sources"`
}

// size is what the part takes from the stream's budget.
func (p part) size() int {
	return len(p.text) + len(p.task.Title) + 2*len(p.task.Details) + 2*len(p.task.Output)
}

// readChunks parses and checks an array of chunks.
// docs.slack.dev/reference/methods/chat.appendStream; the shapes are those of
// the official SDKs.
func (w *Workspace) readChunks(text string) ([]part, reply) {
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fail("invalid_chunks", err.Error())
	}
	if len(list) == 0 {
		return nil, fail("no_text")
	}
	var parts []part
	for i, raw := range list {
		p, why := w.readChunk(raw)
		if why != "" {
			return nil, fail("invalid_chunks", fmt.Sprintf("%s [json-pointer:/chunks/%d]", why, i))
		}
		parts = append(parts, p)
	}
	return parts, nil
}

func (w *Workspace) readChunk(raw json.RawMessage) (p part, problem string) {
	var head struct {
		Type   string          `json:"type"`
		Text   *string         `json:"text"`
		Title  string          `json:"title"`
		Blocks json.RawMessage `json:"blocks"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return p, err.Error()
	}
	switch head.Type {
	case "markdown_text":
		if head.Text == nil || *head.Text == "" {
			return p, "missing required field: text"
		}
		return part{kind: partText, text: *head.Text}, ""
	case "plan_update":
		if head.Title == "" {
			return p, "missing required field: title"
		}
		return part{kind: partPlan, text: head.Title}, ""
	case "blocks":
		blocks, bad := w.readBlocks(string(head.Blocks))
		if bad != nil {
			return p, "blocks: " + bad.code()
		}
		if len(blocks) == 0 {
			return p, "missing required field: blocks"
		}
		return part{kind: partBlocks, blocks: blocks}, ""
	case "task_update":
		p.kind = partTask
		if err := json.Unmarshal(raw, &p.task); err != nil {
			return p, err.Error()
		}
		switch p.task.Status {
		case "", "pending", "in_progress", "complete", "error":
		default:
			return p, "unknown status"
		}
		if p.task.ID == "" || p.task.Title == "" {
			return p, "missing required field: id, title"
		}
		return p, ""
	}
	return p, "unknown type"
}

// add merges a part into the stream. Text continues the text before it; a task
// with a known id changes that card: title and status are replaced, details and
// output grow.
func (s *stream) add(p part) {
	for i := range s.parts {
		old := &s.parts[i]
		switch {
		case p.kind == partTask && old.kind == partTask && old.task.ID == p.task.ID:
			old.task.Title = p.task.Title
			if p.task.Status != "" {
				old.task.Status = p.task.Status
			}
			old.task.Details += p.task.Details
			old.task.Output += p.task.Output
			old.task.Sources = append(old.task.Sources, p.task.Sources...)
			return
		case p.kind == partPlan && old.kind == partPlan:
			old.text = p.text
			return
		case p.kind == partText && old.kind == partText && i == len(s.parts)-1:
			old.text += p.text
			return
		}
	}
	s.parts = append(s.parts, p)
}

// render puts the stream into its message.
func (s *stream) render(m *message) {
	var markdown []string
	m.Blocks = nil
	for i, p := range s.parts {
		switch p.kind {
		case partText:
			markdown = append(markdown, p.text)
			m.Blocks = append(m.Blocks, markdownBlock(p.text))
		case partTask:
			m.Blocks = append(m.Blocks, p.task.block(i))
		case partPlan:
			m.Blocks = append(m.Blocks, mustJSON(map[string]any{
				"type": "plan", "block_id": fmt.Sprintf("plan%d", i), "title": p.text,
			}))
		case partBlocks:
			m.Blocks = append(m.Blocks, p.blocks...)
			if md := blocksMarkdown(p.blocks); md != "" {
				markdown = append(markdown, md)
			}
		}
	}
	m.Markdown = strings.Join(markdown, "\n\n")
	m.Text = m.Markdown
}

// block is the task as a task_card block.
// docs.slack.dev/reference/block-kit/blocks/task-card-block
func (t task) block(i int) json.RawMessage {
	b := map[string]any{
		"type": "task_card", "block_id": fmt.Sprintf("task%d", i), "task_id": t.ID, "title": t.Title,
		"status": t.Status,
	}
	if t.Status == "" {
		b["status"] = "pending"
	}
	if t.Details != "" {
		b["details"] = richText(t.Details)
	}
	if t.Output != "" {
		b["output"] = richText(t.Output)
	}
	if len(t.Sources) > 0 {
		b["sources"] = t.Sources
	}
	return mustJSON(b)
}

func richText(text string) any {
	return map[string]any{"type": "rich_text", "elements": []any{map[string]any{
		"type": "rich_text_section", "elements": []any{map[string]any{"type": "text", "text": text}},
	}}}
}

// mustJSON marshals what is known to be marshallable.
func mustJSON(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSpace(b.Bytes())
}
