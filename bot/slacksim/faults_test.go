package slacksim_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

func TestFaultAnswers(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	for _, c := range []struct {
		name       string
		fault      slacksim.Fault
		status     int
		code       string
		retryAfter string
	}{
		{"error", slacksim.Fault{Error: "fatal_error"}, 200, "fatal_error", ""},
		{"429", slacksim.Fault{Status: 429, RetryAfter: 1500 * time.Millisecond}, 429, "ratelimited", "2"},
		{"429 alone", slacksim.Fault{Status: 429}, 429, "ratelimited", ""},
		{"503", slacksim.Fault{Status: 503}, 503, "", ""},
		{"503 with code", slacksim.Fault{Status: 503, Error: "service_unavailable"}, 503, "service_unavailable", ""},
		{"other method", slacksim.Fault{Method: "chat.update", Status: 503}, 200, "", ""},
		{"family", slacksim.Fault{Method: "chat.*", Error: "x"}, 200, "x", ""},
	} {
		undo := r.Fault(c.fault)
		before := len(r.Messages(general))
		out, resp := r.callStatus("xoxb-sim", "chat.postMessage", "channel", general, "text", "x")
		if resp.StatusCode != c.status || str(out, "error") != c.code || resp.Header.Get("Retry-After") != c.retryAfter {
			t.Errorf("%s: HTTP %d %v, Retry-After %q", c.name, resp.StatusCode, out, resp.Header.Get("Retry-After"))
		}
		if done := len(r.Messages(general)) > before; done != (c.status == 200 && c.code == "") {
			t.Errorf("%s: message posted: %v", c.name, done)
		}
		calls := r.Calls()
		if last := calls[len(calls)-1]; last.HTTPStatus != c.status || last.Error != c.code {
			t.Errorf("%s: journal has %+v", c.name, last)
		}
		undo()
	}
	r.say(general, "", "all faults are cleared")
}

func TestFaultTimesAndEvery(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	pattern := func(n int) string {
		s := ""
		for range n {
			if r.call("auth.test")["ok"] == true {
				s += "."
			} else {
				s += "x"
			}
		}
		return s
	}
	for _, c := range []struct {
		fault slacksim.Fault
		want  string
	}{
		{slacksim.Fault{Error: "x", Times: 2}, "xx...."},
		{slacksim.Fault{Error: "x", Every: 3}, "..x..x"},
		{slacksim.Fault{Error: "x", Every: 2, Times: 2}, ".x.x.."},
	} {
		r.Fault(c.fault)
		if got := pattern(6); got != c.want {
			t.Errorf("%+v hit %s, want %s", c.fault, got, c.want)
		}
		r.ClearFaults()
	}
}

func TestLostResponse(t *testing.T) {
	r := serve(t, slacksim.Options{})
	r.Fault(slacksim.Fault{Method: "chat.postMessage", LoseResponse: true, Times: 1})
	form := url.Values{"token": {"xoxb-sim"}, "channel": {general}, "text": {"x"}}
	resp, err := r.http.PostForm(host+"/api/chat.postMessage", form)
	if err == nil {
		resp.Body.Close()
		t.Fatalf("HTTP %d, want a cut connection", resp.StatusCode)
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Logf("the client saw %v", err)
	}
	if got := r.Messages(general); len(got) != 1 {
		t.Errorf("channel shows %+v, want the message: the work was done", got)
	}
	if c := r.Calls(); len(c) != 1 || !c[0].Lost || c[0].HTTPStatus != 0 || c[0].TS == "" {
		t.Errorf("journal has %+v, want one lost call with the message's ts", c)
	}
	r.say(general, "", "the fault hits once")
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		r.Fault(slacksim.Fault{Delay: 2 * time.Second})
		r.Fault(slacksim.Fault{Method: "auth.test", Delay: time.Second, Error: "slow"})
		start := time.Now()
		r.refused("slow", "auth.test")
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("answered after %v, want the sum of both delays", got)
		}

		// The caller gives up; Slack does the work all the same.
		r.http.Timeout = time.Second
		form := url.Values{"token": {"xoxb-sim"}, "channel": {general}, "text": {"x"}}
		if resp, err := r.http.PostForm(host+"/api/chat.postMessage", form); err == nil {
			resp.Body.Close()
			t.Error("the call was not delayed")
		}
		if len(r.Messages(general)) != 0 {
			t.Error("the work was done before the delay")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(r.Messages(general)) != 1 {
			t.Error("the work was dropped when the caller went away")
		}
	})
}

// Close must not wait for a delayed answer.
func TestCloseEndsDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		r.Fault(slacksim.Fault{Delay: time.Hour})
		status := make(chan int)
		go func() {
			_, resp := r.callStatus("xoxb-sim", "auth.test")
			status <- resp.StatusCode
		}()
		synctest.Wait()
		start := time.Now()
		r.Close()
		if got := <-status; got != http.StatusServiceUnavailable || time.Since(start) != 0 {
			t.Errorf("HTTP %d after %v, want 503 at once", got, time.Since(start))
		}
	})
}
