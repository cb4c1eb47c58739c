package slacksim_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

func marshal(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func markdown(text string) object { return object{"type": "markdown", "text": text} }

func section(text string) object {
	return object{"type": "section", "text": object{"type": "mrkdwn", "text": text}}
}

func repeat[T any](v T, n int) []T {
	list := make([]T, n)
	for i := range list {
		list[i] = v
	}
	return list
}

// Each limit of a message is tried at its edge and one above. The letter is of
// two bytes, since Slack counts characters.
func TestContentLimits(t *testing.T) {
	chars := func(n int) string { return strings.Repeat("é", n) }
	type args map[string]string
	for _, c := range []struct {
		name string
		args args
		want string
	}{
		{"nothing", args{}, "no_text"},
		{"text", args{"text": chars(4000)}, ""},
		{"markdown_text at its limit", args{"markdown_text": chars(12000)}, ""},
		{"markdown_text above", args{"markdown_text": chars(12001)}, "msg_too_long"},
		{"markdown_text with text", args{"markdown_text": "a", "text": "b"}, "markdown_text_conflict"},
		{"markdown_text with blocks", args{"markdown_text": "a", "blocks": marshal(repeat(markdown("a"), 1))}, "markdown_text_conflict"},
		{"50 blocks", args{"blocks": marshal(repeat(section("a"), 50))}, ""},
		{"51 blocks", args{"blocks": marshal(repeat(section("a"), 51))}, "invalid_blocks"},
		{"section at its limit", args{"blocks": marshal(repeat(section(chars(3000)), 1))}, ""},
		{"section above", args{"blocks": marshal(repeat(section(chars(3001)), 1))}, "invalid_blocks"},
		{"markdown blocks at their limit", args{"blocks": marshal(repeat(markdown(chars(6000)), 2))}, ""},
		{"markdown blocks above together", args{"blocks": marshal([]object{markdown(chars(6000)), markdown(chars(6001))})}, "msg_blocks_too_long"},
		{"all blocks at their limit", args{"blocks": marshal(append(repeat(section(chars(3000)), 4), section(chars(1200))))}, ""},
		{"all blocks above", args{"blocks": marshal(append(repeat(section(chars(3000)), 4), section(chars(1201))))}, "msg_blocks_too_long"},
		{"header above", args{"blocks": marshal([]object{{"type": "header", "text": object{"type": "plain_text", "text": chars(151)}}})}, "invalid_blocks"},
		{"empty section", args{"blocks": `[{"type":"section"}]`}, "invalid_blocks"},
		{"block without type", args{"blocks": `[{"text":"x"}]`}, "invalid_blocks"},
		{"no JSON", args{"blocks": `[{`}, "invalid_blocks_format"},
		{"an object", args{"blocks": `{"type":"divider"}`}, "invalid_blocks_format"},
		{"two tables", args{"blocks": `[{"type":"table","rows":[]},{"type":"table","rows":[]}]`}, "invalid_attachments"},
		{"block_id twice", args{"blocks": `[{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}]`}, "invalid_blocks"},
		{"long button", args{"blocks": marshal([]object{{"type": "actions", "elements": []object{
			{"type": "button", "action_id": "a", "text": object{"type": "plain_text", "text": chars(76)}}}}})}, "invalid_blocks"},
		{"six in context_actions", args{"blocks": marshal([]object{{"type": "context_actions", "elements": repeat(
			object{"type": "icon_button", "action_id": "a"}, 6)}})}, "invalid_blocks"},
		{"metadata", args{"text": "a", "metadata": `{"event_type":"t","event_payload":{"a":1}}`}, ""},
		{"metadata without payload", args{"text": "a", "metadata": `{"event_type":"t"}`}, "invalid_metadata_schema"},
		{"metadata that is no JSON", args{"text": "a", "metadata": `{`}, "invalid_metadata_format"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := serve(t, slacksim.Options{NoLimits: true})
			own := r.say(general, "", "first")
			pairs := []string{"channel", general, "ts", own, "user", ann}
			for k, v := range c.args {
				pairs = append(pairs, k, v)
			}
			for _, method := range []string{"chat.postMessage", "chat.update", "chat.postEphemeral"} {
				if out := r.call(method, pairs...); str(out, "error") != c.want {
					t.Errorf("%s: %v, want error %q", method, out, c.want)
				}
			}
		})
	}
}

func TestLongText(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	ts := r.say(general, "", strings.Repeat("é", 40_001))
	if m, _ := r.Message(general, ts); len([]rune(m.Text)) != 40_000 {
		t.Errorf("posted text of 40,001 characters has %d, want it cut at 40,000", len([]rune(m.Text)))
	}
	r.refused("msg_too_long", "chat.update", "channel", general, "ts", ts, "text", strings.Repeat("é", 4001))
	r.ok("chat.update", "channel", general, "ts", ts, "text", strings.Repeat("é", 4000))
}

func TestUpdate(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	blocks := marshal([]object{markdown("one"), section("s"), markdown("two")})
	ts := str(r.ok("chat.postMessage", "channel", general, "text", "fallback", "blocks", blocks,
		"metadata", `{"event_type":"t","event_payload":{}}`), "ts")
	if m, _ := r.Message(general, ts); m.Markdown != "one\n\ntwo" || m.Text != "fallback" || len(m.Blocks) != 3 {
		t.Errorf("posted %+v, want the markdown blocks' text as Markdown", m)
	}
	r.ok("chat.update", "channel", general, "ts", ts, "text", "fallback", "blocks", marshal([]object{markdown("three")}))
	m, _ := r.Message(general, ts)
	if m.Markdown != "three" || m.Edited || m.Metadata == nil {
		t.Errorf("after an update by blocks %+v, want new blocks, no (edited), kept metadata", m)
	}
	r.ok("chat.update", "channel", general, "ts", ts, "text", "plain", "metadata", "{}")
	m, _ = r.Message(general, ts)
	if m.Blocks != nil || m.Markdown != "plain" || !m.Edited || m.Metadata != nil {
		t.Errorf("after an update by text %+v, want no blocks, (edited), metadata removed", m)
	}
	r.ok("chat.update", "channel", general, "ts", ts, "markdown_text", "**md**")
	if m, _ = r.Message(general, ts); m.Markdown != "**md**" || len(m.Blocks) != 1 {
		t.Errorf("after an update by markdown_text %+v", m)
	}

	his := r.post(ann, general, "", "hers")
	r.refused("cant_update_message", "chat.update", "channel", general, "ts", his, "text", "x")
	r.refused("cant_delete_message", "chat.delete", "channel", general, "ts", his)
	r.refused("message_not_found", "chat.update", "channel", general, "ts", "1.000000", "text", "x")
	r.refused("message_not_found", "chat.update", "channel", "C0RANDOM", "ts", ts, "text", "x")
	r.ok("chat.delete", "channel", general, "ts", ts)
	r.refused("message_not_found", "chat.update", "channel", general, "ts", ts, "text", "x")
	if m, found := r.Message(general, ts); !found || !m.Deleted {
		t.Errorf("deleted message is %+v, %v, want it known and marked", m, found)
	}
	if list := r.Messages(general); len(list) != 1 {
		t.Errorf("channel shows %+v, want no deleted message", list)
	}
}

func TestThreads(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	root := r.post(ann, general, "", "root")
	reply := r.say(general, root, "reply")
	nested := r.say(general, reply, "names the reply")
	if m, _ := r.Message(general, nested); m.ThreadTS != root {
		t.Errorf("thread_ts %q, want the root %s: a reply has no thread of its own", m.ThreadTS, root)
	}
	wide := str(r.ok("chat.postMessage", "channel", general, "thread_ts", root, "text", "x", "reply_broadcast", "true"), "ts")
	if m, _ := r.Message(general, wide); m.Subtype != "thread_broadcast" {
		t.Errorf("subtype %q, want thread_broadcast", m.Subtype)
	}
	if m, _ := r.Message(general, root); m.ReplyCount != 3 || m.ThreadTS != root {
		t.Errorf("root is %+v, want three replies", m)
	}
	r.ok("chat.delete", "channel", general, "ts", nested)
	if m, _ := r.Message(general, root); m.ReplyCount != 2 {
		t.Errorf("root counts %d replies after a delete, want 2", m.ReplyCount)
	}
	if ts := str(r.ok("chat.postMessage", "channel", ann, "text", "by user id"), "channel"); ts != r.DM(ann) {
		t.Errorf("a user id as channel posted to %q, want the direct message", ts)
	}
	r.refused("message_not_found", "reactions.add", "channel", general, "timestamp", "1.0", "name", "eyes")
	r.ok("reactions.add", "channel", general, "timestamp", root, "name", "eyes")
	r.refused("already_reacted", "reactions.add", "channel", general, "timestamp", root, "name", "eyes")
	if m, _ := r.Message(general, root); len(m.Reactions["eyes"]) != 1 {
		t.Errorf("reactions %v, want the bot's", m.Reactions)
	}
	r.ok("reactions.remove", "channel", general, "timestamp", root, "name", "eyes")
	r.refused("no_reaction", "reactions.remove", "channel", general, "timestamp", root, "name", "eyes")
}

func TestEphemeral(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	ts := str(r.ok("chat.postEphemeral", "channel", general, "user", ann, "text", "psst"), "message_ts")
	if got := r.Ephemerals(ann, general); len(got) != 1 || got[0].Text != "psst" || got[0].EphemeralTo != ann {
		t.Errorf("ann sees %+v", got)
	}
	if got := r.Ephemerals(ben, general); len(got) != 0 {
		t.Errorf("ben sees %+v, want nothing", got)
	}
	if got := r.Messages(general); len(got) != 0 {
		t.Errorf("the channel shows %+v, want nothing", got)
	}
	r.refused("message_not_found", "chat.update", "channel", general, "ts", ts, "text", "x")
	r.refused("user_not_found", "chat.postEphemeral", "channel", general, "user", "U0NOBODY", "text", "x")
	r.refused("user_not_in_channel", "chat.postEphemeral", "channel", r.DM(ann), "user", ben, "text", "x")
}
