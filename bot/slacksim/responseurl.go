package slacksim

import (
	"crypto/rand"
	"maps"
	"net/http"
	"slices"
	"time"
)

// A response_url works five times within thirty minutes.
// docs.slack.dev/interactivity/handling-user-interaction
const (
	hookUses = 5
	hookLife = 30 * time.Minute
)

// hook is a response_url.
type hook struct {
	c      *channel
	user   string       // who sees ephemeral answers
	source *message     // the message that was clicked, or nil
	answer chan Message // capacity 1; nil if nobody waits
	uses   int
	made   time.Time
}

// addHook returns the URL of a new hook. It has the host by which the app has
// reached the workspace, and is of use only after apps.connections.open.
func (w *Workspace) addHook(h *hook) string {
	h.made = time.Now()
	for id, old := range w.hooks {
		if h.made.Sub(old.made) > hookLife {
			delete(w.hooks, id)
		}
	}
	id := rand.Text()
	w.hooks[id] = h
	return w.baseURL + "/response/" + id
}

func (w *Workspace) serveResponseURL(rw http.ResponseWriter, r *http.Request, id string) {
	q := &request{method: "response_url", host: r.Host, tls: r.TLS != nil, at: time.Now()}
	if err := q.parse(rw, r); err != nil {
		sendJSON(rw, http.StatusBadRequest, fail("invalid_payload", err.Error()).finish())
		return
	}
	w.call(rw, q, func() reply {
		h := w.hooks[id]
		switch {
		case h == nil:
			return fail("invalid_url")
		case time.Since(h.made) > hookLife:
			return fail("expired_url")
		case h.uses >= hookUses:
			return fail("used_url")
		}
		h.uses++
		out := w.respond(h, q)
		if out.code() == "invalid_blocks" {
			// As incoming webhooks answer. docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
			out["plain"], out["http_status"] = out.code(), http.StatusBadRequest
		}
		return out
	})
}

// respond shows an answer given by response_url or in an acknowledgement. The
// caller holds w.mu.
func (w *Workspace) respond(h *hook, q *request) reply {
	q.channel = h.c.ID
	done := reply{"plain": "ok"}
	if q.flag("delete_original") && h.source != nil {
		w.withdraw(h.c, h.source)
		return done
	}
	// Clients send an empty metadata object along, which means nothing here.
	visible := *q
	visible.args = maps.Clone(q.args)
	delete(visible.args, "metadata")
	said, bad := w.readContent(&visible)
	if bad != nil {
		return bad
	}
	if said.text == "" && len(said.blocks) == 0 {
		return fail("no_text")
	}
	if q.flag("replace_original") && h.source != nil && !h.source.Deleted {
		m := h.source
		before := w.wire(m, true)
		m.Text, m.Blocks, m.Markdown = said.text, said.blocks, said.markdown
		if m.EphemeralTo != "" {
			w.showEphemeral(m)
		} else {
			w.announceChange(h.c, m, before)
		}
		w.answered(h, m)
		return done
	}
	m := w.newBotMessage(h.c, q.args["thread_ts"], said)
	if q.args["response_type"] == "in_channel" {
		w.say(h.c, m)
	} else {
		w.whisper(h.c, m, h.user)
	}
	q.ts = m.TS
	w.answered(h, m)
	return done
}

func (w *Workspace) answered(h *hook, m *message) {
	select {
	case h.answer <- m.snapshot():
	default: // nobody waits, or not for a second answer
	}
}

// withdraw deletes the message that was clicked.
func (w *Workspace) withdraw(c *channel, m *message) {
	if m.Deleted {
		return
	}
	if m.EphemeralTo == "" {
		w.remove(c, m)
		return
	}
	m.Deleted = true
	delete(w.ephByTS, tsKey{c.ID, m.TS})
	w.ephemerals = slices.DeleteFunc(w.ephemerals, func(e *message) bool { return e == m })
	w.publish("delete", map[string]string{"channel": c.ID, "ts": m.TS})
}
