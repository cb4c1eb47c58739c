package slacksim

import (
	"errors"
	"fmt"
)

// stoppedEvent is agent_session_stopped.
// docs.slack.dev/reference/events/agent_session_stopped
type stoppedEvent struct {
	Type               string   `json:"type"`
	Channel            string   `json:"channel"`
	ThreadTS           string   `json:"thread_ts"`
	User               string   `json:"user"`
	StreamingMessageTS []string `json:"streaming_message_ts"`
	EventTS            string   `json:"event_ts"`
}

// StopStreaming presses the Stop button that [Options].AgentView puts on a
// message that is being streamed. The app gets agent_session_stopped, and what
// it appends from then on is refused as stopped_by_user; the stream itself
// lasts until chat.stopStream or the end of its life, since Slack leaves the
// ending to the app. Without AgentView there is no button, which is an error.
func (w *Workspace) StopStreaming(userID, channelID, ts string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.opt.AgentView {
		return errors.New("no_agent_view: streams have no Stop button here")
	}
	c, p, err := w.place(userID, channelID)
	if err != nil {
		return err
	}
	m := c.byTS[ts]
	switch {
	case m == nil || m.Deleted:
		return fmt.Errorf("message_not_found: %q in %s", ts, channelID)
	case m.StreamingState != streamOpen:
		return fmt.Errorf("message_not_in_streaming_state: %s", ts)
	case m.StoppedBy != "":
		return fmt.Errorf("already_stopped: %s by %s", ts, m.StoppedBy)
	}
	m.StoppedBy = p.ID
	w.show(m)
	thread := m.ThreadTS
	if thread == "" {
		thread = m.TS
	}
	w.emit(c, w.newEvent(c, "agent_session_stopped", m.TS, stoppedEvent{
		Type: "agent_session_stopped", Channel: c.ID, ThreadTS: thread, User: p.ID,
		StreamingMessageTS: []string{m.TS}, EventTS: w.newTS(),
	}))
	return nil
}
