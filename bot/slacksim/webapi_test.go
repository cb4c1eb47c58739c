package slacksim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

func TestTokens(t *testing.T) {
	r := serve(t, slacksim.Options{BotToken: "xoxb-1", AppToken: "xapp-1"})
	for _, c := range []struct{ token, method, want string }{
		{"xoxb-1", "auth.test", ""},
		{"", "auth.test", "not_authed"},
		{"xoxb-2", "auth.test", "invalid_auth"},
		{"xapp-1", "auth.test", "not_allowed_token_type"},
		{"xapp-1", "apps.connections.open", ""},
		{"xoxb-1", "apps.connections.open", "not_allowed_token_type"},
		{"xapp-2", "apps.connections.open", "invalid_auth"},
		{"", "api.test", ""},
		{"xoxb-1", "no.such.method", "unknown_method"},
	} {
		out, resp := r.callStatus(c.token, c.method)
		if got := str(out, "error"); got != c.want || resp.StatusCode != 200 {
			t.Errorf("%s with token %q: error %q, HTTP %d, want %q with 200", c.method, c.token, got, resp.StatusCode, c.want)
		}
	}
}

func TestBodies(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	send := func(kind, auth, body string) object {
		req, _ := http.NewRequestWithContext(t.Context(), "POST", host+"/api/chat.postMessage", strings.NewReader(body))
		req.Header.Set("Content-Type", kind)
		if auth != "" {
			req.Header.Set("Authorization", auth)
		}
		resp, err := r.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		data, _ := io.ReadAll(resp.Body)
		out := object{}
		if err := json.Unmarshal(data, &out); err != nil {
			t.Fatalf("answer %q: %v", data, err)
		}
		return out
	}
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct{ name, kind, auth, body, want string }{
		{"form with token", form, "", "token=xoxb-sim&channel=C0GENERAL&text=a+b", ""},
		{"form with header", form, "Bearer xoxb-sim", "channel=C0GENERAL&text=a", ""},
		{"JSON with header", "application/json; charset=utf-8", "Bearer xoxb-sim",
			`{"channel":"C0GENERAL","blocks":[{"type":"markdown","text":"a"}],"unfurl_links":false,"thread_ts":null}`, ""},
		{"JSON that is none", "application/json", "Bearer xoxb-sim", `{"channel`, "invalid_form_data"},
		{"header wins", form, "Bearer wrong", "token=xoxb-sim&channel=C0GENERAL&text=a", "invalid_auth"},
	} {
		if out := send(c.kind, c.auth, c.body); str(out, "error") != c.want {
			t.Errorf("%s: answered %v, want error %q", c.name, out, c.want)
		}
	}
	calls := r.Calls()
	if len(calls) != 5 {
		t.Fatalf("%d calls in the journal, want all 5, refused ones too", len(calls))
	}
	if c := calls[2]; c.Args["blocks"] != `[{"type":"markdown","text":"a"}]` || c.Args["unfurl_links"] != "false" {
		t.Errorf("arguments of the JSON call are %q, want JSON text", c.Args)
	}
	for _, c := range calls {
		if _, ok := c.Args["token"]; ok {
			t.Errorf("the journal holds a token: %+v", c)
		}
		if c.Error == "" && (c.TS == "" || c.Channel != general) {
			t.Errorf("call %+v, want the new message's channel and ts", c)
		}
	}
}

func TestDirectory(t *testing.T) {
	r := serve(t, slacksim.Options{
		People: []slacksim.Person{
			{ID: ann, Name: "ann", RealName: "Ann Lee"},
			{ID: "U0GUEST", Name: "gus", Guest: true},
			{ID: "U0EXT", Name: "eve", Team: "T0OTHER"},
		},
		Channels: []slacksim.Channel{
			{ID: general, Name: "general"},
			{ID: "C0SHARED", Name: "shared", Shared: true},
			{ID: "C0OUT", Name: "out", NotMember: true},
			{ID: "G0HID", Name: "hidden", Private: true, NotMember: true},
			{ID: "C0OLD", Name: "old", Archived: true},
		},
	})
	users := func(id string) object { return obj(r.ok("users.info", "user", id), "user") }
	if u := users("U0GUEST"); u["is_restricted"] != true || u["is_stranger"] != nil {
		t.Errorf("guest is %v, want is_restricted", u)
	}
	if u := users("U0EXT"); u["is_stranger"] != true || u["team_id"] != "T0OTHER" {
		t.Errorf("stranger is %v, want is_stranger and the other team", u)
	}
	if u := users(botUser); u["is_bot"] != true || str(u, "profile", "bot_id") != slacksim.BotID {
		t.Errorf("bot is %v, want is_bot and its bot_id", u)
	}
	r.refused("user_not_found", "users.info", "user", "U0NOBODY")
	if b := obj(r.ok("bots.info", "bot", slacksim.BotID), "bot"); b["user_id"] != botUser || b["app_id"] != slacksim.AppID {
		t.Errorf("bots.info answered %v", b)
	}
	if out := r.ok("team.info"); str(out, "team", "id") != "T0SIM" {
		t.Errorf("team.info answered %v", out)
	}

	first := r.ok("users.list", "limit", "3")
	rest := r.ok("users.list", "limit", "3", "cursor", str(first, "response_metadata", "next_cursor"))
	if a, b := first["members"].([]any), rest["members"].([]any); len(a) != 3 || len(b) != 1 {
		t.Errorf("users.list pages hold %d and %d, want 3 and 1", len(a), len(b))
	}

	info := func(id string) object { return obj(r.ok("conversations.info", "channel", id), "channel") }
	if c := info("C0SHARED"); c["is_ext_shared"] != true || c["is_member"] != true {
		t.Errorf("shared channel is %v", c)
	}
	if c := info("C0OUT"); c["is_member"] != false {
		t.Errorf("a public channel without the bot is %v, want is_member false", c)
	}
	if c := info(r.DM(ann)); c["is_im"] != true || c["user"] != ann {
		t.Errorf("direct message is %v", c)
	}
	r.refused("channel_not_found", "conversations.info", "channel", "G0HID")
	r.refused("not_in_channel", "conversations.history", "channel", "C0OUT")
	r.ok("conversations.history", "channel", "C0OLD")
	for _, c := range []struct{ channel, want string }{
		{"C0OUT", "not_in_channel"}, {"G0HID", "channel_not_found"}, {"C0OLD", "is_archived"}, {"C9", "channel_not_found"},
	} {
		r.refused(c.want, "chat.postMessage", "channel", c.channel, "text", "x")
		r.refused(c.want, "chat.startStream", "channel", c.channel, "thread_ts", "1.000000",
			"recipient_user_id", ann, "recipient_team_id", "T0SIM")
	}
	r.refused("is_inactive", "chat.update", "channel", "C0OLD", "ts", "1.0", "text", "x")

	members := r.ok("conversations.members", "channel", general)["members"].([]any)
	if len(members) != 4 {
		t.Errorf("members of general are %v, want three people and the bot", members)
	}
	open := r.ok("conversations.open", "users", ann)
	if str(open, "channel", "id") != r.DM(ann) {
		t.Errorf("conversations.open answered %v, want the direct message", open)
	}
	group := str(r.ok("conversations.open", "users", "U0GUEST,"+ann), "channel", "id")
	if again := str(r.ok("conversations.open", "users", ann+",U0GUEST"), "channel", "id"); again != group || group == "" {
		t.Errorf("the same group opened twice is %q and %q", group, again)
	}
	if c := info(group); c["is_mpim"] != true {
		t.Errorf("group direct message is %v", c)
	}
	r.refused("user_not_found", "conversations.open", "users", "U0NOBODY")
}
