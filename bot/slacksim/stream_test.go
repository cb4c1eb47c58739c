package slacksim_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

// begin starts a stream under a message of Ann's.
func (r *rig) begin(pairs ...string) (root, ts string) {
	r.t.Helper()
	root = r.post(ann, general, "", "question")
	out := r.ok("chat.startStream", append([]string{"channel", general, "thread_ts", root,
		"recipient_user_id", ann, "recipient_team_id", "T0SIM"}, pairs...)...)
	return root, str(out, "ts")
}

func chunk(text string) string {
	return marshal([]object{{"type": "markdown_text", "text": text}})
}

func TestStartStreamArguments(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	root := r.post(ann, general, "", "q")
	dm := r.post(ann, r.DM(ann), "", "q")
	base := map[string]string{
		"channel": general, "thread_ts": root, "recipient_user_id": ann, "recipient_team_id": "T0SIM",
	}
	for _, c := range []struct {
		name string
		with map[string]string // "" takes an argument away
		want string
	}{
		{"complete", nil, ""},
		{"no user", map[string]string{"recipient_user_id": ""}, "missing_recipient_user_id"},
		{"no team", map[string]string{"recipient_team_id": ""}, "missing_recipient_team_id"},
		{"unknown user", map[string]string{"recipient_user_id": "U0NOBODY"}, "user_not_found"},
		{"unknown team", map[string]string{"recipient_team_id": "T0OTHER"}, "team_not_found"},
		{"no thread", map[string]string{"thread_ts": ""}, "invalid_thread_ts"},
		{"odd thread", map[string]string{"thread_ts": "yesterday"}, "invalid_thread_ts"},
		{"direct message alone", map[string]string{"channel": r.DM(ann), "thread_ts": dm, "recipient_user_id": "", "recipient_team_id": ""}, ""},
		{"direct message without thread", map[string]string{"channel": r.DM(ann), "thread_ts": ""}, ""},
		{"metadata", map[string]string{"metadata": `{"event_type":"t","event_payload":{}}`}, "invalid_arguments"},
		{"unfurl_links", map[string]string{"unfurl_links": "false"}, "invalid_arguments"},
		{"plan", map[string]string{"task_display_mode": "plan"}, ""},
		{"dense", map[string]string{"task_display_mode": "dense"}, "invalid_arguments"},
		{"both kinds of text", map[string]string{"markdown_text": "a", "chunks": chunk("b")}, "cannot_provide_both_markdown_text_and_chunks"},
	} {
		pairs := []string{}
		for k, v := range base {
			if _, ok := c.with[k]; !ok {
				pairs = append(pairs, k, v)
			}
		}
		for k, v := range c.with {
			if v != "" {
				pairs = append(pairs, k, v)
			}
		}
		if out := r.call("chat.startStream", pairs...); str(out, "error") != c.want {
			t.Errorf("%s: %v, want error %q", c.name, out, c.want)
		}
	}
}

func TestStreamModeIsLockedByTheFirstContent(t *testing.T) {
	for _, first := range []string{"start", "append"} {
		for _, mode := range []string{"markdown_text", "chunks"} {
			r := serve(t, slacksim.Options{NoLimits: true})
			value := map[string]string{"markdown_text": "x", "chunks": chunk("x")}
			other := map[string]string{"markdown_text": "chunks", "chunks": "markdown_text"}[mode]
			var ts string
			if first == "start" {
				_, ts = r.begin(mode, value[mode])
			} else {
				_, ts = r.begin()
				r.ok("chat.appendStream", "channel", general, "ts", ts, mode, value[mode])
			}
			r.refused("streaming_mode_mismatch", "chat.appendStream", "channel", general, "ts", ts, other, value[other])
			r.refused("streaming_mode_mismatch", "chat.stopStream", "channel", general, "ts", ts, other, value[other])
			r.ok("chat.appendStream", "channel", general, "ts", ts, mode, value[mode])
		}
	}
}

func TestChunkShapes(t *testing.T) {
	for _, c := range []struct{ chunks, want string }{
		{`[{"type":"markdown_text","text":"x"}]`, ""},
		{`[{"type":"markdown_text","markdown_text":"x"}]`, "invalid_chunks"},
		{`[{"type":"markdown_text","text":""}]`, "invalid_chunks"},
		{`[{"type":"markdown_text","text":1}]`, "invalid_chunks"},
		{`[{"type":"task_update","id":"1","title":"Look","status":"in_progress"}]`, ""},
		{`[{"type":"task_update","id":"1"}]`, "invalid_chunks"},
		{`[{"type":"task_update","title":"Look"}]`, "invalid_chunks"},
		{`[{"type":"task_update","id":"1","title":"Look","status":"done"}]`, "invalid_chunks"},
		{`[{"type":"task","task":{"id":"1"}}]`, "invalid_chunks"},
		{`[{"type":"plan_update","title":"Plan"}]`, ""},
		{`[{"type":"plan_update"}]`, "invalid_chunks"},
		{`[{"type":"blocks","blocks":[{"type":"divider"}]}]`, ""},
		{`[{"type":"blocks","blocks":[{}]}]`, "invalid_chunks"},
		{`[{"type":"blocks"}]`, "invalid_chunks"},
		{`{"type":"markdown_text","text":"x"}`, "invalid_chunks"},
		{`["x"]`, "invalid_chunks"},
		{`[]`, "no_text"},
		{``, "no_text"},
	} {
		r := serve(t, slacksim.Options{NoLimits: true})
		_, ts := r.begin()
		if out := r.call("chat.appendStream", "channel", general, "ts", ts, "chunks", c.chunks); str(out, "error") != c.want {
			t.Errorf("chunks %s: %v, want error %q", c.chunks, out, c.want)
		}
	}
}

func TestStreamBecomesOneMessage(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	_, ts := r.begin()
	for _, chunks := range []string{
		chunk("Let me "),
		chunk("see.\n"),
		`[{"type":"task_update","id":"1","title":"Look","status":"in_progress","details":"a"},{"type":"markdown_text","text":"Found"}]`,
		`[{"type":"task_update","id":"1","title":"Looked","status":"complete","details":"b"}]`,
		chunk(" it."),
	} {
		r.ok("chat.appendStream", "channel", general, "ts", ts, "chunks", chunks)
	}
	r.refused("streaming_state_conflict", "chat.update", "channel", general, "ts", ts, "text", "x")
	r.refused("invalid_arguments", "chat.stopStream", "channel", general, "ts", ts, "session_status", "over")
	feedback := marshal([]object{{"type": "context_actions", "block_id": "fb", "elements": []object{{
		"type": "feedback_buttons", "action_id": "rate",
		"positive_button": object{"text": object{"type": "plain_text", "text": "Good"}, "value": "up"},
		"negative_button": object{"text": object{"type": "plain_text", "text": "Bad"}, "value": "down"},
	}}}})
	r.ok("chat.stopStream", "channel", general, "ts", ts, "chunks", chunk(" Done."), "blocks", feedback,
		"metadata", `{"event_type":"t","event_payload":{"n":1}}`, "session_status", "active")
	m, _ := r.Message(general, ts)
	if m.Markdown != "Let me see.\n\n\nFound it. Done." || m.StreamingState != "completed" || m.Metadata == nil {
		t.Errorf("message is %+v, want the text in order, completed, with metadata", m)
	}
	var kinds []string
	for _, b := range m.Blocks {
		kinds = append(kinds, str(object(decode(t, b)), "type"))
	}
	if got := strings.Join(kinds, " "); got != "markdown task_card markdown context_actions" {
		t.Errorf("blocks are %s, want text, one card for the task, text, and the last blocks below", got)
	}
	card := decode(t, m.Blocks[1])
	if card["title"] != "Looked" || card["status"] != "complete" || !strings.Contains(marshal(card["details"]), `"text":"ab"`) {
		t.Errorf("card is %v, want title and status replaced and details grown", card)
	}
	r.refused("message_not_in_streaming_state", "chat.appendStream", "channel", general, "ts", ts, "chunks", chunk("x"))
	r.refused("message_not_in_streaming_state", "chat.stopStream", "channel", general, "ts", ts)
	r.ok("chat.update", "channel", general, "ts", ts, "text", "an ordinary message now")
}

func TestStreamBelongsToItsApp(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	his := r.post(ann, general, "", "hers")
	mine := r.say(general, "", "ordinary")
	r.refused("message_not_owned_by_app", "chat.appendStream", "channel", general, "ts", his, "chunks", chunk("x"))
	r.refused("message_not_in_streaming_state", "chat.appendStream", "channel", general, "ts", mine, "chunks", chunk("x"))
	r.refused("message_not_found", "chat.stopStream", "channel", general, "ts", "1.000000")
}

// 306 s from the start, however often it is appended to.
func TestStreamDiesOfAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		_, ts := r.begin()
		for range 30 {
			time.Sleep(10 * time.Second)
			r.ok("chat.appendStream", "channel", general, "ts", ts, "chunks", chunk("x"))
		}
		time.Sleep(6*time.Second - time.Nanosecond)
		if m, _ := r.Message(general, ts); m.StreamingState != "in_progress" {
			t.Fatalf("state %q just before 306 s", m.StreamingState)
		}
		time.Sleep(2 * time.Nanosecond)
		r.refused("message_not_in_streaming_state", "chat.appendStream", "channel", general, "ts", ts, "chunks", chunk("y"))
		r.refused("message_not_in_streaming_state", "chat.stopStream", "channel", general, "ts", ts)
		if m, _ := r.Message(general, ts); m.StreamingState != "errored" || m.Markdown != strings.Repeat("x", 30) {
			t.Errorf("message is %+v, want errored and the text still visible", m)
		}
		r.ok("chat.update", "channel", general, "ts", ts, "text", "recovered")
	})
}

func TestStreamSizes(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	_, ts := r.begin()
	r.refused("msg_too_long", "chat.appendStream", "channel", general, "ts", ts, "chunks", chunk(strings.Repeat("é", 12_001)))
	r.ok("chat.appendStream", "channel", general, "ts", ts, "chunks", chunk(strings.Repeat("é", 5_500)))
	r.refused("msg_too_long", "chat.appendStream", "channel", general, "ts", ts, "chunks", chunk("x"))
	r.refused("msg_too_long", "chat.stopStream", "channel", general, "ts", ts, "chunks", chunk("x"))
	r.ok("chat.stopStream", "channel", general, "ts", ts)
	if m, _ := r.Message(general, ts); len(m.Markdown) != 11_000 {
		t.Errorf("%d bytes arrived, want the 11,000 before the refusal", len(m.Markdown))
	}

	_, ts = r.begin()
	r.ok("chat.appendStream", "channel", general, "ts", ts, "chunks", chunk(strings.Repeat("x", 6_000)))
	r.refused("msg_too_long", "chat.appendStream", "channel", general, "ts", ts, "chunks", chunk(strings.Repeat("x", 6_000)))
	r.refused("msg_too_long", "chat.appendStream", "channel", general, "ts", ts, "chunks", chunk("x"))

	_, ts = r.begin()
	task := object{"type": "task_update", "id": "1", "title": "t", "details": strings.Repeat("d", 5_499)}
	r.ok("chat.appendStream", "channel", general, "ts", ts, "chunks", marshal([]object{task}))
	r.refused("msg_too_long", "chat.appendStream", "channel", general, "ts", ts, "chunks", chunk("xx"))

	_, ts = r.begin()
	blocks := marshal([]object{{"type": "blocks", "blocks": repeat(object{"type": "divider"}, 30)}})
	r.ok("chat.appendStream", "channel", general, "ts", ts, "chunks", blocks)
	r.refused("msg_blocks_too_many", "chat.appendStream", "channel", general, "ts", ts, "chunks", blocks)
	r.ok("chat.stopStream", "channel", general, "ts", ts, "blocks", marshal(repeat(object{"type": "divider"}, 50)))
}

func TestWorkspaceWithoutStreaming(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true, NoStreaming: true})
	root := r.post(ann, general, "", "q")
	start := []string{"channel", general, "thread_ts", root, "recipient_user_id", ann, "recipient_team_id", "T0SIM"}
	r.refused("feature_disabled", "chat.startStream", start...)
	r.SetStreaming(true)
	ts := str(r.ok("chat.startStream", start...), "ts")
	r.SetStreaming(false)
	r.refused("feature_disabled", "chat.startStream", start...)
	r.ok("chat.stopStream", "channel", general, "ts", ts)
}

func TestStatusExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		root := r.post(ann, general, "", "q")
		set := func(text string) {
			r.ok("assistant.threads.setStatus", "channel_id", general, "thread_ts", root, "status", text)
		}
		set("is thinking…")
		time.Sleep(time.Minute)
		set("is reading…")
		time.Sleep(2*time.Minute - time.Nanosecond)
		if got := r.Status(general, root); got != "is reading…" {
			t.Errorf("status %q, want the second: setting it starts its two minutes again", got)
		}
		time.Sleep(2 * time.Nanosecond)
		if got := r.Status(general, root); got != "" {
			t.Errorf("status %q after two minutes, want none", got)
		}
		set("is writing…")
		set("")
		if got := r.Status(general, root); got != "" {
			t.Errorf("status %q after an empty one, want none", got)
		}
		set("is writing…")
		r.say(general, "", "not in the thread")
		if got := r.Status(general, root); got == "" {
			t.Error("a message outside the thread ended its status")
		}
		r.say(general, root, "in the thread")
		if got := r.Status(general, root); got != "" {
			t.Errorf("status %q after the bot's message, want none", got)
		}
		r.refused("invalid_thread_ts", "assistant.threads.setStatus", "channel_id", general, "thread_ts", "1.0", "status", "x")
		r.refused("channel_not_found", "assistant.threads.setStatus", "channel_id", "C9", "thread_ts", root, "status", "x")
		r.refused("invalid_arguments", "assistant.threads.setStatus", "channel_id", general, "thread_ts", root)
	})
}
