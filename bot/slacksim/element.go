package slacksim

import (
	"encoding/json"
	"fmt"
)

// Limits of an element, in characters or items.
// docs.slack.dev/reference/block-kit/block-elements and /composition-objects
const (
	maxButtonText    = 75
	maxButtonValue   = 2_000
	maxURL           = 3_000
	maxOptions       = 100
	maxOverflow      = 5
	maxOptionText    = 75
	maxConfirmTitle  = 100
	maxConfirmText   = 300
	maxConfirmButton = 30
)

// element is an interactive element of a block, as far as it is looked at.
type element struct {
	Type     string        `json:"type"`
	ActionID string        `json:"action_id"`
	Text     *textObj      `json:"text"`
	Value    string        `json:"value"`
	URL      string        `json:"url"`
	Confirm  *confirm      `json:"confirm"`
	Positive *element      `json:"positive_button"`
	Negative *element      `json:"negative_button"`
	Options  []selectValue `json:"options"`
	Groups   []optionGroup `json:"option_groups"`
}

// confirm asks before an action is taken.
// docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object
type confirm struct {
	Title   textObj `json:"title"`
	Text    textObj `json:"text"`
	Confirm textObj `json:"confirm"`
	Deny    textObj `json:"deny"`
}

type optionGroup struct {
	Options []selectValue `json:"options"`
}

// UnmarshalJSON also takes elements that are not interactive, such as those of
// a rich_text block, whose text is a plain string: they keep only their type.
func (e *element) UnmarshalJSON(data []byte) error {
	type plain element
	if err := json.Unmarshal(data, (*plain)(e)); err == nil {
		return nil
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	*e = element{Type: head.Type}
	return nil
}

type selectValue struct {
	Text  textObj `json:"text"`
	Value string  `json:"value"`
}

// choices are the options of a select, in groups or not.
func (e *element) choices() []selectValue {
	list := e.Options[:len(e.Options):len(e.Options)]
	for _, g := range e.Groups {
		list = append(list, g.Options...)
	}
	return list
}

// problem returns what Slack refuses in the element and a JSON pointer to it,
// or "".
func (e *element) problem() (why, at string) {
	limit := map[string]int{"static_select": maxOptions, "overflow": maxOverflow}[e.Type]
	options := e.choices()
	switch {
	case len(e.ActionID) > maxIDLength:
		return tooLong(maxIDLength), "/action_id"
	case e.Type == "button" && (e.Text == nil || e.Text.Text == ""):
		return "missing required field: text", ""
	case e.Type == "button" && e.Text.length() > maxButtonText:
		return tooLong(maxButtonText), "/text/text"
	case len(e.Value) > maxButtonValue:
		return tooLong(maxButtonValue), "/value"
	case len(e.URL) > maxURL:
		return tooLong(maxURL), "/url"
	case e.Type == "feedback_buttons" && (e.Positive == nil || e.Negative == nil):
		return "missing required field: positive_button, negative_button", ""
	case limit > 0 && (len(options) == 0 || len(options) > limit && len(e.Groups) == 0):
		return fmt.Sprintf("must have 1 to %d options", limit), "/options"
	}
	for i, o := range options {
		switch n := o.Text.length(); {
		case n == 0:
			return "missing required field: text", fmt.Sprintf("/options/%d", i)
		case n > maxOptionText:
			return tooLong(maxOptionText), fmt.Sprintf("/options/%d/text/text", i)
		}
	}
	if e.Confirm != nil {
		why, inside := e.Confirm.problem()
		return why, "/confirm" + inside
	}
	return "", ""
}

func (c *confirm) problem() (why, at string) {
	for _, part := range []struct {
		name  string
		text  textObj
		limit int
	}{
		{"title", c.Title, maxConfirmTitle},
		{"text", c.Text, maxConfirmText},
		{"confirm", c.Confirm, maxConfirmButton},
		{"deny", c.Deny, maxConfirmButton},
	} {
		switch n := part.text.length(); {
		case n == 0:
			return "missing required field: " + part.name, ""
		case n > part.limit:
			return tooLong(part.limit), "/" + part.name + "/text"
		}
	}
	return "", ""
}

// action is one entry of a block_actions payload.
// docs.slack.dev/reference/interaction-payloads/block_actions-payload
type action struct {
	Type           string       `json:"type"`
	ActionID       string       `json:"action_id"`
	BlockID        string       `json:"block_id"`
	Text           *textObj     `json:"text,omitempty"`
	Value          string       `json:"value,omitempty"`
	SelectedOption *selectValue `json:"selected_option,omitempty"`
	ActionTS       string       `json:"action_ts"`
}

// press finds what a person presses: the element with this action id and, unless
// value is empty, this value. Several buttons may share an action id.
func press(blocks []json.RawMessage, actionID, value string) (action, bool) {
	for _, raw := range blocks {
		var b block
		if json.Unmarshal(raw, &b) != nil {
			continue
		}
		elements := b.Elements
		if b.Accessory != nil {
			elements = append(elements, *b.Accessory)
		}
		for _, e := range elements {
			if e.ActionID != actionID || actionID == "" {
				continue
			}
			if a, ok := e.press(value); ok {
				a.ActionID, a.BlockID = actionID, b.BlockID
				return a, true
			}
		}
	}
	return action{}, false
}

func (e *element) press(value string) (action, bool) {
	switch e.Type {
	case "button", "icon_button":
		return action{Type: e.Type, Text: e.Text, Value: e.Value}, value == "" || value == e.Value
	case "feedback_buttons":
		for _, side := range []*element{e.Positive, e.Negative} {
			if side != nil && (value == "" || value == side.Value) {
				return action{Type: e.Type, Text: side.Text, Value: side.Value}, true
			}
		}
	case "static_select", "overflow", "radio_buttons":
		for _, o := range e.choices() {
			if value == "" || value == o.Value {
				return action{Type: e.Type, SelectedOption: &o}, true
			}
		}
	}
	return action{}, false
}
