package slacksim_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim/memnet"
)

const (
	botUser = "U0BOBBIN"
	ann     = "U0ANN"
	ben     = "U0BEN"
	general = "C0GENERAL"
	host    = "http://slack.localhost"
)

// rig is a served workspace with an HTTP client, on an in-memory network so
// that it works in a synctest bubble.
type rig struct {
	*slacksim.Workspace
	t    testing.TB
	http *http.Client
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

func serve(t testing.TB, o slacksim.Options) *rig {
	t.Helper()
	w := slacksim.New(o)
	l := memnet.Listen()
	srv := &http.Server{Handler: w}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	tr := &http.Transport{DialContext: l.DialContext}
	t.Cleanup(func() {
		w.Close()
		tr.CloseIdleConnections()
		_ = srv.Close()
		wg.Wait()
	})
	return &rig{Workspace: w, t: t, http: &http.Client{Transport: tr}, dial: l.DialContext}
}

type object = map[string]any

// call calls a method as the bot and returns the answer, whatever it is.
func (r *rig) call(method string, pairs ...string) object {
	r.t.Helper()
	out, _ := r.callStatus("xoxb-sim", method, pairs...)
	return out
}

func (r *rig) callStatus(token, method string, pairs ...string) (object, *http.Response) {
	r.t.Helper()
	form := url.Values{"token": {token}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	resp, err := r.http.PostForm(host+"/api/"+method, form)
	if err != nil {
		r.t.Fatalf("%s: %v", method, err)
	}
	defer resp.Body.Close()
	out := object{}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("%s: %v", method, err)
	}
	_ = json.Unmarshal(data, &out) // not every fault answers JSON
	return out, resp
}

// ok calls a method that must succeed.
func (r *rig) ok(method string, pairs ...string) object {
	r.t.Helper()
	out := r.call(method, pairs...)
	if out["ok"] != true {
		r.t.Fatalf("%s %q: refused: %v", method, pairs, out)
	}
	return out
}

// refused calls a method that must answer an error code.
func (r *rig) refused(code, method string, pairs ...string) object {
	r.t.Helper()
	out := r.call(method, pairs...)
	if out["error"] != code {
		r.t.Errorf("%s %.200q: error %v, want %s", method, pairs, out["error"], code)
	}
	return out
}

// say posts as the bot and returns the timestamp.
func (r *rig) say(channel, threadTS, text string) string {
	r.t.Helper()
	return str(r.ok("chat.postMessage", "channel", channel, "thread_ts", threadTS, "text", text), "ts")
}

// post posts as a person.
func (r *rig) post(user, channel, threadTS, text string) string {
	r.t.Helper()
	ts, err := r.Post(user, channel, threadTS, text)
	if err != nil {
		r.t.Fatalf("post as %s: %v", user, err)
	}
	return ts
}

// until waits for a condition of the workspace.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	if err := r.Wait(ctx, ok); err != nil {
		r.t.Fatalf("waiting for %s: %v", what, err)
	}
}

// str follows keys into nested objects; a number in the path is not needed by
// these tests.
func str(v any, path ...string) string {
	for _, k := range path {
		m, _ := v.(object)
		v = m[k]
	}
	s, _ := v.(string)
	return s
}

func obj(v any, path ...string) object {
	for _, k := range path {
		m, _ := v.(object)
		v = m[k]
	}
	m, _ := v.(object)
	return m
}

// app is a bare Socket Mode client: it keeps what it gets and acknowledges if
// told to.
type app struct {
	r      *rig
	conn   *websocket.Conn
	frames chan object // closed at the end of the connection
	pings  chan time.Time
}

// openURL asks for a connection's URL.
func (r *rig) openURL() string {
	r.t.Helper()
	out, _ := r.callStatus("xapp-sim", "apps.connections.open")
	u := str(out, "url")
	if !strings.HasPrefix(u, "ws://slack.localhost/link/?ticket=") || !strings.HasSuffix(u, "&app_id=A0BOBBIN") {
		r.t.Fatalf("apps.connections.open answered %v, want the host of the request in the URL", out)
	}
	return u
}

func (r *rig) dialURL(u string) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{NetDialContext: r.dial}
	return d.DialContext(r.t.Context(), u, nil)
}

// connect opens a socket. With ack, every envelope is acknowledged at once.
func (r *rig) connect(ack bool) *app {
	r.t.Helper()
	conn, _, err := r.dialURL(r.openURL())
	if err != nil {
		r.t.Fatalf("dial: %v", err)
	}
	a := &app{r: r, conn: conn, frames: make(chan object, 10_000), pings: make(chan time.Time, 1000)}
	conn.SetPingHandler(func(string) error {
		a.pings <- time.Now()
		return conn.WriteControl(websocket.PongMessage, nil, time.Now().Add(time.Second))
	})
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(a.frames)
		for {
			var f object
			if conn.ReadJSON(&f) != nil {
				return
			}
			if id := str(f, "envelope_id"); ack && id != "" {
				a.ack(id, nil)
			}
			select {
			case a.frames <- f:
			case <-done:
				return
			}
		}
	})
	r.t.Cleanup(func() {
		close(done)
		_ = conn.Close()
		wg.Wait()
	})
	if hello := a.next(); str(hello, "type") != "hello" && str(hello, "reason") != "too_many_websockets" {
		r.t.Fatalf("first frame %v, want hello", hello)
	}
	return a
}

func (a *app) ack(envelopeID string, payload any) {
	if payload == nil {
		_ = a.conn.WriteJSON(object{"envelope_id": envelopeID})
		return
	}
	_ = a.conn.WriteJSON(object{"envelope_id": envelopeID, "payload": payload})
}

// next returns the next frame, or nil if the connection has ended.
func (a *app) next() object {
	a.r.t.Helper()
	select {
	case f := <-a.frames:
		return f
	case <-time.After(20 * time.Minute): // simulated, in a bubble
		a.r.t.Fatal("no frame came")
		return nil
	}
}

// nextEvent returns the inner event of the next envelope.
func (a *app) nextEvent() object {
	a.r.t.Helper()
	f := a.next()
	if str(f, "type") != "events_api" {
		a.r.t.Fatalf("got %v, want an events_api envelope", f)
	}
	return obj(f, "payload", "event")
}

// quiet fails if a frame is waiting.
func (a *app) quiet(why string) {
	a.r.t.Helper()
	select {
	case f, open := <-a.frames:
		if open {
			a.r.t.Errorf("got %v, want nothing: %s", f, why)
		}
	default:
	}
}

func decode(t testing.TB, raw json.RawMessage) object {
	t.Helper()
	out := object{}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("decode %s: %v", raw, err)
	}
	return out
}

func decodeList(t testing.TB, text string) []any {
	t.Helper()
	var out []any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return out
}
