package slacksim_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

func TestStopStreaming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{AgentView: true})
		root, ts := r.begin("chunks", chunk("I think"))
		a := r.connect(true)
		a.payloads(2) // of the question and the stream, which waited for a connection
		if err := r.StopStreaming(ben, general, ts); err != nil {
			t.Fatal(err)
		}
		event := obj(a.payloads(1)["agent_session_stopped"], "event")
		stopped, _ := event["streaming_message_ts"].([]any)
		if event["channel"] != general || event["thread_ts"] != root || event["user"] != ben || event["event_ts"] == "" ||
			len(stopped) != 1 || stopped[0] != ts {
			t.Errorf("agent_session_stopped is %v", event)
		}
		if m, _ := r.Message(general, ts); m.StoppedBy != ben || m.StreamingState != "in_progress" {
			t.Errorf("message is %+v, want stopped by Ben and open until the app ends it", m)
		}
		r.refused("stopped_by_user", "chat.appendStream", "channel", general, "ts", ts, "chunks", chunk(", therefore"))
		r.refused("streaming_state_conflict", "chat.update", "channel", general, "ts", ts, "text", "x")
		r.ok("chat.stopStream", "channel", general, "ts", ts, "chunks", chunk(" …"))
		r.refused("message_not_in_streaming_state", "chat.appendStream", "channel", general, "ts", ts, "chunks", chunk("x"))
		if m, _ := r.Message(general, ts); m.StreamingState != "completed" || m.Markdown != "I think …" {
			t.Errorf("message is %+v, want completed with its last piece", m)
		}
	})
}

// A direct message may hold a stream outside a thread, which then begins one.
func TestStopStreamingWithoutThread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{AgentView: true})
		a := r.connect(true)
		ts := str(r.ok("chat.startStream", "channel", r.DM(ann)), "ts")
		a.payloads(1)
		if status, out := r.sim("stop-streaming", object{"user": ann, "channel": r.DM(ann), "ts": ts}); status != 200 {
			t.Fatalf("answered %d %v", status, out)
		}
		if event := obj(a.payloads(1)["agent_session_stopped"], "event"); event["thread_ts"] != ts {
			t.Errorf("agent_session_stopped is %v, want the message's own thread", event)
		}
		time.Sleep(306 * time.Second)
		synctest.Wait()
		r.refused("message_not_in_streaming_state", "chat.stopStream", "channel", r.DM(ann), "ts", ts)
	})
}

func TestStopStreamingRefusesNonsense(t *testing.T) {
	r := serve(t, slacksim.Options{AgentView: true, NoLimits: true})
	_, open := r.begin()
	_, done := r.begin()
	r.ok("chat.stopStream", "channel", general, "ts", done, "chunks", chunk("x"))
	ordinary := r.say(general, "", "ordinary")
	dm := str(r.ok("chat.startStream", "channel", r.DM(ann)), "ts")
	for name, err := range map[string]error{
		"unknown message":          r.StopStreaming(ann, general, "1.0"),
		"unknown person":           r.StopStreaming("U9", general, open),
		"another's direct message": r.StopStreaming(ben, r.DM(ann), dm),
		"ended stream":             r.StopStreaming(ann, general, done),
		"ordinary message":         r.StopStreaming(ann, general, ordinary),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := r.StopStreaming(ann, general, open); err != nil {
		t.Error(err)
	}
	if r.StopStreaming(ben, general, open) == nil {
		t.Error("stopped twice")
	}

	r = serve(t, slacksim.Options{})
	_, open = r.begin()
	if r.StopStreaming(ann, general, open) == nil {
		t.Error("stopped without the agent view")
	}
}
