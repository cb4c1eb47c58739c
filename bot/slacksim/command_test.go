package slacksim_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

// respond posts to a response_url and returns HTTP status and body.
func (r *rig) respond(u string, body any) string {
	r.t.Helper()
	resp, err := r.http.Post(u, "application/json", strings.NewReader(marshal(body)))
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	return resp.Status[:3] + " " + string(data)
}

func TestCommandAnsweredInTheAck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(false)
		go func() {
			f := a.next()
			p := obj(f, "payload")
			if f["type"] != "slash_commands" || f["accepts_response_payload"] != true || p["command"] != "/bobbin" ||
				p["text"] != "usage week" || p["user_id"] != ann || p["channel_id"] != general || p["channel_name"] != "general" {
				t.Errorf("envelope is %v", f)
			}
			a.ack(str(f, "envelope_id"), object{"text": "42 tokens", "blocks": []object{markdown("**42** tokens")}})
		}()
		m, err := r.Command(t.Context(), ann, general, "usage week")
		if err != nil || m.Text != "42 tokens" || m.Markdown != "**42** tokens" || m.EphemeralTo != ann || m.BotID != slacksim.BotID {
			t.Errorf("answer is %+v, %v", m, err)
		}
		if got := r.Ephemerals(ann, general); len(got) != 1 {
			t.Errorf("ann sees %+v, want the answer", got)
		}
	})
}

func TestCommandAnsweredByResponseURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(false)
		var u string
		go func() {
			f := a.next()
			u = str(f, "payload", "response_url")
			a.ack(str(f, "envelope_id"), nil)
			time.Sleep(10 * time.Second)
			if got := r.respond(u, object{"text": "later"}); got != "200 ok" {
				t.Errorf("response_url answered %q", got)
			}
		}()
		m, err := r.Command(t.Context(), ann, general, "slow")
		if err != nil || m.Text != "later" || m.EphemeralTo != ann {
			t.Fatalf("answer is %+v, %v", m, err)
		}
		r.respond(u, object{"text": "for all", "response_type": "in_channel"})
		if got := r.Messages(general); len(got) != 1 || got[0].Text != "for all" {
			t.Errorf("channel shows %+v, want the in_channel answer", got)
		}
		if got := r.respond(u, object{}); !strings.Contains(got, "no_text") {
			t.Errorf("an empty answer gave %q, want no_text", got)
		}
		for range 2 {
			r.respond(u, object{"text": "x"})
		}
		if got := r.respond(u, object{"text": "x"}); !strings.Contains(got, "used_url") {
			t.Errorf("sixth use gave %q, want used_url", got)
		}
		if c := r.Calls(); c[len(c)-1].Method != "response_url" || c[len(c)-1].Error != "used_url" {
			t.Errorf("journal ends with %+v, want the refused response_url", c[len(c)-1])
		}
	})
}

func TestResponseURLExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(false)
		go func() {
			f := a.next()
			a.ack(str(f, "envelope_id"), nil)
			time.Sleep(30*time.Minute + time.Second)
			if got := r.respond(str(f, "payload", "response_url"), object{"text": "x"}); !strings.Contains(got, "expired_url") {
				t.Errorf("after 30 min it gave %q, want expired_url", got)
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := r.Command(ctx, ann, general, "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a command without an answer returned %v, want the context's error", err)
		}
	})
}

func TestDispatchFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		if _, err := r.Command(t.Context(), ann, general, "x"); !errors.Is(err, slacksim.ErrDispatchFailed) {
			t.Errorf("without a connection: %v, want dispatch_failed", err)
		}
		a := r.connect(false)
		start := time.Now()
		if _, err := r.Command(t.Context(), ann, general, "x"); !errors.Is(err, slacksim.ErrDispatchFailed) || time.Since(start) != 3*time.Second {
			t.Errorf("without an acknowledgement: %v after %v, want dispatch_failed after 3 s", err, time.Since(start))
		}
		a.next()
		time.Sleep(time.Hour)
		synctest.Wait()
		a.quiet("commands are not redelivered")
	})
}

func TestStrangersHaveNoCommands(t *testing.T) {
	r := serve(t, slacksim.Options{People: []slacksim.Person{{ID: "U0EXT", Name: "eve", Team: "T0OTHER"}}})
	if _, err := r.Command(t.Context(), "U0EXT", general, "x"); err == nil {
		t.Error("a person of another team ran the command")
	}
}

const buttons = `[
	{"type":"section","text":{"type":"mrkdwn","text":"s"},"accessory":{"type":"static_select","action_id":"pick",
		"options":[{"text":{"type":"plain_text","text":"A"},"value":"a"},{"text":{"type":"plain_text","text":"B"},"value":"b"}]}},
	{"type":"actions","block_id":"row","elements":[
		{"type":"button","action_id":"go","text":{"type":"plain_text","text":"One"},"value":"1"},
		{"type":"button","action_id":"go","text":{"type":"plain_text","text":"Two"},"value":"2"}]},
	{"type":"context_actions","elements":[{"type":"feedback_buttons","action_id":"rate",
		"positive_button":{"text":{"type":"plain_text","text":"Good"},"value":"up"},
		"negative_button":{"text":{"type":"plain_text","text":"Bad"},"value":"down"}}]}]`

func TestClicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		root := r.post(ann, general, "", "q")
		ts := str(r.ok("chat.postMessage", "channel", general, "thread_ts", root, "blocks", buttons), "ts")
		a := r.connect(true)
		for _, c := range []struct{ action, value, kind, want string }{
			{"go", "2", "button", "2"},
			{"go", "", "button", "1"},
			{"rate", "down", "feedback_buttons", "down"},
			{"pick", "b", "static_select", ""},
		} {
			if err := r.Click(ben, general, ts, c.action, c.value); err != nil {
				t.Fatalf("click %s=%s: %v", c.action, c.value, err)
			}
			f := a.next()
			p := obj(f, "payload")
			act := obj(p["actions"].([]any)[0])
			if f["type"] != "interactive" || f["accepts_response_payload"] != true || p["type"] != "block_actions" ||
				str(p, "user", "id") != ben || str(p, "message", "ts") != ts || str(p, "container", "thread_ts") != root ||
				act["type"] != c.kind || str(act, "value") != c.want || str(act, "block_id") == "" {
				t.Errorf("click %s=%s made %v", c.action, c.value, f)
			}
			if c.kind == "static_select" && str(act, "selected_option", "value") != "b" {
				t.Errorf("selected %v, want b", act)
			}
		}
		for _, c := range [][2]string{{"go", "3"}, {"rate", "sideways"}, {"no", ""}, {"", ""}} {
			if err := r.Click(ben, general, ts, c[0], c[1]); err == nil {
				t.Errorf("clicked %q=%q, which is not there", c[0], c[1])
			}
		}
		r.Disconnect("")
		if err := r.Click(ben, general, ts, "go", "1"); !errors.Is(err, slacksim.ErrDispatchFailed) {
			t.Errorf("click without a connection: %v, want dispatch_failed", err)
		}
	})
}

func TestClickedMessagesAreReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(true)
		press := func(ts string) string {
			t.Helper()
			if err := r.Click(ann, general, ts, "go", "1"); err != nil {
				t.Fatal(err)
			}
			for {
				if f := a.next(); f["type"] == "interactive" {
					return str(f, "payload", "response_url")
				}
			}
		}
		ts := str(r.ok("chat.postMessage", "channel", general, "blocks", buttons), "ts")
		r.respond(press(ts), object{"text": "done", "replace_original": true})
		if m, _ := r.Message(general, ts); m.Text != "done" || m.Blocks != nil {
			t.Errorf("message is %+v, want it replaced", m)
		}
		eph := str(r.ok("chat.postEphemeral", "channel", general, "user", ann, "blocks", buttons), "message_ts")
		if err := r.Click(ben, general, eph, "go", "1"); err == nil {
			t.Error("ben clicked a message that only ann sees")
		}
		u := press(eph)
		r.respond(u, object{"text": "more", "blocks": decodeList(t, buttons), "replace_original": true})
		if got := r.Ephemerals(ann, general); len(got) != 1 || got[0].Text != "more" {
			t.Errorf("ann sees %+v, want the replaced message", got)
		}
		r.respond(press(eph), object{"delete_original": true})
		if got := r.Ephemerals(ann, general); len(got) != 0 {
			t.Errorf("ann sees %+v, want nothing", got)
		}
		if resp, err := r.http.Post(host+"/response/invented", "application/json", strings.NewReader(`{"text":"x"}`)); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("an invented response_url: %v", err)
		} else {
			resp.Body.Close()
		}
	})
}
