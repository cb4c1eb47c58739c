package slacksim

import "slices"

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
