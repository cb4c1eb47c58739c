package slacksim_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

func TestHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{PingInterval: time.Second})
		a := r.connect(true)
		<-a.pings
		r.HalfOpen()
		r.post(ann, general, "", "hi")
		r.Disconnect("warning")
		time.Sleep(time.Minute)
		if len(a.frames) > 0 || len(a.pings) > 0 {
			t.Errorf("%d frames and %d pings came over a half-open connection", len(a.frames), len(a.pings))
		}
		if d := r.Deliveries(); len(d) < 2 || !d[0].AckedAt.IsZero() {
			t.Errorf("deliveries %+v; want tries in vain", d)
		}
	})
}

func TestSocketModeOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(true)
		r.SocketMode(false)
		synctest.Wait()
		if f := <-a.frames; str(f, "reason") != "link_disabled" || r.Sockets() != 0 {
			t.Errorf("got %v with %d sockets left, want link_disabled and none", f, r.Sockets())
		}
		conn, _, err := r.dialURL(r.openURL())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var f object
		if err := conn.ReadJSON(&f); err != nil || str(f, "reason") != "link_disabled" {
			t.Errorf("greeted with %v, %v; want link_disabled", f, err)
		}
		r.SocketMode(true)
		r.connect(true)
		if r.Sockets() != 1 {
			t.Errorf("%d sockets after Socket Mode was switched on again", r.Sockets())
		}
	})
}

func TestAnyEnvelopeAndFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(true)
		r.Envelope("from_the_future", json.RawMessage(`[1]`))
		r.Frame(json.RawMessage(`{"type":"odd"}`))
		time.Sleep(10 * time.Minute)
		if d := r.Deliveries(); len(d) != 1 || d[0].Type != "from_the_future" || d[0].AckedAt.IsZero() {
			t.Errorf("deliveries %+v; want one, acknowledged", d)
		}
		if f := <-a.frames; str(f, "type") != "from_the_future" {
			t.Errorf("got %v", f)
		}
		if f := <-a.frames; str(f, "type") != "odd" {
			t.Errorf("got %v", f)
		}
	})
}
