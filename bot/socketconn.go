package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// openPatience bounds the opening of a connection up to Slack's greeting.
	openPatience = 30 * time.Second
	// closePatience bounds the closing: Slack may leave the TCP connection open
	// after both close frames.
	closePatience = time.Second
	writePatience = 5 * time.Second
)

// socket is one connection that Slack has greeted. Its reader is owned by keep.
type socket struct {
	bot     *Bot
	number  int // of its place
	conn    *websocket.Conn
	greeted time.Time
	life    time.Duration // as Slack guesses; 0: it did not say

	doomed chan farewell // capacity 1: it must be replaced
	ended  chan struct{} // closed when nothing more is read
	err    error         // why; set before that
	takes  sync.WaitGroup

	heard   atomic.Int64 // when the last frame came, pings and pongs included: ns since greeted
	blocked atomic.Bool  // the reader waits for the store

	writing sync.Mutex
	closed  bool // guarded by writing: no acknowledgement can be written
}

// farewell is why a connection must be replaced. err is nil unless it broke.
type farewell struct {
	reason string
	err    error
}

// frame is any text frame from Slack.
type frame struct {
	envelope
	Reason         string `json:"reason"`          // of disconnect
	NumConnections int    `json:"num_connections"` // of hello
	DebugInfo      struct {
		ApproximateConnectionTime int `json:"approximate_connection_time"` // seconds
	} `json:"debug_info"`
}

// disconnected is Slack's disconnect frame where a greeting was expected.
type disconnected struct{ reason string }

func (d disconnected) Error() string { return "slack ended the connection: " + d.reason }

// openSocket opens a connection and waits for Slack's greeting.
func (b *Bot) openSocket(ctx context.Context, number int) (*socket, error) {
	ctx, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	_, url, err := b.api.StartSocketModeContext(ctx)
	if err != nil {
		return nil, err
	}
	dialer := &websocket.Dialer{
		NetDialContext: b.o.Slack.DialContext, Proxy: b.o.Slack.Proxy,
		HandshakeTimeout: 15 * time.Second,
		// An acknowledgement must fit one frame: Slack does not put
		// continuation frames together.
		WriteBufferSize: 32 << 10,
	}
	conn, _, err := dialer.DialContext(ctx, url, http.Header{"Origin": {"https://api.slack.com"}})
	if err != nil {
		return nil, fmt.Errorf("dial the socket: %w", err)
	}
	hangUp := context.AfterFunc(ctx, func() { _ = conn.Close() })
	f, err := hello(conn)
	if !hangUp() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	s := &socket{
		bot: b, number: number, conn: conn, greeted: time.Now(),
		life:   time.Duration(f.DebugInfo.ApproximateConnectionTime) * time.Second,
		doomed: make(chan farewell, 1), ended: make(chan struct{}),
	}
	conn.SetPingHandler(func(data string) error {
		s.hear()
		// A pong that cannot be written is no reason to read no more.
		_ = conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writePatience))
		return nil
	})
	conn.SetPongHandler(func(string) error { s.hear(); return nil })
	b.sockets.add(s, f.NumConnections)
	b.log.Info("connected to Slack", "socket", number, "connections_of_app", f.NumConnections, "life", s.life)
	return s, nil
}

// hello reads the first frame.
func hello(conn *websocket.Conn) (f frame, err error) {
	if err := conn.ReadJSON(&f); err != nil {
		return f, fmt.Errorf("read the greeting: %w", err)
	}
	switch f.Type {
	case "hello":
		return f, nil
	case "disconnect":
		return f, disconnected{f.Reason}
	}
	return f, fmt.Errorf("greeted with a frame of type %q", f.Type)
}

// serve reads until the connection ends and returns once everything it has
// brought is taken in. When ctx ends, what is being taken in is still
// acknowledged.
func (s *socket) serve(ctx context.Context) {
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(ctx) })
	s.err = s.read(ctx)
	stopping := ctx.Err() != nil
	if !stopping {
		s.shut()
		s.bot.sockets.remove(s)
	}
	close(s.ended)
	<-s.bot.sockets.places
	s.takes.Wait()
	if stopping {
		s.sayGoodbye()
		s.shut()
		s.bot.sockets.remove(s)
	}
	watching.Wait()
}

func (s *socket) read(ctx context.Context) error {
	for {
		_, data, err := s.conn.ReadMessage()
		if err != nil {
			return err
		}
		s.hear()
		if ctx.Err() != nil {
			return context.Cause(ctx) // Slack sends it again, to whoever is there then
		}
		var f frame
		err = json.Unmarshal(data, &f)
		switch {
		case f.ID != "": // acknowledged even if the rest is not understood
			s.take(ctx, f.envelope)
		case err != nil || f.Type == "":
			s.bot.sockets.change(s.number, func(st *SocketState) { st.Unreadable++ })
			s.bot.log.Warn("frame not understood", "socket", s.number, "bytes", len(data), "err", err)
		case f.Type == "disconnect":
			s.doom(farewell{reason: f.Reason})
		}
	}
}

// outlive blocks until the connection must be replaced, and says why. age is
// how old it may become; 0 means any age.
func (s *socket) outlive(ctx context.Context, age time.Duration) (last farewell) {
	old := time.NewTimer(age)
	defer old.Stop()
	if age == 0 {
		old.Stop()
	}
	for queued, ended := false, false; !ended; {
		select {
		case last = <-s.doomed:
			return last
		case <-old.C:
			if queued {
				return farewell{reason: reasonAge}
			}
			queued = true
			old.Reset(s.bot.sockets.turn(time.Now()))
		case <-ctx.Done():
			return last
		case <-s.ended:
			ended = true
		}
	}
	select {
	case last = <-s.doomed: // before it ended
		return last
	default:
		return farewell{reasonLost, s.err}
	}
}

// doom asks for a replacement; the first reason counts.
func (s *socket) doom(f farewell) {
	select {
	case s.doomed <- f:
	default:
	}
}

// reading reports whether something may still come in.
func (s *socket) reading() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// hear notes that Slack is there.
func (s *socket) hear() { s.heard.Store(int64(time.Since(s.greeted))) }

// lastHeard is on the monotonic clock: wall time may jump.
func (s *socket) lastHeard() time.Time { return s.greeted.Add(time.Duration(s.heard.Load())) }

// leave ends a connection that has been replaced: after patience, if Slack has
// not done so by then. What Slack sent before it saw our close frame is still
// read, and acknowledged elsewhere.
func (s *socket) leave(patience time.Duration) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-s.ended:
		return
	case <-timer.C:
	}
	s.sayGoodbye()
	timer.Reset(closePatience)
	select {
	case <-s.ended:
	case <-timer.C:
		s.shut()
		<-s.ended
	}
}

// sayGoodbye sends the close frame, after which nothing can be written.
func (s *socket) sayGoodbye() {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.closed = true
	_ = s.conn.WriteControl(websocket.CloseMessage,
		websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(closePatience))
}

// shut cuts the connection. It does not wait for a writer, which fails.
func (s *socket) shut() { _ = s.conn.Close() }
