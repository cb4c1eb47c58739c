package slacksim_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

// attempts lists the deliveries of the first event as seconds after start, by
// attempt.
func (r *rig) attempts(start time.Time) (at []time.Duration, envelopes []string) {
	r.t.Helper()
	all := r.Deliveries()
	for i, d := range all {
		if d.EventID != all[0].EventID {
			r.t.Errorf("delivery %d has event id %s, want the same for all attempts", i, d.EventID)
		}
		at = append(at, d.SentAt.Sub(start))
		envelopes = append(envelopes, d.EnvelopeID)
	}
	return at, envelopes
}

func TestRedeliverySchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(false)
		start := time.Now()
		r.post(ann, general, "", "hi")
		for n := range 4 {
			f := a.next()
			reason := "timeout"
			if n == 0 {
				reason = ""
			}
			if f["retry_attempt"] != float64(n) || f["retry_reason"] != reason {
				t.Errorf("frame %d has retry_attempt %v, retry_reason %v, want %d, %q", n, f["retry_attempt"], f["retry_reason"], n, reason)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		a.quiet("three retries are all")
		at, envelopes := r.attempts(start)
		want := []time.Duration{0, 3 * time.Second, 66 * time.Second, 369 * time.Second}
		if !slices.Equal(at, want) {
			t.Errorf("attempts at %v, want %v: three seconds each, then at once, +1 min, +5 min", at, want)
		}
		slices.Sort(envelopes)
		if len(slices.Compact(envelopes)) != 4 {
			t.Error("attempts share an envelope id")
		}
	})
}

func TestAnAckEndsRedelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(false)
		r.post(ann, general, "", "hi")
		f := a.next()
		time.Sleep(2999 * time.Millisecond)
		a.ack(str(f, "envelope_id"), nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		a.quiet("it was acknowledged in time")
		if d := r.Deliveries(); len(d) != 1 || d[0].AckedAt.Sub(d[0].SentAt) != 2999*time.Millisecond {
			t.Errorf("deliveries are %+v, want one, acknowledged after 2.999 s", d)
		}
	})
}

// Slack takes a late acknowledgement on whatever connection it comes.
func TestALateAckOnAnotherConnectionCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		first := r.connect(false)
		r.post(ann, general, "", "hi")
		f := first.next()
		time.Sleep(10 * time.Second) // attempt 1 was sent at 3 s
		first.next()
		second := r.connect(false)
		second.ack(str(f, "envelope_id"), nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		first.quiet("acknowledged")
		second.quiet("acknowledged")
		if n := len(r.Deliveries()); n != 2 {
			t.Errorf("%d deliveries, want the two before the late acknowledgement", n)
		}
	})
}

func TestEventsWithoutAConnectionComeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		start := time.Now()
		r.post(ann, general, "", "hi")
		time.Sleep(20 * time.Second)
		a := r.connect(true)
		f := a.next()
		if got := time.Since(start); got != time.Minute || f["retry_attempt"] != 2.0 {
			t.Errorf("it came after %v as attempt %v, want the second retry at 1 min", got, f["retry_attempt"])
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		r.post(ann, general, "", "hi")
		time.Sleep(7 * time.Minute)
		a := r.connect(true)
		time.Sleep(time.Hour)
		synctest.Wait()
		a.quiet("the last retry was at 6 min, and nobody was there")
	})
}

func TestDropAcks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(true)
		r.DropAcks(2)
		r.post(ann, general, "", "hi")
		time.Sleep(time.Hour)
		if d := r.Deliveries(); len(d) != 3 || !d[1].AckedAt.IsZero() || d[2].AckedAt.IsZero() {
			t.Errorf("deliveries are %+v, want two unacknowledged and the third taken", d)
		}
		for range 3 {
			a.next()
		}
	})
}

func TestRedeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		a := r.connect(true)
		ts := r.post(ann, general, "", "@bobbin hi")
		ids := []string{str(a.next(), "payload", "event_id"), str(a.next(), "payload", "event_id")}
		if err := r.Redeliver(general, ts); err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			f := a.next()
			if str(f, "payload", "event_id") != ids[i] || f["retry_attempt"] != 1.0 || f["retry_reason"] != "timeout" {
				t.Errorf("redelivered %v, want event id %s as retry 1 for timeout", f, ids[i])
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		a.quiet("the redelivery was acknowledged")
	})
}

func TestLargeAcksAreIgnored(t *testing.T) {
	for _, c := range []struct {
		size int
		want int // deliveries
	}{{20<<10 - 1, 1}, {20 << 10, 4}} {
		synctest.Test(t, func(t *testing.T) {
			r := serve(t, slacksim.Options{})
			a := r.connect(false)
			r.post(ann, general, "", "hi")
			ack := marshal(object{"envelope_id": str(a.next(), "envelope_id"), "payload": object{"text": ""}})
			ack = strings.Replace(ack, `"text":""`, `"text":"`+strings.Repeat("x", c.size-len(ack))+`"`, 1)
			if err := a.conn.WriteMessage(1, []byte(ack)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			if n := len(r.Deliveries()); n != c.want {
				t.Errorf("an acknowledgement of %d bytes led to %d deliveries, want %d", len(ack), n, c.want)
			}
		})
	}
}
