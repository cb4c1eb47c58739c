package slacksim

import (
	"encoding/json"
	"slices"
)

func disconnectFrame(reason string) any {
	return map[string]any{
		"type": "disconnect", "reason": reason,
		"debug_info": map[string]any{"host": "applink-sim"},
	}
}

// Sockets returns the number of live connections.
func (w *Workspace) Sockets() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.sockets)
}

// Disconnect ends a connection as Slack does: it sends one of them a disconnect
// frame with the reason, and closes it ten seconds later for "warning", at once
// for anything else, such as "refresh_requested" or "link_disabled". An empty
// reason cuts all connections without a word. Without a connection it does
// nothing.
func (w *Workspace) Disconnect(reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if reason == "" {
		for _, s := range slices.Clone(w.sockets) {
			w.drop(s)
			s.cut()
		}
		return
	}
	candidates := slices.DeleteFunc(slices.Clone(w.sockets), func(s *socket) bool { return s.warned })
	if len(candidates) == 0 {
		candidates = w.sockets
	}
	if len(candidates) == 0 {
		return
	}
	s := candidates[w.rng.IntN(len(candidates))]
	if reason != "warning" {
		s.finish(frame{body: disconnectFrame(reason)})
		return
	}
	if !s.warned {
		s.warned = true
		s.closing = w.after(warningPeriod, func() { s.finish(frame{}) })
	}
	s.queue(frame{body: disconnectFrame(reason)})
}

// HalfOpen makes one connection half-open, as a router does that forgets it:
// nothing passes in either direction any more, while Slack still sends
// envelopes there until the app closes the connection. Without a connection it
// does nothing.
func (w *Workspace) HalfOpen() {
	w.mu.Lock()
	defer w.mu.Unlock()
	candidates := slices.DeleteFunc(slices.Clone(w.sockets), func(s *socket) bool { return s.silent })
	if len(candidates) > 0 {
		candidates[w.rng.IntN(len(candidates))].silent = true
	}
}

func (s *socket) isSilent() bool {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.silent
}

// SocketMode switches Socket Mode off or on again, as in the app's settings.
// Off, every connection gets a disconnect frame with the reason link_disabled
// and is closed, and so is every new one instead of a greeting.
func (w *Workspace) SocketMode(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.linkOff = !on
	if on {
		return
	}
	for _, s := range slices.Clone(w.sockets) {
		s.finish(frame{body: disconnectFrame("link_disabled")})
	}
}

// Envelope sends one envelope of any type with any payload, which is JSON, once.
// Its acknowledgement is seen in [Workspace.Deliveries].
func (w *Workspace) Envelope(kind string, payload json.RawMessage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.send(&pending{kind: kind, event: event{payload: payload}})
}

// Frame sends a text frame that is no envelope, if there is a connection.
func (w *Workspace) Frame(body json.RawMessage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sockets) > 0 {
		w.sockets[w.rng.IntN(len(w.sockets))].queue(frame{body: body})
	}
}
