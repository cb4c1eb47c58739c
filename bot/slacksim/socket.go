package slacksim

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/websocket"
)

// Rules of Socket Mode. docs.slack.dev/apis/events-api/using-socket-mode says
// ten connections, the frames, and about ten seconds from warning to close. The
// size of an acknowledgement was found by users of the live service: larger
// ones are dropped without a word.
const (
	maxSockets    = 10
	maxAckBytes   = 20 << 10
	warningPeriod = 10 * time.Second
	ticketPeriod  = time.Minute
	writeTimeout  = 10 * time.Second
)

// past is a deadline that makes an I/O fail at once.
var past = time.Unix(1, 0)

// socket is one WebSocket connection of the app.
type socket struct {
	w    *Workspace
	id   string
	conn *websocket.Conn
	wake chan struct{} // capacity 1: out has grown
	gone chan struct{} // closed when the reader has ended

	// Guarded by w.mu.
	out     []frame
	warned  bool
	silent  bool // half-open: nothing passes in either direction
	closing *alarm
}

// frame is something to write. A nil body writes nothing.
type frame struct {
	body any
	last bool // close the connection after it
}

var upgrader = websocket.Upgrader{
	WriteBufferSize: 32 << 10,
	// The ticket is what lets a client in; the Go client sends a Slack origin.
	CheckOrigin: func(*http.Request) bool { return true },
}

// openConnection is apps.connections.open.
func (w *Workspace) openConnection(q *request) reply {
	now := time.Now()
	for t, made := range w.tickets {
		if now.Sub(made) > ticketPeriod {
			delete(w.tickets, t)
		}
	}
	ticket := rand.Text()
	w.tickets[ticket] = now
	w.baseURL = q.baseURL("http")
	return reply{"url": q.baseURL("ws") + "/link/?ticket=" + ticket + "&app_id=" + AppID}
}

// serveLink is the WebSocket endpoint. A ticket is good for one connection.
func (w *Workspace) serveLink(rw http.ResponseWriter, r *http.Request) {
	if !w.join() {
		http.Error(rw, ErrClosed.Error(), http.StatusServiceUnavailable)
		return
	}
	defer w.wg.Done()
	ticket := r.URL.Query().Get("ticket")
	w.mu.Lock()
	made, ok := w.tickets[ticket]
	delete(w.tickets, ticket)
	w.mu.Unlock()
	if !ok || time.Since(made) > ticketPeriod {
		http.Error(rw, "unknown or used ticket", http.StatusUnauthorized)
		return
	}
	conn, err := upgrader.Upgrade(rw, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	s := &socket{w: w, conn: conn, wake: make(chan struct{}, 1), gone: make(chan struct{})}
	pong := conn.PingHandler()
	conn.SetPingHandler(func(data string) error {
		if s.isSilent() {
			return nil
		}
		return pong(data)
	})
	if !w.register(s) {
		_ = conn.Close()
		return
	}
	w.wg.Go(s.write)
	s.read()
	w.mu.Lock()
	w.drop(s)
	s.closing.stop()
	delete(w.conns, s)
	w.mu.Unlock()
	close(s.gone)
	_ = conn.Close()
}

// register takes a new connection in and greets it, or tells it that there are
// too many.
func (w *Workspace) register(s *socket) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.conns[s] = struct{}{}
	s.id = w.newID("S")
	if w.linkOff {
		s.queue(frame{body: disconnectFrame("link_disabled"), last: true})
		return true
	}
	if len(w.sockets) >= maxSockets {
		s.queue(frame{body: disconnectFrame("too_many_websockets"), last: true})
		return true
	}
	w.sockets = append(w.sockets, s)
	s.queue(frame{body: map[string]any{
		"type":            "hello",
		"num_connections": len(w.sockets),
		"connection_info": map[string]any{"app_id": AppID},
		"debug_info": map[string]any{
			"host": "applink-sim", "build_number": 1, "approximate_connection_time": 18060,
			"started": time.Now().UTC().Format("2006-01-02 15:04:05.000"),
		},
	}})
	w.publish("sockets", map[string]int{"sockets": len(w.sockets)})
	return true
}

// drop takes the socket out of the rotation. Its connection may live on a
// little. The caller holds w.mu.
func (w *Workspace) drop(s *socket) {
	if i := slices.Index(w.sockets, s); i >= 0 {
		w.sockets = slices.Delete(w.sockets, i, i+1)
		w.publish("sockets", map[string]int{"sockets": len(w.sockets)})
	}
}

// queue hands a frame to the writer. The caller holds w.mu.
func (s *socket) queue(f frame) {
	s.out = append(s.out, f)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// cut makes reader and writer fail at once, as a broken network does. The
// caller holds w.mu; nothing here blocks.
func (s *socket) cut() {
	_ = s.conn.NetConn().SetDeadline(past)
}

// finish closes the connection in an orderly way after what is queued. The
// caller holds w.mu.
func (s *socket) finish(f frame) {
	f.last = true
	s.w.drop(s)
	s.queue(f)
}

func (s *socket) write() {
	pings := time.NewTicker(s.w.opt.PingInterval)
	defer pings.Stop()
	for {
		s.w.mu.Lock()
		batch := s.out
		s.out = nil
		if s.silent {
			batch = nil
		}
		s.w.mu.Unlock()
		for _, f := range batch {
			if !s.send(f) {
				_ = s.conn.Close() // ends the reader
				return
			}
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-s.wake:
		case <-pings.C:
			if s.isSilent() {
				continue
			}
			err := s.conn.WriteControl(websocket.PingMessage, []byte("Ping from applink-sim"), time.Now().Add(writeTimeout))
			if err != nil {
				_ = s.conn.Close()
				return
			}
		case <-s.gone:
			return
		}
	}
}

// send writes one frame and tells whether the connection goes on.
func (s *socket) send(f frame) bool {
	deadline := time.Now().Add(writeTimeout)
	if f.body != nil {
		_ = s.conn.SetWriteDeadline(deadline)
		if s.conn.WriteJSON(f.body) != nil {
			return false
		}
	}
	if f.last {
		_ = s.conn.WriteControl(websocket.CloseMessage,
			websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), deadline)
	}
	return !f.last
}

// read takes acknowledgements until the connection ends.
func (s *socket) read() {
	for {
		kind, data, err := s.conn.ReadMessage()
		if err != nil {
			return
		}
		if kind != websocket.TextMessage || len(data) >= maxAckBytes || s.isSilent() {
			continue
		}
		var ack struct {
			EnvelopeID string          `json:"envelope_id"`
			Payload    json.RawMessage `json:"payload"`
		}
		if json.Unmarshal(data, &ack) == nil && ack.EnvelopeID != "" {
			s.w.acknowledge(ack.EnvelopeID, ack.Payload)
		}
	}
}
