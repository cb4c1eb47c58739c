package slacksim

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// builtinControls are the switches of the page that every workspace has.
func (w *Workspace) builtinControls() []*Control {
	fault := func(id string, f Fault) func(bool) {
		return func(on bool) { w.toggleFault(id, f, on) }
	}
	return []*Control{
		{
			ID: "streaming", Group: "Slack", Label: "Native streaming", Kind: "toggle", On: w.streaming,
			Help: "Off: chat.startStream answers feature_disabled, as in a workspace without it.",
			Set:  w.SetStreaming,
		},
		{
			ID: "charts", Group: "Slack", Label: "Charts in messages", Kind: "toggle", On: w.charts,
			Help: "Off: messages with a data_visualization block are refused with invalid_blocks, as where Slack has not rolled it out.",
			Set:  w.SetCharts,
		},
		{
			ID: "storm", Group: "Slack", Label: "429 storm", Kind: "toggle",
			Help: "A third of the chat.* calls is refused with HTTP 429 and a Retry-After of 1 to 5 s.",
			Set: fault("storm", Fault{
				Method: "chat.*", Status: http.StatusTooManyRequests, Chance: 1.0 / 3,
				RetryAfter: time.Second, RetryAfterMax: 5 * time.Second,
			}),
		},
		{
			ID: "errors", Group: "Slack", Label: "Server errors", Kind: "toggle",
			Help: "One in twenty chat.* calls does nothing and answers HTTP 503.",
			Set:  fault("errors", Fault{Method: "chat.*", Status: http.StatusServiceUnavailable, Chance: 1.0 / 20}),
		},
		{
			ID: "lost", Group: "Slack", Label: "Lost responses", Kind: "toggle",
			Help: "One in fifty chat.* calls is done, and then the connection is cut without an answer.",
			Set:  fault("lost", Fault{Method: "chat.*", LoseResponse: true, Chance: 1.0 / 50}),
		},
		{
			ID: "slow", Group: "Slack", Label: "Slow Slack", Kind: "toggle",
			Help: "Every Web API call takes two seconds.",
			Set:  fault("slow", Fault{Delay: 2 * time.Second}),
		},
		{
			ID: "disconnect", Group: "Slack", Label: "Disconnect sockets", Kind: "button",
			Help: "Cuts all Socket Mode connections without a word.",
			Set:  func(bool) { w.Disconnect("") },
		},
		{
			ID: "redeliver", Group: "Slack", Label: "Redeliver last message", Kind: "button",
			Help: "Sends the events of the last message of a person once more, under the same event ids.",
			Set:  func(bool) { w.redeliverLast() },
		},
	}
}

// toggleFault adds or takes away the fault of a built-in toggle.
func (w *Workspace) toggleFault(id string, f Fault, on bool) {
	w.mu.Lock()
	undo := w.switches[id]
	delete(w.switches, id)
	w.mu.Unlock()
	if undo != nil {
		undo()
	}
	if on {
		undo = w.Fault(f)
		w.mu.Lock()
		w.switches[id] = undo
		w.mu.Unlock()
	}
}

// redeliverLast redelivers the newest message of a person, if there is one.
func (w *Workspace) redeliverLast() {
	w.mu.Lock()
	var last *message
	for _, c := range w.channels {
		for _, m := range slices.Backward(c.msgs) {
			if len(m.created) > 0 && m.BotID == "" && !m.Deleted {
				if last == nil || m.micros() > last.micros() {
					last = m
				}
				break
			}
		}
	}
	w.mu.Unlock()
	if last != nil {
		// It can only fail if the workspace was closed meanwhile.
		_ = w.Redeliver(last.Channel, last.TS)
	}
}

// pressControl runs a control and keeps the state of a toggle.
func (w *Workspace) pressControl(id string, on bool) error {
	w.mu.Lock()
	i := slices.IndexFunc(w.controls, func(c *Control) bool { return c.ID == id })
	var c Control
	if i >= 0 {
		c = *w.controls[i]
	}
	w.mu.Unlock()
	if i < 0 {
		return fmt.Errorf("unknown control %q", id)
	}
	if c.Kind == "button" {
		on = true
	}
	if c.Set != nil {
		c.Set(on)
	}
	if c.Kind != "button" {
		w.mu.Lock()
		w.setControl(id, on)
		w.mu.Unlock()
	}
	return nil
}

// setControl shows the state of a toggle. The caller holds w.mu.
func (w *Workspace) setControl(id string, on bool) {
	for _, c := range w.controls {
		if c.ID == id && c.On != on {
			c.On = on
			w.publish("controls", map[string]any{"controls": w.controlList()})
		}
	}
}

func (w *Workspace) controlList() []Control {
	list := make([]Control, len(w.controls))
	for i, c := range w.controls {
		list[i] = *c
	}
	return list
}
