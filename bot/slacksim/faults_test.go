package slacksim_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
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
		last := calls[len(calls)-1]
		sent, _ := strconv.Atoi(c.retryAfter)
		if last.HTTPStatus != c.status || last.Error != c.code || last.RetryAfter != time.Duration(sent)*time.Second {
			t.Errorf("%s: journal has %+v, want what was sent", c.name, last)
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

// fates calls auth.test n times and returns which error each call met.
func (r *rig) fates(n int) []string {
	var list []string
	for range n {
		list = append(list, str(r.call("auth.test"), "error"))
	}
	return list
}

func TestFaultChance(t *testing.T) {
	const n = 900
	third := slacksim.Fault{Error: "unlucky", Chance: 1.0 / 3}
	run := func(seed uint64, faults ...slacksim.Fault) []string {
		r := serve(t, slacksim.Options{NoLimits: true, Seed: seed})
		for _, f := range faults {
			r.Fault(f)
		}
		return r.fates(n)
	}
	count := func(list []string, code string) (hits int) {
		for _, c := range list {
			if c == code {
				hits++
			}
		}
		return hits
	}
	first := run(1, third)
	if got := count(first, "unlucky"); got < 250 || got > 350 {
		t.Errorf("%d of %d calls were hit with a chance of one in three", got, n)
	}
	if !slices.Equal(first, run(1, third)) {
		t.Error("the same seed gave another run")
	}
	if slices.Equal(first, run(2, third)) {
		t.Error("another seed gave the same run")
	}

	both := run(1, third, slacksim.Fault{Error: "second", Chance: 0.5})
	for i, code := range both {
		if (code == "unlucky") != (first[i] == "unlucky") {
			t.Fatalf("a second fault moved the luck of the first at call %d", i)
		}
	}
	if got := count(both, "second"); got < 250 || got > 350 {
		t.Errorf("the second fault hit %d of the %d calls that the first left, want half", got, n-count(both, "unlucky"))
	}

	every := run(1, slacksim.Fault{Error: "x", Chance: 0.5, Every: 3, Times: 100})
	for i, code := range every {
		if code != "" && (i+1)%3 != 0 {
			t.Fatalf("call %d was hit, which Every leaves out", i+1)
		}
	}
	if got := count(every, "x"); got != 100 {
		t.Errorf("%d calls were hit, want Times", got)
	}
	for _, always := range []float64{0, 1, 2} {
		if got := count(run(1, slacksim.Fault{Error: "x", Chance: always}), "x"); got != n {
			t.Errorf("chance %v hit %d of %d calls", always, got, n)
		}
	}
}

func TestRetryAfterIsDrawn(t *testing.T) {
	for _, c := range []struct {
		from, to time.Duration
		want     string // all that are sent
	}{
		{time.Second, 4 * time.Second, "1 2 3 4"},
		{1500 * time.Millisecond, 3900 * time.Millisecond, "2 3"},
		{3 * time.Second, 2 * time.Second, "3"},
		{1200 * time.Millisecond, 1800 * time.Millisecond, "2"},
	} {
		r := serve(t, slacksim.Options{NoLimits: true, Seed: 1})
		r.Fault(slacksim.Fault{Status: 429, RetryAfter: c.from, RetryAfterMax: c.to})
		seen := map[string]bool{}
		for range 100 {
			_, resp := r.callStatus("xoxb-sim", "auth.test")
			seen[resp.Header.Get("Retry-After")] = true
			calls := r.Calls()
			if got := calls[len(calls)-1].RetryAfter.Seconds(); resp.Header.Get("Retry-After") != strconv.Itoa(int(got)) {
				t.Fatalf("the journal says %v s, the answer %s", got, resp.Header.Get("Retry-After"))
			}
		}
		if got := strings.Join(slices.Sorted(maps.Keys(seen)), " "); got != c.want {
			t.Errorf("[%v, %v]: Retry-After was %s, want %s", c.from, c.to, got, c.want)
		}
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
	feed := r.follow("?since=0")
	kind, _, data := feed.next()
	for kind == "message" {
		kind, _, data = feed.next()
	}
	if kind != "call" || data["lost"] != true {
		t.Errorf("the page was told %s %v, want the call as lost", kind, data)
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
