package slacksim_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

// The documented calls a minute, whether the calls make sense or not.
func TestMethodsAMinute(t *testing.T) {
	for method, limit := range map[string]int{
		"chat.update": 50, "chat.delete": 50, "chat.postEphemeral": 100,
		"chat.startStream": 20, "chat.appendStream": 100, "chat.stopStream": 20,
		"conversations.replies": 50, "conversations.history": 50, "conversations.info": 50, "conversations.open": 50,
		"conversations.members": 100, "users.info": 100, "users.list": 20, "team.info": 50, "bots.info": 50,
		"assistant.threads.setStatus": 600, "reactions.add": 50, "reactions.remove": 20, "views.publish": 100,
	} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := serve(t, slacksim.Options{})
				// Half of them now, half 30 s later.
				for n := range limit {
					if n == limit/2 {
						time.Sleep(30 * time.Second)
					}
					if out, resp := r.callStatus("xoxb-sim", method); resp.StatusCode != 200 {
						t.Fatalf("call %d of %d was refused: %v", n+1, limit, out)
					}
				}
				time.Sleep(500 * time.Millisecond)
				out, resp := r.callStatus("xoxb-sim", method)
				if resp.StatusCode != 429 || str(out, "error") != "ratelimited" || out["ok"] != false {
					t.Fatalf("call %d: HTTP %d %v, want 429 ratelimited", limit+1, resp.StatusCode, out)
				}
				if got := resp.Header.Get("Retry-After"); got != "30" {
					t.Errorf("Retry-After %q, want 30: whole seconds, rounded up, until the oldest call is 60 s old", got)
				}
				if out, resp := r.callStatus("xoxb-sim", "auth.test"); resp.StatusCode != 200 {
					t.Errorf("another method was blocked too: %v", out)
				}
				time.Sleep(30 * time.Second)
				for n := range limit / 2 {
					if _, resp := r.callStatus("xoxb-sim", method); resp.StatusCode != 200 {
						t.Fatalf("after Retry-After call %d of %d was refused: the window must slide", n+1, limit/2)
					}
				}
				if _, resp := r.callStatus("xoxb-sim", method); resp.StatusCode != 429 {
					t.Errorf("HTTP %d, want 429: the second half is still in the window", resp.StatusCode)
				}
			})
		})
	}
}

func TestPostingIsOneASecondAndChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		post := func(channel string) int {
			_, resp := r.callStatus("xoxb-sim", "chat.postMessage", "channel", channel, "text", "x")
			return resp.StatusCode
		}
		for n := range 5 {
			if got := post(general); got != 200 {
				t.Fatalf("post %d of a burst: HTTP %d", n+1, got)
			}
		}
		if got := post(general); got != 429 {
			t.Fatalf("sixth post at once: HTTP %d, want 429", got)
		}
		if got := post("C0RANDOM"); got != 200 {
			t.Errorf("another channel: HTTP %d, want its own budget", got)
		}
		time.Sleep(time.Second)
		if got := post(general); got != 200 {
			t.Errorf("a second later: HTTP %d, want 200", got)
		}
		if got := post(general); got != 429 {
			t.Errorf("two in that second: HTTP %d, want 429", got)
		}
	})
}

func TestPostsAMinuteInAllChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		sent := 0
		for range 60 {
			for _, c := range []string{general, "C0RANDOM", "G0OPS", r.DM(ann), r.DM(ben), r.DM("U0CHIDI")} {
				if _, resp := r.callStatus("xoxb-sim", "chat.postMessage", "channel", c, "text", "x"); resp.StatusCode == 200 {
					sent++
				}
			}
			time.Sleep(999 * time.Millisecond)
		}
		if sent != 300 {
			t.Errorf("%d posts in a minute over six channels, want 300 for the workspace", sent)
		}
	})
}

func TestNoLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{NoLimits: true})
		for range 400 {
			r.say(general, "", "x")
		}
	})
}

func TestRefusedCallsAreJournalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		for range 6 {
			r.call("chat.postMessage", "channel", general, "text", "x")
		}
		calls := r.Calls()
		last := calls[len(calls)-1]
		if len(calls) != 6 || last.HTTPStatus != 429 || last.Error != "ratelimited" || last.RetryAfter != time.Second || last.TS != "" {
			t.Errorf("journal of %d ends with %+v, want the refused call", len(calls), last)
		}
	})
}
