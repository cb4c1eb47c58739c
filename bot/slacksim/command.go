package slacksim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrDispatchFailed is what a person is shown when the app has no connection,
// or does not acknowledge a command or a click within three seconds.
var ErrDispatchFailed = errors.New("dispatch_failed")

// commandPayload is the payload of a slash command.
// docs.slack.dev/interactivity/implementing-slash-commands
type commandPayload struct {
	Token               string `json:"token"`
	TeamID              string `json:"team_id"`
	TeamDomain          string `json:"team_domain"`
	ChannelID           string `json:"channel_id"`
	ChannelName         string `json:"channel_name"`
	UserID              string `json:"user_id"`
	UserName            string `json:"user_name"`
	Command             string `json:"command"`
	Text                string `json:"text"`
	APIAppID            string `json:"api_app_id"`
	IsEnterpriseInstall string `json:"is_enterprise_install"`
	ResponseURL         string `json:"response_url"`
	TriggerID           string `json:"trigger_id"`
}

// run is a command or click that the app is working on.
type run struct {
	acked  chan error   // capacity 1: nil once acknowledged
	answer chan Message // capacity 1: the first answer
}

func newRun() *run {
	return &run{acked: make(chan error, 1), answer: make(chan Message, 1)}
}

// Command runs the app's slash command with a text (without its name) and
// returns the app's first answer: from the acknowledgement or by response_url,
// usually ephemeral. It returns [ErrDispatchFailed] if the app is not connected
// or does not acknowledge within three seconds. After that it waits for an
// answer until ctx ends. People of another team cannot use it.
func (w *Workspace) Command(ctx context.Context, userID, channelID, text string) (Message, error) {
	r, err := w.startCommand(userID, channelID, text)
	if err != nil {
		return Message{}, err
	}
	if err := w.await(ctx, r); err != nil {
		return Message{}, err
	}
	select {
	case m := <-r.answer:
		return m, nil
	case <-ctx.Done():
		return Message{}, ctx.Err()
	case <-w.done:
		return Message{}, ErrClosed
	}
}

// await waits for the acknowledgement.
func (w *Workspace) await(ctx context.Context, r *run) error {
	select {
	case err := <-r.acked:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-w.done:
		return ErrClosed
	}
}

func (w *Workspace) startCommand(userID, channelID, text string) (*run, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, p, err := w.place(userID, channelID)
	if err != nil {
		return nil, err
	}
	if w.teamOf(p) != w.opt.TeamID {
		return nil, fmt.Errorf("restricted_action: %s is of another team", userID)
	}
	name := c.Name
	switch {
	case c.im != "":
		name = "directmessage"
	case c.Private:
		name = "privategroup"
	}
	r := newRun()
	h := &hook{c: c, user: userID, answer: r.answer}
	w.send(&pending{
		kind: typeCommand,
		event: event{name: w.opt.Command, channel: c.ID, payload: commandPayload{
			Token: "sim", TeamID: w.opt.TeamID, TeamDomain: "simulated", ChannelID: c.ID, ChannelName: name,
			UserID: p.ID, UserName: p.Name, Command: w.opt.Command, Text: text, APIAppID: AppID,
			IsEnterpriseInstall: "false", ResponseURL: w.addHook(h), TriggerID: w.newID("Tr"),
		}},
		acked:  func(payload json.RawMessage) { r.acked <- w.answerInAck(h, payload) },
		failed: func() { r.acked <- ErrDispatchFailed },
	})
	return r, nil
}

// answerInAck shows the message that an acknowledgement may carry.
func (w *Workspace) answerInAck(h *hook, payload json.RawMessage) error {
	if len(payload) == 0 || string(payload) == "null" || string(payload) == "{}" {
		return nil
	}
	q := &request{args: map[string]string{}}
	if err := q.addJSON(payload); err != nil {
		return fmt.Errorf("%w: the acknowledgement's payload is not an object", ErrDispatchFailed)
	}
	if out := w.respond(h, q); out.code() != "" {
		return fmt.Errorf("%w: the acknowledgement's payload: %s", ErrDispatchFailed, out.code())
	}
	return nil
}
