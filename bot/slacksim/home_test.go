package slacksim_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

func home(blocks ...any) string {
	return marshal(object{"type": "home", "callback_id": "main", "private_metadata": "{}", "blocks": blocks})
}

func TestHomeRules(t *testing.T) {
	chars := func(n int) string { return strings.Repeat("é", n) }
	text := func(n int) object { return object{"type": "plain_text", "text": chars(n)} }
	button := func(more object) object {
		b := object{"type": "button", "action_id": "a", "text": text(75)}
		for k, v := range more {
			b[k] = v
		}
		return object{"type": "actions", "elements": []object{b}}
	}
	confirm := func(title, body, yes, no int) object {
		return button(object{"confirm": object{"title": text(title), "text": text(body), "confirm": text(yes), "deny": text(no)}})
	}
	menu := func(kind string, n int) object {
		options := repeat(object{"text": text(75), "value": "v"}, n)
		return object{"type": "section", "text": text(1), "accessory": object{"type": kind, "action_id": "a", "options": options}}
	}
	rich := object{"type": "rich_text", "elements": []object{{"type": "rich_text_preformatted", "elements": []object{{"type": "text", "text": "x"}}}}}
	for _, c := range []struct {
		name  string
		block any
		want  string // "" if it is taken
	}{
		{"section", section(chars(3000)), ""},
		{"section above", section(chars(3001)), "must be less than 3001 characters [json-pointer:/view/blocks/0/text/text]"},
		{"10 fields", object{"type": "section", "fields": repeat(text(2000), 10)}, ""},
		{"11 fields", object{"type": "section", "fields": repeat(text(1), 11)}, "no more than 10 items allowed [json-pointer:/view/blocks/0/fields]"},
		{"field above", object{"type": "section", "fields": []object{text(1), text(2001)}}, "must be less than 2001 characters [json-pointer:/view/blocks/0/fields/1/text]"},
		{"header above", object{"type": "header", "text": text(151)}, "must be less than 151 characters [json-pointer:/view/blocks/0/text/text]"},
		{"context", object{"type": "context", "elements": repeat(text(1), 10)}, ""},
		{"context above", object{"type": "context", "elements": repeat(text(1), 11)}, "must have 1 to 10 elements [json-pointer:/view/blocks/0/elements]"},
		{"rich text", rich, ""},
		{"table", object{"type": "table", "rows": []any{}}, ""},
		{"image without words", object{"type": "image", "image_url": "https://e.test/a.png"}, "missing required field: alt_text [json-pointer:/view/blocks/0]"},
		{"button above", button(object{"text": text(76)}), "must be less than 76 characters [json-pointer:/view/blocks/0/elements/0/text/text]"},
		{"value above", button(object{"value": strings.Repeat("v", 2001)}), "must be less than 2001 characters [json-pointer:/view/blocks/0/elements/0/value]"},
		{"url above", button(object{"url": "https://e.test/" + strings.Repeat("v", 3000)}), "must be less than 3001 characters [json-pointer:/view/blocks/0/elements/0/url]"},
		{"confirm", confirm(100, 300, 30, 30), ""},
		{"confirm without title", confirm(0, 1, 1, 1), "missing required field: title [json-pointer:/view/blocks/0/elements/0/confirm]"},
		{"confirm's text above", confirm(1, 301, 1, 1), "must be less than 301 characters [json-pointer:/view/blocks/0/elements/0/confirm/text/text]"},
		{"confirm's button above", confirm(1, 1, 31, 1), "must be less than 31 characters [json-pointer:/view/blocks/0/elements/0/confirm/confirm/text]"},
		{"select", menu("static_select", 100), ""},
		{"select above", menu("static_select", 101), "must have 1 to 100 options [json-pointer:/view/blocks/0/accessory/options]"},
		{"overflow", menu("overflow", 5), ""},
		{"overflow above", menu("overflow", 6), "must have 1 to 5 options [json-pointer:/view/blocks/0/accessory/options]"},
		{"chart", chart("t", bars("bar", 1, 1)), "unsupported type: data_visualization [json-pointer:/view/blocks/0/type]"},
		{"markdown", markdown("x"), "unsupported type: markdown [json-pointer:/view/blocks/0/type]"},
		{"context_actions", object{"type": "context_actions"}, "unsupported type: context_actions [json-pointer:/view/blocks/0/type]"},
		{"no type", object{"text": "x"}, "missing required field: type [json-pointer:/view/blocks/0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := serve(t, slacksim.Options{})
			if c.want == "" {
				r.ok("views.publish", "user_id", ann, "view", home(c.block))
				return
			}
			out := r.refused("invalid_arguments", "views.publish", "user_id", ann, "view", home(c.block))
			if got := fmt.Sprint(obj(out, "response_metadata")["messages"]); got != "[[ERROR] "+c.want+"]" {
				t.Errorf("messages %s, want [ERROR] %s", got, c.want)
			}
			if r.Home(ann) != nil {
				t.Error("a refused view is shown")
			}
		})
	}
}

func TestHomeLimits(t *testing.T) {
	r := serve(t, slacksim.Options{})
	publish := func(view string) []string { return []string{"user_id", ann, "view", view} }
	r.ok("views.publish", publish(home(repeat[any](section("a"), 100)...))...)
	r.refused("invalid_arguments", "views.publish", publish(home(repeat[any](section("a"), 101)...))...)
	r.refused("invalid_arguments", "views.publish", publish(`{"type":"home"}`)...)
	r.refused("invalid_arguments", "views.publish", publish(`{"type":"modal","blocks":[]}`)...)
	r.refused("invalid_arguments", "views.publish", publish(home(object{"type": "divider", "block_id": "a"}, object{"type": "divider", "block_id": "a"}))...)
	r.refused("invalid_arguments", "views.publish", publish(marshal(object{"type": "home", "blocks": []object{}, "private_metadata": strings.Repeat("m", 3001)}))...)
	r.refused("invalid_arguments", "views.publish", publish(marshal(object{"type": "home", "blocks": []object{}, "callback_id": strings.Repeat("m", 256)}))...)
	r.refused("view_too_large", "views.publish", publish(home(repeat[any](section(strings.Repeat("a", 2600)), 100)...))...)
	r.refused("user_not_found", "views.publish", "user_id", botUser, "view", home())
}

func TestHomeHash(t *testing.T) {
	r := serve(t, slacksim.Options{})
	publish := func(hash string) []string { return []string{"user_id", ann, "view", home(section("a")), "hash", hash} }
	r.refused("hash_conflict", "views.publish", publish("1.0")...)
	first := r.ok("views.publish", publish("")...)
	second := r.ok("views.publish", publish(str(first, "view", "hash"))...)
	r.refused("hash_conflict", "views.publish", publish(str(first, "view", "hash"))...)
	if a, b := obj(first, "view"), obj(second, "view"); a["id"] != b["id"] || a["hash"] == b["hash"] {
		t.Errorf("views %v and %v, want one id and two hashes", a, b)
	}
	blocks := obj(second, "view")["blocks"].([]any)
	if str(blocks[0], "block_id") == "" {
		t.Errorf("blocks %v, want block ids", blocks)
	}
}

func TestOpenHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(true)
		opened := func(open func(string) error, tab string) object {
			t.Helper()
			if err := open(ann); err != nil {
				t.Fatal(err)
			}
			e := a.nextEvent()
			if str(e, "type") != "app_home_opened" || str(e, "user") != ann || str(e, "channel") != r.DM(ann) || str(e, "tab") != tab {
				t.Errorf("event %v, want app_home_opened of tab %s", e, tab)
			}
			return obj(e, "view")
		}
		if v := opened(r.OpenHome, "home"); v != nil {
			t.Errorf("view %v before anything was published", v)
		}
		r.ok("views.publish", "user_id", ann, "view", home(section("a")))
		if v := opened(r.OpenHome, "home"); str(v, "type") != "home" || str(v, "callback_id") != "main" || str(v, "hash") == "" {
			t.Errorf("view %v, want the published one", v)
		}
		if v := opened(r.OpenMessages, "messages"); v != nil {
			t.Errorf("view %v with the Messages tab", v)
		}
		if r.OpenHome(botUser) == nil || r.OpenMessages("U0NOBODY") == nil {
			t.Error("a Home was opened for nobody")
		}
	})
}

func TestHomeClicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		if err := r.ClickHome(ann, "go", ""); err == nil {
			t.Error("clicked before anything was published")
		}
		plain := func(s string) object { return object{"type": "plain_text", "text": s} }
		option := func(s string) object { return object{"text": plain(s), "value": s} }
		r.ok("views.publish", "user_id", ann, "view", home(
			object{"type": "section", "block_id": "menu", "text": plain("s"), "accessory": object{"type": "overflow", "action_id": "more", "options": []object{option("x"), option("y")}}},
			object{"type": "section", "text": plain("s"), "accessory": object{"type": "static_select", "action_id": "pick", "option_groups": []object{{"label": plain("g"), "options": []object{option("p"), option("q")}}}}},
			object{"type": "actions", "elements": []object{
				{"type": "button", "action_id": "go", "text": plain("One"), "value": "1"},
				{"type": "button", "action_id": "go", "text": plain("Two"), "value": "2"}}}))
		a := r.connect(true)
		for _, c := range []struct{ action, value, kind, want string }{
			{"go", "2", "button", "2"}, {"go", "", "button", "1"}, {"more", "y", "overflow", "y"}, {"pick", "q", "static_select", "q"},
		} {
			if err := r.ClickHome(ann, c.action, c.value); err != nil {
				t.Fatalf("click %s=%s: %v", c.action, c.value, err)
			}
			f := a.next()
			p := obj(f, "payload")
			act := obj(p["actions"].([]any)[0])
			if f["type"] != "interactive" || p["type"] != "block_actions" || str(p, "user", "id") != ann || str(p, "team", "id") != "T0SIM" ||
				str(p, "trigger_id") == "" || str(p, "view", "type") != "home" || str(p, "view", "hash") == "" ||
				len(obj(p, "view")["blocks"].([]any)) != 3 || str(p, "view", "id") != str(p, "container", "view_id") {
				t.Errorf("click %s=%s made %v", c.action, c.value, f)
			}
			if want := (object{"type": "view", "view_id": str(p, "view", "id")}); fmt.Sprint(p["container"]) != fmt.Sprint(want) {
				t.Errorf("container %v, want %v", p["container"], want)
			}
			for _, key := range []string{"channel", "message", "response_url"} {
				if _, there := p[key]; there {
					t.Errorf("the payload has %s, which only a message's has", key)
				}
			}
			if act["type"] != c.kind || str(act, "value")+str(act, "selected_option", "value") != c.want || str(act, "block_id") == "" {
				t.Errorf("action %v, want %s %s", act, c.kind, c.want)
			}
		}
		for _, c := range [][3]string{{ann, "go", "3"}, {ann, "no", ""}, {ben, "go", ""}, {"U0NOBODY", "go", ""}} {
			if err := r.ClickHome(c[0], c[1], c[2]); err == nil {
				t.Errorf("clicked %v, which is not there", c)
			}
		}
		r.Disconnect("")
		if err := r.ClickHome(ann, "go", "1"); !errors.Is(err, slacksim.ErrDispatchFailed) {
			t.Errorf("click without a connection: %v, want dispatch_failed", err)
		}
	})
}

func TestSlackGoHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		clicks, opened := make(chan slack.InteractionCallback, 1), make(chan *slackevents.AppHomeOpenedEvent, 1)
		r.run(func(c *socketmode.Client, e socketmode.Event) {
			switch d := e.Data.(type) {
			case slack.InteractionCallback:
				clicks <- d
			case slackevents.EventsAPIEvent:
				opened <- d.InnerEvent.Data.(*slackevents.AppHomeOpenedEvent)
			default:
				return
			}
			_ = c.AckCtx(t.Context(), e.Request.EnvelopeID, nil)
		})
		r.until("a connection", func() bool { return r.Sockets() == 1 })
		plain := func(s string) *slack.TextBlockObject { return slack.NewTextBlockObject("plain_text", s, false, false) }
		button := slack.NewButtonBlockElement("go", "1", plain("Go")).
			WithConfirm(slack.NewConfirmationBlockObject(plain("Sure?"), plain("Really."), plain("Yes"), plain("No")))
		published, err := r.client().PublishViewContext(t.Context(), slack.PublishViewContextRequest{UserID: ann, View: slack.HomeTabViewRequest{
			Type: slack.VTHomeTab, CallbackID: "main", Blocks: slack.Blocks{BlockSet: []slack.Block{
				slack.NewHeaderBlock(plain("Hi")), slack.NewActionBlock("row", button)}}}})
		if err != nil || published.ID == "" || published.Hash == "" || len(published.Blocks.BlockSet) != 2 {
			t.Fatalf("published %+v, %v", published, err)
		}
		if err := r.OpenHome(ann); err != nil {
			t.Fatal(err)
		}
		if e := <-opened; e.Tab != "home" || e.View == nil || e.View.ID != published.ID || e.View.Hash != published.Hash {
			t.Errorf("slack-go read app_home_opened as %+v", e)
		}
		if err := r.ClickHome(ann, "go", ""); err != nil {
			t.Fatal(err)
		}
		got := <-clicks
		if got.Type != slack.InteractionTypeBlockActions || got.View.ID != published.ID || got.View.Hash != published.Hash || got.View.CallbackID != "main" ||
			got.Container.Type != "view" || got.Container.ViewID != published.ID || got.Channel.ID != "" || got.ResponseURL != "" ||
			len(got.ActionCallback.BlockActions) != 1 || got.ActionCallback.BlockActions[0].BlockID != "row" {
			t.Errorf("slack-go read the click as %+v", got)
		}
	})
}
