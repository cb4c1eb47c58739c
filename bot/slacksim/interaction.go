package slacksim

import (
	"context"
	"encoding/json"
	"fmt"
)

// actionsPayload is a block_actions payload.
// docs.slack.dev/reference/interaction-payloads/block_actions-payload
type actionsPayload struct {
	Type                string      `json:"type"`
	User                actionsUser `json:"user"`
	APIAppID            string      `json:"api_app_id"`
	Token               string      `json:"token"`
	Container           container   `json:"container"`
	TriggerID           string      `json:"trigger_id"`
	Team                actionsTeam `json:"team"`
	Enterprise          *struct{}   `json:"enterprise"`
	IsEnterpriseInstall bool        `json:"is_enterprise_install"`
	Actions             []action    `json:"actions"`

	// Of a click in a message.
	Channel     *actionsChannel `json:"channel,omitempty"`
	Message     *wireMessage    `json:"message,omitempty"` // not of an ephemeral one
	ResponseURL string          `json:"response_url,omitempty"`

	// Of a click in the App Home.
	View *homeView `json:"view,omitempty"`
}

type actionsUser struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	Name     string `json:"name"`
	TeamID   string `json:"team_id"`
}

type actionsTeam struct {
	ID     string `json:"id"`
	Domain string `json:"domain"`
}

type actionsChannel struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type container struct {
	Type        string `json:"type"`
	MessageTS   string `json:"message_ts,omitempty"`
	ChannelID   string `json:"channel_id,omitempty"`
	ThreadTS    string `json:"thread_ts,omitempty"`
	IsEphemeral *bool  `json:"is_ephemeral,omitempty"` // of a message
	ViewID      string `json:"view_id,omitempty"`
}

// Click presses a button, a feedback button or a choice of a select in a message
// that the person sees, ephemeral ones included. An empty value means the first
// element with that action id. It returns once the app has acknowledged, or
// [ErrDispatchFailed]; what the acknowledgement carries is ignored, as Slack
// does for block_actions.
func (w *Workspace) Click(userID, channelID, ts, actionID, value string) error {
	return w.click(context.Background(), userID, channelID, ts, actionID, value)
}

func (w *Workspace) click(ctx context.Context, userID, channelID, ts, actionID, value string) error {
	r, err := w.startClick(userID, channelID, ts, actionID, value)
	if err != nil {
		return err
	}
	return w.await(ctx, r)
}

func (w *Workspace) startClick(userID, channelID, ts, actionID, value string) (*run, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, p, err := w.place(userID, channelID)
	if err != nil {
		return nil, err
	}
	m := c.byTS[ts]
	if eph := w.ephByTS[tsKey{channelID, ts}]; eph != nil && eph.EphemeralTo == userID {
		m = eph
	}
	if m == nil || m.Deleted {
		return nil, fmt.Errorf("message_not_found: %q in %s", ts, channelID)
	}
	a, ok := press(m.Blocks, actionID, value)
	if !ok {
		return nil, fmt.Errorf("action_not_found: %q with value %q in message %s", actionID, value, ts)
	}
	private := m.EphemeralTo != ""
	payload := w.newActions(p, a)
	payload.Channel = &actionsChannel{c.ID, c.Name}
	payload.Container = container{
		Type: "message", MessageTS: ts, ChannelID: c.ID, ThreadTS: m.ThreadTS, IsEphemeral: &private,
	}
	payload.ResponseURL = w.addHook(&hook{c: c, user: userID, source: m})
	if !private {
		payload.Message = w.wire(m, true)
	}
	return w.sendActions(payload, event{channel: c.ID, ts: ts}), nil
}

func (w *Workspace) newActions(p Person, a action) actionsPayload {
	a.ActionTS = w.newTS()
	return actionsPayload{
		Type: "block_actions", User: actionsUser{ID: p.ID, Username: p.Name, Name: p.Name, TeamID: w.teamOf(p)},
		APIAppID: AppID, Token: "sim", TriggerID: w.newID("Tr"), Team: actionsTeam{w.opt.TeamID, "simulated"},
		Actions: []action{a},
	}
}

func (w *Workspace) sendActions(payload actionsPayload, e event) *run {
	r := newRun()
	e.name, e.payload = payload.Type, payload
	w.send(&pending{
		kind:   typeInteractive,
		event:  e,
		acked:  func(json.RawMessage) { r.acked <- nil },
		failed: func() { r.acked <- ErrDispatchFailed },
	})
	return r
}

// ClickHome presses a button or a choice in the App Home that the person sees,
// as [Workspace.Click] does in a message. The payload has the view and no
// response_url.
func (w *Workspace) ClickHome(userID, actionID, value string) error {
	return w.clickHome(context.Background(), userID, actionID, value)
}

func (w *Workspace) clickHome(ctx context.Context, userID, actionID, value string) error {
	r, err := w.startHomeClick(userID, actionID, value)
	if err != nil {
		return err
	}
	return w.await(ctx, r)
}

func (w *Workspace) startHomeClick(userID, actionID, value string) (*run, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, p, err := w.place(userID, dmID(userID))
	if err != nil {
		return nil, err
	}
	v := w.homes[userID]
	if v == nil {
		return nil, fmt.Errorf("view_not_found: nothing was published for %s", userID)
	}
	a, ok := press(v.Blocks, actionID, value)
	if !ok {
		return nil, fmt.Errorf("action_not_found: %q with value %q in the home of %s", actionID, value, userID)
	}
	payload := w.newActions(p, a)
	payload.Container = container{Type: "view", ViewID: v.ID}
	payload.View = v
	return w.sendActions(payload, event{}), nil
}
