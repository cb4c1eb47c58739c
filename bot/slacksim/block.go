package slacksim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Limits of a block, in characters or items.
const (
	maxIDLength  = 255   // block_id and action_id
	maxSection   = 3_000 // docs.slack.dev/reference/block-kit/blocks/section-block
	maxFields    = 10
	maxField     = 2_000
	maxHeader    = 150
	maxActions   = 25 // docs.slack.dev/reference/block-kit/blocks/actions-block
	maxContext   = 10 // docs.slack.dev/reference/block-kit/blocks/context-block
	maxUnderText = 5  // docs.slack.dev/reference/block-kit/blocks/context-actions-block
)

// block is the part of Block Kit that is looked at.
type block struct {
	Type      string      `json:"type"`
	BlockID   string      `json:"block_id"`
	Text      textOrPlain `json:"text"`
	Fields    []textObj   `json:"fields"`
	Elements  []element   `json:"elements"`
	Accessory *element    `json:"accessory"`
	AltText   string      `json:"alt_text"`
}

type textObj struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

func (t textObj) length() int { return utf8.RuneCountInString(t.Text) }

// textOrPlain is a text object, or the plain string of a markdown block.
type textOrPlain struct{ textObj }

func (t *textOrPlain) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &t.Text)
	}
	return json.Unmarshal(data, &t.textObj)
}

// flaw is what Slack refuses in a list of blocks.
type flaw struct {
	why, at   string // at is a JSON pointer from the list on
	malformed bool   // not of the shape of blocks at all
}

func (f *flaw) message(list string) string {
	return f.why + " [json-pointer:" + list + f.at + "]"
}

// checkBlocks checks each block by itself, and gives those in the list that have
// no block_id one, as Slack does.
func (w *Workspace) checkBlocks(list []json.RawMessage, supported func(kind string) bool) ([]block, *flaw) {
	blocks := make([]block, len(list))
	seen := map[string]bool{}
	for i, raw := range list {
		b, at := &blocks[i], fmt.Sprintf("/%d", i)
		if err := json.Unmarshal(raw, b); err != nil {
			return nil, &flaw{why: err.Error(), at: at, malformed: true}
		}
		why, inside := "", ""
		switch {
		case b.Type == "":
			why = "missing required field: type"
		case !supported(b.Type):
			why, inside = "unsupported type: "+b.Type, "/type"
		case b.Type == chartType:
			why, inside = chartProblem(raw)
		default:
			why, inside = b.problem()
		}
		if why == "" && len(b.BlockID) > maxIDLength {
			why, inside = tooLong(maxIDLength), "/block_id"
		}
		if why != "" {
			return nil, &flaw{why: why, at: at + inside}
		}
		if b.BlockID != "" && seen[b.BlockID] {
			return nil, &flaw{why: fmt.Sprintf("block_id %q is used twice", b.BlockID), at: at + "/block_id"}
		}
		seen[b.BlockID] = true
	}
	for i := range blocks {
		if b := &blocks[i]; b.BlockID == "" && b.Type != "markdown" {
			b.BlockID = w.newID("b")
			list[i] = withBlockID(list[i], b.BlockID)
		}
	}
	return blocks, nil
}

func tooLong(limit int) string {
	return fmt.Sprintf("must be less than %d characters", limit+1)
}

// problem returns what is wrong with the block by itself and a JSON pointer to
// it, or "".
func (b *block) problem() (why, at string) {
	limit := map[string]int{"actions": maxActions, "context": maxContext, "context_actions": maxUnderText}[b.Type]
	switch {
	case b.Type == "section" && b.Text.Text == "" && len(b.Fields) == 0:
		return "must define either text or fields", ""
	case b.Type == "section" && b.Text.length() > maxSection:
		return tooLong(maxSection), "/text/text"
	case b.Type == "section" && len(b.Fields) > maxFields:
		return fmt.Sprintf("no more than %d items allowed", maxFields), "/fields"
	case b.Type == "header" && b.Text.length() > maxHeader:
		return tooLong(maxHeader), "/text/text"
	case b.Type == "header" && b.Text.Text == "":
		return "missing required field: text", ""
	case b.Type == "markdown" && b.Text.Text == "":
		return "missing required field: text", ""
	case b.Type == "image" && b.AltText == "":
		return "missing required field: alt_text", ""
	case limit > 0 && (len(b.Elements) == 0 || len(b.Elements) > limit):
		return fmt.Sprintf("must have 1 to %d elements", limit), "/elements"
	}
	for i, f := range b.Fields {
		if f.length() > maxField {
			return tooLong(maxField), fmt.Sprintf("/fields/%d/text", i)
		}
	}
	for i := range b.Elements {
		if why, inside := b.Elements[i].problem(); why != "" {
			return why, fmt.Sprintf("/elements/%d%s", i, inside)
		}
	}
	if b.Accessory != nil {
		why, inside := b.Accessory.problem()
		return why, "/accessory" + inside
	}
	return "", ""
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

// withBlockID puts a block_id in front of the other fields, which keep their
// order.
func withBlockID(raw json.RawMessage, id string) json.RawMessage {
	rest := bytes.TrimPrefix(bytes.TrimSpace(raw), []byte("{"))
	return fmt.Appendf(nil, `{"block_id":%q,%s`, id, rest)
}
