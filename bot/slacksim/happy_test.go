package slacksim_test

import (
	"testing"
	"testing/synctest"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

// The path that every bot takes: hear a mention, answer with a stream.
func TestMentionAndStreamedAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		if got := r.ok("auth.test"); got["user_id"] != botUser || got["bot_id"] != slacksim.BotID || got["team_id"] != "T0SIM" {
			t.Errorf("auth.test answered %v, want the bot's three ids", got)
		}
		a := r.connect(true)
		ts := r.post(ann, general, "", "@bobbin hello")
		mention, message := a.nextEvent(), a.nextEvent()
		if str(mention, "type") != "app_mention" || str(message, "type") != "message" {
			t.Fatalf("got %v and %v, want app_mention and message", mention, message)
		}
		if str(mention, "text") != "<@U0BOBBIN> hello" || str(mention, "ts") != ts {
			t.Errorf("mention is %v, want the typed name as a mention and ts %s", mention, ts)
		}
		r.ok("assistant.threads.setStatus", "channel_id", general, "thread_ts", ts, "status", "is thinking…")
		if got := r.Status(general, ts); got != "is thinking…" {
			t.Errorf("status %q after setStatus", got)
		}
		start := r.ok("chat.startStream", "channel", general, "thread_ts", ts,
			"recipient_user_id", ann, "recipient_team_id", "T0SIM")
		answer := str(start, "ts")
		if got := r.Status(general, ts); got != "" {
			t.Errorf("status %q after the bot's message, want none", got)
		}
		r.ok("chat.appendStream", "channel", general, "ts", answer, "chunks", `[{"type":"markdown_text","text":"Hello "}]`)
		r.ok("chat.appendStream", "channel", general, "ts", answer, "chunks", `[{"type":"markdown_text","text":"**Ann**"}]`)
		r.ok("chat.stopStream", "channel", general, "ts", answer)
		m, found := r.Message(general, answer)
		if !found || m.Markdown != "Hello **Ann**" || m.StreamingState != "completed" || m.ThreadTS != ts {
			t.Errorf("message is %+v, want the whole answer, completed, in the thread", m)
		}
		if thread := r.Thread(general, ts); len(thread) != 2 || thread[0].ReplyCount != 1 {
			t.Errorf("thread is %+v, want root and answer", thread)
		}
		user := r.ok("users.info", "user", ann)
		if str(user, "user", "real_name") != "Ann Lee" {
			t.Errorf("users.info answered %v", user)
		}
		replies := r.ok("conversations.replies", "channel", general, "ts", ts)
		if list, _ := replies["messages"].([]any); len(list) != 2 || str(list[1], "bot_id") != slacksim.BotID {
			t.Errorf("conversations.replies answered %v, want root and answer", replies)
		}
		post := r.say(general, ts, "one more")
		r.ok("chat.update", "channel", general, "ts", post, "text", "one more, edited")
		if m, _ := r.Message(general, post); m.Text != "one more, edited" || !m.Edited {
			t.Errorf("message is %+v, want the edited text", m)
		}
	})
}
