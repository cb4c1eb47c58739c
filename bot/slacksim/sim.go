package slacksim

import (
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"net"
	"net/http"
	"strings"
)

// loopbackHost tells whether a Host header names this machine itself.
func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// serveSim is the API of the page and of faults from outside.
func (w *Workspace) serveSim(rw http.ResponseWriter, r *http.Request, path string) {
	switch r.Method {
	case http.MethodGet:
		switch path {
		case "state":
			sendJSON(rw, http.StatusOK, w.state())
		case "events":
			w.serveEvents(rw, r)
		case "calls":
			sendJSON(rw, http.StatusOK, w.simCalls())
		case "deliveries":
			sendJSON(rw, http.StatusOK, w.Deliveries())
		default:
			sendError(rw, http.StatusNotFound, "no such path")
		}
	case http.MethodPost:
		// A foreign web page cannot send this type without asking first.
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
			sendError(rw, http.StatusUnsupportedMediaType, "Content-Type must be application/json")
			return
		}
		var q simRequest
		if err := json.NewDecoder(http.MaxBytesReader(rw, r.Body, maxBody)).Decode(&q); err != nil {
			sendError(rw, http.StatusBadRequest, "read body: "+err.Error())
			return
		}
		answer, err := w.act(r, path, q)
		switch {
		case errors.Is(err, errNoSuchVerb):
			sendError(rw, http.StatusNotFound, err.Error())
		case errors.Is(err, ErrDispatchFailed):
			sendError(rw, http.StatusOK, ErrDispatchFailed.Error())
		case err != nil:
			sendError(rw, http.StatusBadRequest, err.Error())
		default:
			sendJSON(rw, http.StatusOK, answer)
		}
	default:
		sendError(rw, http.StatusMethodNotAllowed, "use GET or POST")
	}
}

var errNoSuchVerb = errors.New("no such path")

// act runs one verb of a POST.
func (w *Workspace) act(r *http.Request, path string, q simRequest) (answer any, err error) {
	switch path {
	case "post":
		var ts string
		if q.File != "" {
			ts, err = w.PostFile(q.User, q.Channel, q.ThreadTS, q.Text, q.File)
		} else {
			ts, err = w.Post(q.User, q.Channel, q.ThreadTS, q.Text)
		}
		return map[string]string{"ts": ts}, err
	case "edit":
		err = w.Edit(q.User, q.Channel, q.TS, q.Text)
	case "delete":
		err = w.Delete(q.User, q.Channel, q.TS)
	case "command":
		// The answer comes as an ephemeral message, perhaps much later.
		var run *run
		if run, err = w.startCommand(q.User, q.Channel, q.Text); err == nil {
			err = w.await(r.Context(), run)
		}
	case "click":
		err = w.click(r.Context(), q.User, q.Channel, q.TS, q.ActionID, q.Value)
	case "click-home":
		err = w.clickHome(r.Context(), q.User, q.ActionID, q.Value)
	case "open-home":
		err = w.OpenHome(q.User)
	case "open-messages":
		err = w.OpenMessages(q.User)
	case "react":
		err = w.React(q.User, q.Channel, q.TS, q.Emoji)
	case "unreact":
		err = w.Unreact(q.User, q.Channel, q.TS, q.Emoji)
	case "stop-streaming":
		err = w.StopStreaming(q.User, q.Channel, q.TS)
	case "control":
		err = w.pressControl(q.ID, q.On)
	case "fault":
		w.Fault(q.fault())
	case "faults/clear":
		w.ClearFaults()
	case "redeliver":
		err = w.Redeliver(q.Channel, q.TS)
	case "disconnect":
		w.Disconnect(q.Reason)
	case "drop-acks":
		w.DropAcks(q.N)
	default:
		err = errNoSuchVerb
	}
	return struct{}{}, err
}

// simCall is a call under /sim/calls.
type simCall struct {
	Call
	RetryAfterMS int64 `json:"retry_after_ms,omitempty"`
}

func (w *Workspace) simCalls() []simCall {
	calls := w.Calls()
	list := make([]simCall, len(calls))
	for i, c := range calls {
		list[i] = simCall{c, c.RetryAfter.Milliseconds()}
	}
	return list
}

// pageState is GET /sim/state.
type pageState struct {
	Team       map[string]string    `json:"team"`
	Bot        Person               `json:"bot"`
	Command    string               `json:"command"`
	People     []Person             `json:"people"`
	Channels   []pageChannel        `json:"channels"`
	Messages   map[string][]Message `json:"messages"`
	Ephemerals []Message            `json:"ephemerals"`
	Statuses   []statusChange       `json:"statuses"`
	Homes      map[string]*homeView `json:"homes"` // by user
	Controls   []Control            `json:"controls"`
	Sockets    int                  `json:"sockets"`
	Streaming  bool                 `json:"streaming"`
	AgentView  bool                 `json:"agent_view"`
	Seq        int64                `json:"seq"`
}

type pageChannel struct {
	Channel
	IM   bool   `json:"im"`
	User string `json:"user,omitempty"` // the person of a direct message
}

func (w *Workspace) state() pageState {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := pageState{
		Team: map[string]string{"id": w.opt.TeamID, "name": w.opt.TeamName}, Bot: w.opt.Bot, Command: w.opt.Command,
		People: w.opt.People, Messages: map[string][]Message{}, Ephemerals: []Message{}, Statuses: []statusChange{}, Homes: maps.Clone(w.homes),
		Controls: w.controlList(), Sockets: len(w.sockets), Streaming: w.streaming, AgentView: w.opt.AgentView, Seq: w.feed.seq,
	}
	for _, id := range w.chanID {
		c := w.channels[id]
		s.Channels = append(s.Channels, pageChannel{Channel: c.Channel, IM: c.im != "", User: c.im})
		s.Messages[id] = append([]Message{}, snapshots(c.msgs)...)
	}
	s.Ephemerals = append(s.Ephemerals, snapshots(w.ephemerals)...)
	for key, st := range w.statuses {
		s.Statuses = append(s.Statuses, statusChange{key.channel, key.ts, st.text})
	}
	return s
}

func sendError(rw http.ResponseWriter, status int, text string) {
	sendJSON(rw, status, map[string]string{"error": text})
}
