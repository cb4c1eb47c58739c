package slacksim_test

import (
	"testing"
	"testing/synctest"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

// outer reads frames and returns their payloads, by type of the inner event.
func (a *app) payloads(n int) map[string]object {
	a.r.t.Helper()
	out := map[string]object{}
	for range n {
		f := a.next()
		p := obj(f, "payload")
		name := str(p, "event", "type")
		if s := str(p, "event", "subtype"); s != "" {
			name = s
		}
		out[name] = p
	}
	synctest.Wait()
	a.quiet("only these events belong to the action")
	return out
}

func TestOuterPayload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(true)
		ts := r.post(ann, general, "", "<@U0BOBBIN> hi")
		f := a.next()
		if f["accepts_response_payload"] != false || f["retry_attempt"] != 0.0 || f["retry_reason"] != "" || str(f, "envelope_id") == "" {
			t.Errorf("envelope is %v, want a first attempt that takes no payload", f)
		}
		p := obj(f, "payload")
		auth := obj(p["authorizations"].([]any)[0])
		if p["type"] != "event_callback" || p["team_id"] != "T0SIM" || p["api_app_id"] != slacksim.AppID ||
			str(p, "event_id") == "" || p["event_time"] == nil || p["is_ext_shared_channel"] != false ||
			auth["user_id"] != botUser || auth["is_bot"] != true {
			t.Errorf("payload is %v", p)
		}
		twin := obj(a.next(), "payload")
		if twin["event_id"] == p["event_id"] {
			t.Errorf("app_mention and message share the event id %v", p["event_id"])
		}
		mention, message := obj(p, "event"), obj(twin, "event")
		if mention["type"] != "app_mention" || mention["channel_type"] != nil || mention["client_msg_id"] != nil || mention["ts"] != ts {
			t.Errorf("mention is %v, want ts and no channel_type or client_msg_id", mention)
		}
		if message["type"] != "message" || message["channel_type"] != "channel" || message["client_msg_id"] == nil ||
			message["ts"] != ts || message["event_ts"] != ts || message["channel"] != general || message["user"] != ann {
			t.Errorf("message is %v", message)
		}
	})
}

func TestWhichEventsAMessageMakes(t *testing.T) {
	for _, c := range []struct {
		name, channel, text string
		prepare             func(*rig)
		want                []string
		kind                string
	}{
		{"plain", general, "hi", nil, []string{"message"}, "channel"},
		{"mention", general, "hi <@U0BOBBIN|bobbin>", nil, []string{"message", "app_mention"}, "channel"},
		{"private", "G0OPS", "hi", nil, []string{"message"}, "group"},
		{"direct", "D0U0ANN", "@bobbin hi", nil, []string{"message"}, "im"},
		{"no twins", general, "@bobbin hi", func(r *rig) { r.Twins(false) }, []string{"app_mention"}, ""},
		{"no twins, no mention", general, "hi", func(r *rig) { r.Twins(false) }, []string{"message"}, "channel"},
		{"not a member", "C0OUT", "@bobbin hi", nil, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := serve(t, slacksim.Options{Channels: []slacksim.Channel{
					{ID: general, Name: "general"}, {ID: "G0OPS", Name: "ops", Private: true},
					{ID: "C0OUT", Name: "out", NotMember: true},
				}})
				a := r.connect(true)
				if c.prepare != nil {
					c.prepare(r)
				}
				r.post(ann, c.channel, "", c.text)
				got := a.payloads(len(c.want))
				for _, name := range c.want {
					if got[name] == nil {
						t.Errorf("no %s among %v", name, got)
					}
				}
				if m := got["message"]; m != nil && str(m, "event", "channel_type") != c.kind {
					t.Errorf("channel_type %q, want %q", str(m, "event", "channel_type"), c.kind)
				}
			})
		})
	}
}

func TestTypedText(t *testing.T) {
	r := serve(t, slacksim.Options{})
	for _, c := range []struct{ typed, want string }{
		{"@bobbin hi", "<@U0BOBBIN> hi"},
		{"@Bobbin, hi", "<@U0BOBBIN>, hi"},
		{"hi (@bobbin)", "hi (<@U0BOBBIN>)"},
		{"<@U0BOBBIN> hi", "<@U0BOBBIN> hi"},
		{"mail@bobbin.org", "mail@bobbin.org"},
		{"@bobbins @bobbin_2", "@bobbins @bobbin_2"},
		{"if a < b && c > d", "if a &lt; b &amp;&amp; c &gt; d"},
		{"already &lt;b&gt; &amp;", "already &lt;b&gt; &amp;"},
		{"<script>", "&lt;script&gt;"},
		{"<!here> <#C0GENERAL> <https://a.b/?x=1|a>", "<!here> <#C0GENERAL> <https://a.b/?x=1|a>"},
		{"İ @bobbin", "İ @bobbin"},
	} {
		if c.typed == "İ @bobbin" {
			c.want = "İ <@U0BOBBIN>" // its lower case is longer
		}
		ts := r.post(ann, general, "", c.typed)
		if m, _ := r.Message(general, ts); m.Text != c.want {
			t.Errorf("typed %q became %q, want %q", c.typed, m.Text, c.want)
		}
	}
}

func TestEditsAndDeletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(true)
		ts := r.post(ann, general, "", "hi")
		a.payloads(1)
		if err := r.Edit(ann, general, ts, "@bobbin hi"); err != nil {
			t.Fatal(err)
		}
		got := a.payloads(2)
		change := obj(got["message_changed"], "event")
		if change["hidden"] != true || str(change, "message", "ts") != ts || change["ts"] == ts ||
			change["channel"] != general || change["channel_type"] != "channel" || str(change, "event_ts") == "" ||
			str(change, "message", "edited", "user") != ann || str(change, "previous_message", "text") != "hi" {
			t.Errorf("message_changed is %v", change)
		}
		mention := obj(got["app_mention"], "event")
		if mention["ts"] != ts || str(mention, "edited", "user") != ann {
			t.Errorf("an edit that adds a mention made %v, want app_mention with edited", mention)
		}
		if err := r.Edit(ann, general, ts, "@bobbin hello"); err != nil {
			t.Fatal(err)
		}
		if got := a.payloads(1); got["message_changed"] == nil {
			t.Errorf("an edit that keeps the mention made %v, want message_changed only", got)
		}
		if err := r.Delete(ann, general, ts); err != nil {
			t.Fatal(err)
		}
		gone := obj(a.payloads(1)["message_deleted"], "event")
		if gone["deleted_ts"] != ts || gone["hidden"] != true || gone["channel"] != general || gone["channel_type"] != "channel" ||
			gone["ts"] == ts || str(gone, "event_ts") == "" || str(gone, "previous_message", "text") != "<@U0BOBBIN> hello" {
			t.Errorf("message_deleted is %v", gone)
		}
	})
}

func TestTheBotHearsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(true)
		root := r.post(ann, general, "", "hi")
		a.payloads(1)
		ts := r.say(general, root, "<@U0BOBBIN> is me")
		echo := obj(a.payloads(1)["message"], "event")
		if echo["bot_id"] != slacksim.BotID || echo["user"] != botUser || echo["app_id"] != slacksim.AppID ||
			echo["thread_ts"] != root || echo["subtype"] != nil || echo["parent_user_id"] != ann {
			t.Errorf("echo is %v, want bot_id and user of the bot and no subtype", echo)
		}
		r.ok("chat.update", "channel", general, "ts", ts, "text", "edited")
		change := obj(a.payloads(1)["message_changed"], "event")
		if str(change, "message", "bot_id") != slacksim.BotID || str(change, "message", "text") != "edited" {
			t.Errorf("echo of the update is %v", change)
		}
		stream := str(r.ok("chat.startStream", "channel", general, "thread_ts", root, "recipient_user_id", ann,
			"recipient_team_id", "T0SIM"), "ts")
		if got := a.payloads(1); str(got["message"], "event", "streaming_state") != "in_progress" {
			t.Errorf("startStream made %v, want a message in_progress", got)
		}
		r.ok("chat.appendStream", "channel", general, "ts", stream, "markdown_text", "x")
		r.ok("chat.stopStream", "channel", general, "ts", stream)
		a.next()
		if change := a.payloads(1)["message_changed"]; str(change, "event", "message", "streaming_state") != "completed" {
			t.Errorf("stopStream made %v, want message_changed with completed", change)
		}
	})
}

func TestFilesReactionsStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{
			People:   []slacksim.Person{{ID: ann, Name: "ann"}, {ID: "U0EXT", Name: "eve", Team: "T0OTHER"}},
			Channels: []slacksim.Channel{{ID: "C0SHARED", Name: "shared", Shared: true}},
		})
		a := r.connect(true)
		ts, err := r.PostFile(ann, "C0SHARED", "", "look", "report.csv")
		if err != nil {
			t.Fatal(err)
		}
		p := a.payloads(1)["file_share"]
		file := obj(obj(p, "event")["files"].([]any)[0])
		if p["is_ext_shared_channel"] != true || file["name"] != "report.csv" || file["mimetype"] != "text/csv" || file["filetype"] != "csv" {
			t.Errorf("file_share is %v", p)
		}
		if err := r.React("U0EXT", "C0SHARED", ts, "eyes"); err != nil {
			t.Fatal(err)
		}
		added := obj(a.payloads(1)["reaction_added"], "event")
		if added["user"] != "U0EXT" || added["item_user"] != ann || added["reaction"] != "eyes" || str(added, "event_ts") == "" ||
			str(added, "item", "type") != "message" || str(added, "item", "channel") != "C0SHARED" || str(added, "item", "ts") != ts {
			t.Errorf("reaction_added is %v", added)
		}
		if err := r.Unreact("U0EXT", "C0SHARED", ts, "eyes"); err != nil {
			t.Fatal(err)
		}
		if got := a.payloads(1); str(got["reaction_removed"], "event", "user") != "U0EXT" {
			t.Errorf("Unreact made %v, want reaction_removed", got)
		}
		r.post("U0EXT", "C0SHARED", "", "hello")
		e := obj(a.payloads(1)["message"], "event")
		if e["user_team"] != "T0OTHER" || e["source_team"] != "T0OTHER" || e["team"] != "T0OTHER" {
			t.Errorf("a stranger's message is %v, want the other team", e)
		}
	})
}

func TestAnyEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(true)
		id, err := r.Event([]byte(`{"type":"star_fell","channel":"C0GENERAL","ts":"1.000000"}`))
		if err != nil {
			t.Fatal(err)
		}
		if p := a.payloads(1)["star_fell"]; p["event_id"] != id {
			t.Errorf("payload is %v, want the event with id %s", p, id)
		}
		if err := r.OpenHome(ann); err != nil {
			t.Fatal(err)
		}
		if p := a.payloads(1)["app_home_opened"]; str(p, "event", "tab") != "home" {
			t.Errorf("payload is %v", p)
		}
		if _, err := r.Event([]byte(`[]`)); err == nil {
			t.Error("an event that is no object was taken")
		}
	})
}

func TestVerbsRefuseNonsense(t *testing.T) {
	r := serve(t, slacksim.Options{Channels: []slacksim.Channel{
		{ID: general, Name: "general"}, {ID: "C0OLD", Name: "old", Archived: true},
	}})
	ts, dm := r.post(ann, general, "", "hi"), r.post(ann, r.DM(ann), "", "hi")
	post := func(user, channel, thread, text string) error {
		_, err := r.Post(user, channel, thread, text)
		return err
	}
	for name, err := range map[string]error{
		"unknown user":             post("U0NOBODY", general, "", "x"),
		"the bot as a person":      post(botUser, general, "", "x"),
		"unknown channel":          post(ann, "C9", "", "x"),
		"archived channel":         post(ann, "C0OLD", "", "x"),
		"unknown thread":           post(ann, general, "1.000000", "x"),
		"no text":                  post(ann, general, "", ""),
		"another's direct message": post(ben, r.DM(ann), "", "x"),
		"edit another's":           r.Edit(ben, general, ts, "x"),
		"edit away":                r.Edit(ann, general, ts, ""),
		"edit unknown":             r.Edit(ann, general, "1.0", "x"),
		"delete another's":         r.Delete(ben, general, ts),
		"react to unknown":         r.React(ann, general, "1.0", "eyes"),
		"emoji with colons":        r.React(ann, general, ts, ":eyes:"),
		"react from outside":       r.React(ben, r.DM(ann), dm, "eyes"),
		"take back nothing":        r.Unreact(ann, general, ts, "eyes"),
		"click without button":     r.Click(ann, general, ts, "a", ""),
		"redeliver unknown":        r.Redeliver(general, "1.0"),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
