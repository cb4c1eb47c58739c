package slacksim

import (
	"encoding/json"
	"unicode/utf8"
)

// element is an interactive element of a block, as far as it is looked at.
type element struct {
	Type     string        `json:"type"`
	ActionID string        `json:"action_id"`
	Text     *textObj      `json:"text"`
	Value    string        `json:"value"`
	URL      string        `json:"url"`
	Positive *element      `json:"positive_button"`
	Negative *element      `json:"negative_button"`
	Options  []selectValue `json:"options"`
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

// problem returns what Slack refuses in the element, or "".
func (e *element) problem() string {
	switch {
	case len(e.ActionID) > maxIDLength:
		return "action_id is too long"
	case e.Text != nil && e.Type == "button" && utf8.RuneCountInString(e.Text.Text) > maxButtonText:
		return "button text is too long"
	case len(e.Value) > maxButtonValue:
		return "value is too long"
	case e.Type == "button" && (e.Text == nil || e.Text.Text == ""):
		return "missing required field: text"
	case e.Type == "feedback_buttons" && (e.Positive == nil || e.Negative == nil):
		return "missing required field: positive_button, negative_button"
	}
	return ""
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
		for _, o := range e.Options {
			if value == "" || value == o.Value {
				return action{Type: e.Type, SelectedOption: &o}, true
			}
		}
	}
	return action{}, false
}
