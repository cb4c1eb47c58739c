package slacksim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

// sim posts to the page's API.
func (r *rig) sim(path string, body any) (status int, out object) {
	r.t.Helper()
	resp, err := r.http.Post(host+"/sim/"+path, "application/json", strings.NewReader(marshal(body)))
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	if err := json.Unmarshal(data, &out); err != nil {
		r.t.Fatalf("%s answered %q: %v", path, data, err)
	}
	return resp.StatusCode, out
}

func (r *rig) get(path string, header ...string) (*http.Response, string) {
	r.t.Helper()
	req, _ := http.NewRequestWithContext(r.t.Context(), "GET", host+path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.http.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	return resp, string(data)
}

func TestSimVerbs(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	a := r.connect(true)
	status, out := r.sim("post", object{"user": ann, "channel": general, "text": "@bobbin hi"})
	ts := str(out, "ts")
	if m, found := r.Message(general, ts); status != 200 || !found || m.Text != "<@U0BOBBIN> hi" {
		t.Fatalf("post answered %d %v", status, out)
	}
	for _, c := range []struct {
		path string
		body object
		want int
	}{
		{"post", object{"user": ben, "channel": general, "thread_ts": ts, "text": "reply"}, 200},
		{"post", object{"user": ben, "channel": general, "text": "file", "file": "a.txt"}, 200},
		{"post", object{"user": "U9", "channel": general, "text": "x"}, 400},
		{"edit", object{"user": ann, "channel": general, "ts": ts, "text": "hi"}, 200},
		{"edit", object{"user": ben, "channel": general, "ts": ts, "text": "hi"}, 400},
		{"react", object{"user": ann, "channel": general, "ts": ts, "emoji": "eyes"}, 200},
		{"react", object{"user": ann, "channel": general, "ts": ts, "emoji": "eyes"}, 400},
		{"unreact", object{"user": ann, "channel": general, "ts": ts, "emoji": "eyes"}, 200},
		{"unreact", object{"user": ann, "channel": general, "ts": ts, "emoji": "eyes"}, 400},
		{"stop-streaming", object{"user": ann, "channel": general, "ts": ts}, 400},
		{"redeliver", object{"channel": general, "ts": ts}, 200},
		{"redeliver", object{"channel": general, "ts": "1.0"}, 400},
		{"drop-acks", object{"n": 0}, 200},
		{"command", object{"user": ann, "channel": general, "text": "help"}, 200},
		{"click", object{"user": ann, "channel": general, "ts": ts, "action_id": "x"}, 400},
		{"control", object{"id": "nothing"}, 400},
		{"delete", object{"user": ann, "channel": general, "ts": ts}, 200},
		{"fault", object{"method": "auth.test", "status": 429, "retry_after_ms": 5000, "retry_after_max_ms": 5999, "chance": 1}, 200},
		{"no-such-verb", object{}, 404},
	} {
		status, out := r.sim(c.path, c.body)
		if status != c.want || (status == 200) != (out["error"] == nil) {
			t.Errorf("%s %v answered %d %v, want %d", c.path, c.body, status, out, c.want)
		}
	}
	if _, resp := r.callStatus("xoxb-sim", "auth.test"); resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "5" {
		t.Errorf("HTTP %d, want the fault set from outside", resp.StatusCode)
	}
	r.sim("faults/clear", object{})
	r.ok("auth.test")
	if status, _ := r.sim("disconnect", object{"reason": ""}); status != 200 {
		t.Errorf("disconnect answered %d", status)
	}
	if r.Sockets() != 0 {
		t.Error("the socket was not cut")
	}
	if status, out := r.sim("command", object{"user": ann, "channel": general, "text": "x"}); status != 200 || out["error"] != "dispatch_failed" {
		t.Errorf("a command without a connection answered %d %v, want 200 dispatch_failed", status, out)
	}
	_ = a
	for _, path := range []string{"/sim/calls", "/sim/deliveries"} {
		resp, body := r.get(path)
		var list []object
		if err := json.Unmarshal([]byte(body), &list); err != nil || resp.StatusCode != 200 || len(list) == 0 {
			t.Errorf("%s answered %d %.100s, want a list", path, resp.StatusCode, body)
		}
	}
	if resp, _ := r.get("/sim/nothing"); resp.StatusCode != 404 {
		t.Errorf("unknown path: HTTP %d", resp.StatusCode)
	}
}

// A web page of somebody else must not act here.
func TestForeignPagesAreKeptOut(t *testing.T) {
	r := serve(t, slacksim.Options{})
	const body = `{"user":"U0ANN","channel":"C0GENERAL","text":"hi"}`
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"} {
		resp, err := r.http.Post(host+"/sim/post", kind, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("POST as %q: HTTP %d, want 415: a browser sends that across sites without asking", kind, resp.StatusCode)
		}
	}
	for _, c := range []struct {
		host string
		want int
	}{
		{"localhost:8080", 200}, {"127.0.0.1:8080", 200}, {"127.8.8.8", 200}, {"[::1]:80", 200}, {"a.localhost", 200},
		{"evil.example", 403}, {"localhost.evil.example", 403}, {"10.0.0.1", 403}, {"", 400},
	} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", host+"/sim/state", nil)
		req.Host = c.host
		if c.host == "" {
			continue // net/http itself refuses a request without Host
		}
		resp, err := r.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("Host %q: HTTP %d, want %d", c.host, resp.StatusCode, c.want)
		}
	}
	any := serve(t, slacksim.Options{AnyHost: true})
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://demo.example/sim/state", nil)
	resp, err := any.http.Do(req)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("AnyHost: %v %v", resp, err)
	}
	resp.Body.Close()
}

func TestState(t *testing.T) {
	pressed := []bool{}
	r := serve(t, slacksim.Options{Controls: []slacksim.Control{
		{ID: "model", Group: "Model", Label: "Model down", Kind: "toggle", Set: func(on bool) { pressed = append(pressed, on) }},
		{ID: "poke", Group: "Model", Label: "Poke", Kind: "button", Set: func(on bool) { pressed = append(pressed, on) }},
	}})
	r.post(ann, general, "", "hi")
	r.sim("control", object{"id": "model", "on": true})
	r.sim("control", object{"id": "poke"})
	if len(pressed) != 2 || !pressed[0] || !pressed[1] {
		t.Errorf("controls were run with %v, want the toggle's state and true for a button", pressed)
	}
	_, body := r.get("/sim/state")
	s := decode(t, []byte(body))
	if s["command"] != "/bobbin" || str(s, "team", "id") != "T0SIM" || str(s, "bot", "id") != botUser ||
		s["streaming"] != true || s["sockets"] != 0.0 || s["seq"].(float64) < 2 {
		t.Errorf("state is %s", body)
	}
	ims := 0
	for _, c := range s["channels"].([]any) {
		if obj(c)["im"] == true {
			ims++
			if str(c, "id") != "D0"+str(c, "user") {
				t.Errorf("direct message is %v", c)
			}
		}
	}
	if ims != 4 || len(s["people"].([]any)) != 4 {
		t.Errorf("%d direct messages, %v people, want those of all four", ims, s["people"])
	}
	on := map[string]any{}
	for _, c := range s["controls"].([]any) {
		on[str(c, "id")] = obj(c)["on"]
	}
	for id, want := range map[string]bool{
		"streaming": true, "storm": false, "errors": false, "lost": false, "slow": false, "disconnect": false, "redeliver": false, "model": true, "poke": false,
	} {
		if on[id] != want {
			t.Errorf("control %s is %v, want %v", id, on[id], want)
		}
	}
}

func TestBuiltinControls(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true, Seed: 1})
	r.sim("control", object{"id": "storm", "on": true})
	r.sim("control", object{"id": "storm", "on": true}) // pressed twice: still one storm
	refused := 0
	for range 300 {
		_, resp := r.callStatus("xoxb-sim", "chat.postMessage", "channel", general, "text", "x")
		if resp.StatusCode == 200 {
			continue
		}
		refused++
		wait, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		if resp.StatusCode != 429 || wait < 1 || wait > 5 {
			t.Fatalf("storm: HTTP %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
		}
	}
	if refused < 70 || refused > 130 {
		t.Errorf("the storm refused %d of 300 calls, want a third", refused)
	}
	r.ok("auth.test")
	r.sim("control", object{"id": "storm", "on": false})
	r.say(general, "", "x")
	r.say(general, "", "y")

	r.sim("control", object{"id": "errors", "on": true})
	r.sim("control", object{"id": "lost", "on": true})
	form := url.Values{"token": {"xoxb-sim"}, "channel": {general}, "text": {"x"}}
	for range 600 {
		if resp, err := r.http.PostForm(host+"/api/chat.postMessage", form); err == nil {
			resp.Body.Close()
		}
	}
	errored, lost := 0, 0
	for _, c := range r.Calls() {
		switch {
		case c.Lost:
			lost++
		case c.HTTPStatus == 503:
			errored++
		}
	}
	if errored < 10 || errored > 60 || lost < 3 || lost > 30 {
		t.Errorf("of 600 calls %d failed and %d answers were lost, want one in twenty and one in fifty", errored, lost)
	}
	r.sim("control", object{"id": "errors", "on": false})
	r.sim("control", object{"id": "lost", "on": false})

	r.sim("control", object{"id": "streaming", "on": false})
	r.refused("feature_disabled", "chat.startStream")
	r.SetStreaming(true)
	_, body := r.get("/sim/state")
	if !strings.Contains(body, `"streaming":true`) {
		t.Error("SetStreaming does not show in the state")
	}

	a := r.connect(true)
	ts := r.post(ann, general, "", "hi")
	a.next()
	r.sim("control", object{"id": "redeliver"})
	if f := a.next(); f["retry_attempt"] != 1.0 || str(f, "payload", "event", "ts") != ts {
		t.Errorf("got %v, want the last message of a person again", f)
	}
	r.sim("control", object{"id": "disconnect"})
	if f := a.next(); f != nil {
		t.Errorf("got %v, want the end of the connection", f)
	}

	r.sim("control", object{"id": "slow", "on": true})
	r.ClearFaults()
	start := time.Now()
	r.ok("auth.test")
	if time.Since(start) > time.Second {
		t.Error("ClearFaults left a toggle's fault")
	}
	if _, body := r.get("/sim/state"); strings.Contains(body, `"id":"slow","group":"Slack","label":"Slow Slack","help":"Every Web API call takes two seconds.","kind":"toggle","on":true`) {
		t.Error("ClearFaults left a toggle on")
	}
}

func TestPage(t *testing.T) {
	r := serve(t, slacksim.Options{})
	resp, body := r.get("/")
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || !strings.Contains(body, "<") {
		t.Fatalf("page: HTTP %d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	if resp, _ := r.get("/", "If-None-Match", resp.Header.Get("ETag")); resp.StatusCode != 304 {
		t.Errorf("with its ETag the page answered %d, want 304", resp.StatusCode)
	}
	for _, path := range []string{"/assets/nothing.js", "/assets/", "/assets/../web.go", "/nothing"} {
		if resp, _ := r.get(path); resp.StatusCode != 404 {
			t.Errorf("%s: HTTP %d, want 404", path, resp.StatusCode)
		}
	}
}
