package slacksim

import (
	"encoding/json"
	"fmt"
)

// Limits of a home view. docs.slack.dev/surfaces/app-home and
// /reference/views/home-tab-views; the size was seen with the live service.
const (
	maxViewBlocks   = 100
	maxViewBytes    = 250 << 10
	maxViewMetadata = 3_000
)

// homeBlocks are the blocks of a home view, as docs.slack.dev/blocks.json has it.
var homeBlocks = map[string]bool{
	"actions": true, "card": true, "carousel": true, "context": true, "data_table": true, "divider": true,
	"header": true, "image": true, "input": true, "rich_text": true, "section": true, "table": true, "video": true,
}

// homeView is a published view as the app gets it back. Once it is shared it
// does not change: the next publication makes another.
// docs.slack.dev/reference/events/app_home_opened
type homeView struct {
	ID              string            `json:"id"`
	TeamID          string            `json:"team_id"`
	Type            string            `json:"type"`
	Blocks          []json.RawMessage `json:"blocks"`
	PrivateMetadata string            `json:"private_metadata"`
	CallbackID      string            `json:"callback_id"`
	State           homeState         `json:"state"`
	Hash            string            `json:"hash"`
	Title           textObj           `json:"title"`
	ClearOnClose    bool              `json:"clear_on_close"`
	NotifyOnClose   bool              `json:"notify_on_close"`
	Close           *textObj          `json:"close"`
	Submit          *textObj          `json:"submit"`
	PreviousViewID  *string           `json:"previous_view_id"`
	RootViewID      string            `json:"root_view_id"`
	AppID           string            `json:"app_id"`
	ExternalID      string            `json:"external_id"`
	InstalledTeamID string            `json:"app_installed_team_id"`
	BotID           string            `json:"bot_id"`

	published json.RawMessage
}

// homeState is what people have put into inputs, which are not modelled.
type homeState struct {
	Values struct{} `json:"values"`
}

// viewsPublish is views.publish.
func (w *Workspace) viewsPublish(q *request) reply {
	user := q.args["user_id"]
	if _, err := w.person(user); err != nil {
		return fail("user_not_found")
	}
	text := q.args["view"]
	if len(text) > maxViewBytes {
		return fail("view_too_large")
	}
	v, bad := w.readView(text)
	if bad != nil {
		return bad
	}
	old := w.homes[user]
	if hash := q.args["hash"]; hash != "" && (old == nil || hash != old.Hash) {
		return fail("hash_conflict")
	}
	v.ID = "V0" + user
	v.RootViewID, v.Hash = v.ID, w.newTS()
	w.homes[user] = v
	w.publish("home", homeChange{user, v})
	return reply{"view": v}
}

// homeChange is an event of the page.
type homeChange struct {
	User string    `json:"user"`
	View *homeView `json:"view"`
}

// readView checks a view and gives its blocks ids.
func (w *Workspace) readView(text string) (*homeView, reply) {
	refuse := func(why string) (*homeView, reply) {
		return nil, fail("invalid_arguments", "[ERROR] "+why)
	}
	v := &homeView{published: json.RawMessage(text)}
	var given struct {
		Type            string            `json:"type"`
		Blocks          []json.RawMessage `json:"blocks"`
		PrivateMetadata string            `json:"private_metadata"`
		CallbackID      string            `json:"callback_id"`
		ExternalID      string            `json:"external_id"`
	}
	switch err := json.Unmarshal([]byte(text), &given); {
	case err != nil || given.Type != "home" || given.Blocks == nil:
		return refuse("view must be a home view with blocks")
	case len(given.Blocks) > maxViewBlocks:
		return refuse(fmt.Sprintf("no more than %d items allowed [json-pointer:/view/blocks]", maxViewBlocks))
	case len(given.PrivateMetadata) > maxViewMetadata:
		return refuse(tooLong(maxViewMetadata) + " [json-pointer:/view/private_metadata]")
	case len(given.CallbackID) > maxIDLength:
		return refuse(tooLong(maxIDLength) + " [json-pointer:/view/callback_id]")
	}
	if _, bad := w.checkBlocks(given.Blocks, func(kind string) bool { return homeBlocks[kind] }); bad != nil {
		return refuse(bad.message("/view/blocks"))
	}
	v.Type, v.Blocks, v.PrivateMetadata = given.Type, given.Blocks, given.PrivateMetadata
	v.CallbackID, v.ExternalID = given.CallbackID, given.ExternalID
	v.TeamID, v.InstalledTeamID, v.AppID, v.BotID = w.opt.TeamID, w.opt.TeamID, AppID, BotID
	v.Title = textObj{Type: "plain_text", Text: "View Title"}
	return v, nil
}

// Home returns the view that the app has published for a person, as it was
// given, or nil.
func (w *Workspace) Home(userID string) json.RawMessage {
	w.mu.Lock()
	defer w.mu.Unlock()
	if v := w.homes[userID]; v != nil {
		return v.published
	}
	return nil
}

// OpenHome delivers app_home_opened, as when a person looks at the app's Home
// tab. The event has the view that was published before, if there is one.
func (w *Workspace) OpenHome(userID string) error {
	return w.openTab(userID, "home")
}

// OpenMessages is OpenHome for the app's Messages tab.
func (w *Workspace) OpenMessages(userID string) error {
	return w.openTab(userID, "messages")
}

func (w *Workspace) openTab(userID, tab string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, _, err := w.place(userID, dmID(userID))
	if err != nil {
		return err
	}
	inner := map[string]any{
		"type": "app_home_opened", "user": userID, "channel": c.ID, "tab": tab, "event_ts": w.newTS(),
	}
	if v := w.homes[userID]; v != nil && tab == "home" {
		inner["view"] = v
	}
	w.emit(c, w.newEvent(c, "app_home_opened", "", inner))
	return nil
}
