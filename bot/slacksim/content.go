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
	maxBlocks       = 50
	maxBlocksText   = 13_200 // not documented: github.com/slackapi/bolt-js/issues/2509
	maxCharts       = 2      // not documented: github.com/vercel/chat/pull/696
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

// readBlocks parses and checks the blocks of a message, and gives those without
// a block_id one.
func (w *Workspace) readBlocks(text string) ([]json.RawMessage, reply) {
	list := []json.RawMessage{}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fail("invalid_blocks_format", err.Error())
	}
	if len(list) > maxBlocks {
		return nil, fail("invalid_blocks", fmt.Sprintf("no more than %d items allowed [json-pointer:/blocks]", maxBlocks))
	}
	blocks, bad := w.checkBlocks(list, func(kind string) bool { return w.charts || kind != chartType })
	switch {
	case bad != nil && bad.malformed:
		return nil, fail("invalid_blocks_format", bad.message("/blocks"))
	case bad != nil:
		return nil, fail("invalid_blocks", bad.message("/blocks"))
	}
	total, markdown, tables, textTables, charts := 0, 0, 0, 0, 0
	for i, b := range blocks {
		total += textLength(list[i])
		switch b.Type {
		case "markdown":
			markdown += utf8.RuneCountInString(b.Text.Text)
			textTables += markdownTables(b.Text.Text)
		case "table":
			tables++
		case chartType:
			charts++
		}
	}
	switch {
	case tables > 1:
		return nil, fail("invalid_attachments", "only_one_table_allowed")
	case w.opt.OneTable && tables+textTables > 1:
		return nil, fail("invalid_blocks", "only_one_table_allowed [json-pointer:/blocks]")
	case charts > maxCharts:
		return nil, fail("invalid_blocks", fmt.Sprintf("no more than %d %s blocks allowed [json-pointer:/blocks]", maxCharts, chartType))
	case markdown > maxMarkdown || total > maxBlocksText:
		return nil, fail("msg_blocks_too_long")
	}
	return list, nil
}

func markdownBlock(text string) json.RawMessage {
	data, _ := json.Marshal(textObj{Type: "markdown", Text: text}) // two strings: cannot fail
	return data
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
