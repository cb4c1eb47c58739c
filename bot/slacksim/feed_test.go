package slacksim_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

// page reads the feed of events as a browser does.
type page struct {
	t      testing.TB
	resp   *http.Response
	lines  *bufio.Reader
	cancel func()
}

func (r *rig) follow(query string) *page {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	req, _ := http.NewRequestWithContext(ctx, "GET", host+"/sim/events"+query, nil)
	resp, err := r.http.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	p := &page{r.t, resp, bufio.NewReader(resp.Body), cancel}
	r.t.Cleanup(func() {
		cancel()
		resp.Body.Close()
	})
	return p
}

// next returns the next event, "idle" for a comment, or "" at the end.
func (p *page) next() (kind, id string, data object) {
	p.t.Helper()
	for {
		line, err := p.lines.ReadString('\n')
		if err != nil {
			return "", "", nil
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case key == "id":
			id = value
		case key == "event":
			kind = value
		case key == "data":
			data = decode(p.t, []byte(value))
		case key == "" && value == "idle":
			kind = "idle"
		case line == "\n" && kind != "":
			return kind, id, data
		}
	}
}

func TestFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		p := r.follow("?since=0")
		if p.resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("Content-Type %q", p.resp.Header.Get("Content-Type"))
		}
		seq := 0
		want := func(kind string, check func(object) bool) {
			t.Helper()
			seq++
			got, id, data := p.next()
			if got != kind || id != fmt.Sprint(seq) || !check(data) {
				t.Fatalf("event %s %s %v, want %s with id %d", got, id, data, kind, seq)
			}
		}
		ts := r.post(ann, general, "", "hi")
		want("message", func(d object) bool { return str(d, "message", "ts") == ts && str(d, "message", "channel") == general })
		r.call("assistant.threads.setStatus", "channel_id", general, "thread_ts", ts, "status", "is thinking…")
		want("status", func(d object) bool { return d["thread_ts"] == ts && d["status"] == "is thinking…" })
		want("call", func(d object) bool { return d["method"] == "assistant.threads.setStatus" && d["http_status"] == 200.0 })
		reply := r.say(general, ts, "yes")
		want("message", func(d object) bool { return obj(d, "message")["reply_count"] == 1.0 })
		want("message", func(d object) bool { return str(d, "message", "ts") == reply && str(d, "message", "markdown") == "yes" })
		want("status", func(d object) bool { return d["status"] == "" })
		want("call", func(d object) bool { return d["method"] == "chat.postMessage" })
		r.call("chat.postEphemeral", "channel", general, "user", ben, "text", "psst")
		want("ephemeral", func(d object) bool { return str(d, "message", "ephemeral_to") == ben })
		want("call", func(d object) bool { return d["error"] == "" })
		if err := r.Delete(ann, general, ts); err != nil {
			t.Fatal(err)
		}
		want("delete", func(d object) bool { return d["channel"] == general && d["ts"] == ts })
		r.connect(true)
		want("call", func(d object) bool { return d["method"] == "apps.connections.open" })
		want("sockets", func(d object) bool { return d["sockets"] == 1.0 })
		r.SetStreaming(false)
		want("controls", func(d object) bool {
			first := obj(d["controls"].([]any)[0])
			return first["id"] == "streaming" && first["on"] == false
		})

		start := time.Now()
		if kind, _, _ := p.next(); kind != "idle" || time.Since(start) != 15*time.Second {
			t.Errorf("got %q after %v, want a comment on an idle feed after 15 s", kind, time.Since(start))
		}
		again := r.follow("?since=11")
		if kind, id, _ := again.next(); kind != "sockets" || id != "12" {
			t.Errorf("a page that comes back got %s %s, want the event after 11", kind, id)
		}
		r.Close()
		if kind, _, _ := p.next(); kind != "" {
			t.Errorf("got %q after Close, want the end", kind)
		}
	})
}

func TestFeedTellsAPageToReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{NoLimits: true})
		slow := r.follow("?since=0")
		for range 5000 {
			r.post(ann, "C0RANDOM", "", strings.Repeat("x", 500))
		}
		n := 0
		for {
			kind, _, _ := slow.next()
			if kind == "" {
				break
			}
			n++
		}
		if n >= 5000 {
			t.Errorf("a page that did not read got all %d events, want it cut off", n)
		}
		for query, want := range map[string]int{"?since=1": 410, "?since=999999": 410, "?since=x": 400, "?since=4999": 200, "": 200} {
			p := r.follow(query)
			if p.resp.StatusCode != want {
				t.Errorf("/sim/events%s: HTTP %d, want %d", query, p.resp.StatusCode, want)
			}
			p.cancel()
		}
	})
}
