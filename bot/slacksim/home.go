package slacksim

import (
	"encoding/json"
	"fmt"
)

// Limits of a home view. docs.slack.dev/surfaces/app-home; the size was seen
// with the live service.
const (
	maxViewBlocks = 100
	maxViewBytes  = 250 << 10
)

// viewsPublish is views.publish: it keeps the view as it is.
func (w *Workspace) viewsPublish(q *request) reply {
	user := q.args["user_id"]
	if _, err := w.person(user); err != nil {
		return fail("user_not_found")
	}
	text := q.args["view"]
	var v struct {
		Type   string            `json:"type"`
		Blocks []json.RawMessage `json:"blocks"`
	}
	switch {
	case len(text) > maxViewBytes:
		return fail("view_too_large")
	case json.Unmarshal([]byte(text), &v) != nil || v.Type != "home" || v.Blocks == nil:
		return fail("invalid_arguments", "[ERROR] view must be a home view with blocks")
	case len(v.Blocks) > maxViewBlocks:
		return fail("invalid_arguments", fmt.Sprintf("[ERROR] no more than %d items allowed [json-pointer:/view/blocks]", maxViewBlocks))
	}
	w.homes[user] = json.RawMessage(text)
	w.touch()
	view := map[string]any{}
	_ = json.Unmarshal([]byte(text), &view) // parsed once already
	view["id"], view["team_id"], view["app_id"], view["bot_id"] = "V0"+user, w.opt.TeamID, AppID, BotID
	view["hash"] = formatTS(q.at.UnixMicro())
	return reply{"view": view}
}

// Home returns the view that the app has published for a person, or nil.
func (w *Workspace) Home(userID string) json.RawMessage {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.homes[userID]
}

// OpenHome delivers app_home_opened, as when a person looks at the app's Home
// tab.
func (w *Workspace) OpenHome(userID string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, _, err := w.place(userID, dmID(userID))
	if err != nil {
		return err
	}
	w.emit(c, w.newEvent(c, "app_home_opened", "", map[string]any{
		"type": "app_home_opened", "user": userID, "channel": c.ID, "tab": "home", "event_ts": w.newTS(),
	}))
	return nil
}
