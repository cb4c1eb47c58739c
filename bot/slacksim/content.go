package slacksim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of a message's content, in characters unless said otherwise.
const (
	maxUpdateText   = 4_000  // docs.slack.dev/reference/methods/chat.update
	maxPostText     = 40_000 // longer text is cut: docs.slack.dev/reference/methods/chat.postMessage
	maxMarkdown     = 12_000 // one markdown_text; all markdown blocks together
	maxSection      = 3_000  // docs.slack.dev/reference/block-kit/blocks/section-block
	maxBlocks       = 50
	maxBlocksText   = 13_200 // not documented: github.com/slackapi/bolt-js/issues/2509
	maxActions      = 25     // docs.slack.dev/reference/block-kit/blocks/actions-block
	maxContext      = 5      // context_actions: docs.slack.dev/reference/block-kit/blocks/context-actions-block
	maxButtonText   = 75
	maxButtonValue  = 2_000
	maxIDLength     = 255 // block_id and action_id
	maxMetadataSize = 16 << 10
)

// content is what a message says, after all checks.
type content struct {
	text     string
	blocks   []json.RawMessage // nil if none were given
	markdown string
	metadata json.RawMessage // nil if none was given
}

// readContent reads text, blocks, markdown_text and metadata. On a refusal bad
// is the answer.
func (w *Workspace) readContent(q *request) (c content, bad reply) {
	text, hasText := q.args["text"]
	blocks := q.args["blocks"]
	c.text = text
	if md := q.args["markdown_text"]; md != "" {
		switch {
		case hasText && text != "" || blocks != "":
			return c, fail("markdown_text_conflict")
		case utf8.RuneCountInString(md) > maxMarkdown:
			return c, fail("msg_too_long")
		}
		c.text, c.markdown = md, md
		c.blocks = []json.RawMessage{markdownBlock(md)}
	}
	if blocks != "" {
		if c.blocks, bad = w.readBlocks(blocks); bad != nil {
			return c, bad
		}
		c.markdown = blocksMarkdown(c.blocks)
	}
	if meta := q.args["metadata"]; meta != "" {
		if c.metadata, bad = readMetadata(meta); bad != nil {
			return c, bad
		}
	}
	return c, nil
}

// readMetadata checks message metadata; {} stands for none, which removes it.
func readMetadata(text string) (json.RawMessage, reply) {
	var v struct {
		EventType    string          `json:"event_type"`
		EventPayload json.RawMessage `json:"event_payload"`
	}
	switch {
	case json.Unmarshal([]byte(text), &v) != nil:
		return nil, fail("invalid_metadata_format")
	case len(text) > maxMetadataSize:
		return nil, fail("metadata_too_large")
	case strings.TrimSpace(text) == "{}":
		return json.RawMessage("{}"), nil
	case v.EventType == "" || !bytes.HasPrefix(bytes.TrimSpace(v.EventPayload), []byte("{")):
		return nil, fail("invalid_metadata_schema")
	}
	return json.RawMessage(text), nil
}

// block is the part of Block Kit that is looked at.
type block struct {
	Type      string      `json:"type"`
	BlockID   string      `json:"block_id"`
	Text      textOrPlain `json:"text"`
	Fields    []textObj   `json:"fields"`
	Elements  []element   `json:"elements"`
	Accessory *element    `json:"accessory"`
}

type textObj struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// textOrPlain is a text object, or the plain string of a markdown block.
type textOrPlain struct{ textObj }

func (t *textOrPlain) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &t.Text)
	}
	return json.Unmarshal(data, &t.textObj)
}

// readBlocks parses and checks an array of blocks, and gives those without a
// block_id one, as Slack does.
func (w *Workspace) readBlocks(text string) ([]json.RawMessage, reply) {
	list := []json.RawMessage{}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fail("invalid_blocks_format", err.Error())
	}
	if len(list) > maxBlocks {
		return nil, fail("invalid_blocks", fmt.Sprintf("no more than %d items allowed [json-pointer:/blocks]", maxBlocks))
	}
	total, markdown, tables, textTables := 0, 0, 0, 0
	seen := map[string]bool{}
	for i, raw := range list {
		var b block
		if err := json.Unmarshal(raw, &b); err != nil {
			return nil, fail("invalid_blocks_format", fmt.Sprintf("%v [json-pointer:/blocks/%d]", err, i))
		}
		if why := b.problem(); why != "" {
			return nil, fail("invalid_blocks", fmt.Sprintf("%s [json-pointer:/blocks/%d]", why, i))
		}
		if b.BlockID != "" && seen[b.BlockID] {
			return nil, fail("invalid_blocks", fmt.Sprintf("block_id %q is used twice [json-pointer:/blocks/%d]", b.BlockID, i))
		}
		seen[b.BlockID] = true
		total += textLength(raw)
		switch b.Type {
		case "markdown":
			markdown += utf8.RuneCountInString(b.Text.Text)
			textTables += markdownTables(b.Text.Text)
		case "table":
			tables++
		}
		if b.BlockID == "" && b.Type != "markdown" {
			list[i] = withBlockID(raw, w.newID("b"))
		}
	}
	switch {
	case tables > 1:
		return nil, fail("invalid_attachments", "only_one_table_allowed")
	case w.opt.OneTable && tables+textTables > 1:
		return nil, fail("invalid_blocks", "only_one_table_allowed [json-pointer:/blocks]")
	case markdown > maxMarkdown || total > maxBlocksText:
		return nil, fail("msg_blocks_too_long")
	}
	return list, nil
}

// problem returns what is wrong with the block by itself, or "".
func (b *block) problem() string {
	limit := map[string]int{"actions": maxActions, "context_actions": maxContext}[b.Type]
	switch {
	case b.Type == "":
		return "missing required field: type"
	case len(b.BlockID) > maxIDLength:
		return "block_id is too long"
	case b.Type == "section" && b.Text.Text == "" && len(b.Fields) == 0:
		return "must define either text or fields"
	case b.Type == "section" && utf8.RuneCountInString(b.Text.Text) > maxSection:
		return fmt.Sprintf("must be less than %d characters", maxSection+1)
	case b.Type == "header" && utf8.RuneCountInString(b.Text.Text) > 150:
		return "must be less than 151 characters"
	case b.Type == "markdown" && b.Text.Text == "":
		return "missing required field: text"
	case limit > 0 && (len(b.Elements) == 0 || len(b.Elements) > limit):
		return fmt.Sprintf("must have 1 to %d elements", limit)
	}
	elements := b.Elements
	if b.Accessory != nil {
		elements = append(elements[:len(elements):len(elements)], *b.Accessory)
	}
	for _, e := range elements {
		if why := e.problem(); why != "" {
			return why
		}
	}
	return ""
}

// textLength counts the characters of all strings under a "text" key.
func textLength(raw json.RawMessage) int {
	var v any
	_ = json.Unmarshal(raw, &v) // parsed once already
	return countText(v, false)
}

func countText(v any, isText bool) int {
	n := 0
	switch v := v.(type) {
	case string:
		if isText {
			n = utf8.RuneCountInString(v)
		}
	case []any:
		for _, e := range v {
			n += countText(e, false)
		}
	case map[string]any:
		for k, e := range v {
			n += countText(e, k == "text")
		}
	}
	return n
}

func markdownBlock(text string) json.RawMessage {
	data, _ := json.Marshal(textObj{Type: "markdown", Text: text}) // two strings: cannot fail
	return data
}

// withBlockID puts a block_id in front of the other fields, which keep their
// order.
func withBlockID(raw json.RawMessage, id string) json.RawMessage {
	rest := bytes.TrimPrefix(bytes.TrimSpace(raw), []byte("{"))
	return fmt.Appendf(nil, `{"block_id":%q,%s`, id, rest)
}

// blocksMarkdown joins the texts of the markdown blocks.
func blocksMarkdown(blocks []json.RawMessage) string {
	var parts []string
	for _, raw := range blocks {
		var b block
		if json.Unmarshal(raw, &b) == nil && b.Type == "markdown" {
			parts = append(parts, b.Text.Text)
		}
	}
	return strings.Join(parts, "\n\n")
}
