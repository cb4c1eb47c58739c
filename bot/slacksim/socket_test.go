package slacksim_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

func TestATicketIsGoodOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		u := r.openURL()
		conn, _, err := r.dialURL(u)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		refused := func(name, u string) {
			t.Helper()
			if _, resp, err := r.dialURL(u); err == nil || resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s ticket: %v, want 401", name, err)
			}
		}
		refused("used", u)
		refused("invented", "ws://slack.localhost/link/?ticket=x&app_id=A0BOBBIN")
		late := r.openURL()
		time.Sleep(61 * time.Second)
		refused("late", late)
	})
}

func TestPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{PingInterval: 7 * time.Second})
		a := r.connect(true)
		start := time.Now()
		for n := range 3 {
			if got := (<-a.pings).Sub(start); got != time.Duration(n+1)*7*time.Second {
				t.Errorf("ping %d after %v, want every 7 s", n+1, got)
			}
		}
	})
}

func TestEachPayloadGoesToARandomConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{Seed: 1})
		apps := []*app{r.connect(true), r.connect(true), r.connect(true)}
		if r.Sockets() != 3 {
			t.Fatalf("%d sockets, want 3", r.Sockets())
		}
		const n = 300
		for range n {
			r.post(ann, general, "", "hi")
		}
		synctest.Wait()
		for i, a := range apps {
			if got := len(a.frames); got < n/5 || got > n/2 {
				t.Errorf("connection %d got %d of %d events, want about a third", i, got, n)
			}
		}
		total := len(apps[0].frames) + len(apps[1].frames) + len(apps[2].frames)
		if total != n {
			t.Errorf("%d frames for %d events, want each on one connection only", total, n)
		}
	})
}

func TestShuffledTwins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(true)
		first := map[string]int{}
		r.Shuffle(true)
		for range 100 {
			r.post(ann, general, "", "@bobbin hi")
			first[str(a.nextEvent(), "type")]++
			a.nextEvent()
		}
		if first["message"] < 20 || first["app_mention"] < 20 {
			t.Errorf("first of the twins: %v, want both in some cases", first)
		}
	})
}

func TestTheEleventhConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		for range 10 {
			r.connect(true)
		}
		conn, _, err := r.dialURL(r.openURL())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var f object
		if err := conn.ReadJSON(&f); err != nil || f["type"] != "disconnect" || f["reason"] != "too_many_websockets" {
			t.Errorf("first frame %v, %v, want disconnect for too_many_websockets", f, err)
		}
		if err := conn.ReadJSON(&f); err == nil {
			t.Errorf("then %v, want the connection closed", f)
		}
		if r.Sockets() != 10 {
			t.Errorf("%d sockets, want the ten", r.Sockets())
		}
	})
}

func TestDisconnectWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(true)
		start := time.Now()
		r.Disconnect("warning")
		if f := a.next(); f["type"] != "disconnect" || f["reason"] != "warning" {
			t.Fatalf("got %v, want a warning", f)
		}
		time.Sleep(9 * time.Second)
		r.post(ann, general, "", "hi")
		if e := a.nextEvent(); e["type"] != "message" {
			t.Errorf("got %v, want events until the connection closes", e)
		}
		if f := a.next(); f != nil || time.Since(start) != 10*time.Second {
			t.Errorf("got %v after %v, want the end at 10 s", f, time.Since(start))
		}
		if r.Sockets() != 0 {
			t.Errorf("%d sockets, want none", r.Sockets())
		}
	})
}

func TestDisconnectAtOnce(t *testing.T) {
	for _, reason := range []string{"refresh_requested", "link_disabled"} {
		synctest.Test(t, func(t *testing.T) {
			r := serve(t, slacksim.Options{})
			apps := []*app{r.connect(true), r.connect(true)}
			r.Disconnect(reason)
			synctest.Wait()
			if r.Sockets() != 1 {
				t.Fatalf("%d sockets after %s, want one of two", r.Sockets(), reason)
			}
			ended := 0
			for _, a := range apps {
				select {
				case f := <-a.frames:
					ended++
					if f["reason"] != reason || a.next() != nil {
						t.Errorf("got %v, want %s and the end", f, reason)
					}
				default:
				}
			}
			if ended != 1 {
				t.Errorf("%d connections ended, want one", ended)
			}
		})
	}
}

func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		apps := []*app{r.connect(true), r.connect(true)}
		r.Disconnect("")
		if r.Sockets() != 0 {
			t.Errorf("%d sockets at once, want none", r.Sockets())
		}
		for _, a := range apps {
			if f := a.next(); f != nil {
				t.Errorf("got %v, want the end without a frame", f)
			}
		}
		r.Disconnect("warning") // nobody is there: nothing happens
	})
}
