package slacksim

import (
	"encoding/json"
	"time"
)

// statusLife is how long a status shows when the app says nothing.
// docs.slack.dev/reference/methods/assistant.threads.setStatus
const statusLife = 2 * time.Minute

type status struct {
	text  string
	timer *alarm
}

type statusChange struct {
	Channel  string `json:"channel"`
	ThreadTS string `json:"thread_ts"`
	Status   string `json:"status"`
}

// setStatus is assistant.threads.setStatus.
func (w *Workspace) setStatus(q *request) reply {
	q.args["channel"] = q.args["channel_id"]
	c, bad := w.target(q)
	delete(q.args, "channel")
	if bad != nil {
		return fail("channel_not_found")
	}
	text, given := q.args["status"]
	if !given {
		return fail("invalid_arguments", "[ERROR] missing required field: status")
	}
	var loading []string
	if l := q.args["loading_messages"]; l != "" && json.Unmarshal([]byte(l), &loading) == nil && len(loading) > 10 {
		return fail("invalid_arguments", "[ERROR] no more than 10 loading_messages")
	}
	root := c.rootOf(q.args["thread_ts"])
	if root == nil {
		return fail("invalid_thread_ts")
	}
	key := tsKey{c.ID, root.TS}
	if text == "" {
		w.clearStatus(key)
		return reply{}
	}
	old := w.statuses[key]
	if old != nil {
		old.timer.stop()
	}
	w.statuses[key] = &status{text: text, timer: w.after(statusLife, func() { w.clearStatus(key) })}
	if old == nil || old.text != text {
		w.publish("status", statusChange{c.ID, root.TS, text})
	}
	return reply{}
}

func (w *Workspace) clearStatus(key tsKey) {
	s := w.statuses[key]
	if s == nil {
		return
	}
	s.timer.stop()
	delete(w.statuses, key)
	w.publish("status", statusChange{key.channel, key.ts, ""})
}

// Status returns what a thread shows while the bot works, such as "is
// thinking…", or "".
func (w *Workspace) Status(channelID, threadTS string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.statuses[tsKey{channelID, threadTS}]; s != nil {
		return s.text
	}
	return ""
}
