package storagetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

var leaseCases = []testCase{
	{"lease/exclusive", "while a lease runs nobody else gets one, by the caller's clock", func(t *T) {
		l, err := t.store.Acquire(t.ctx(), thread, "a", start, time.Minute)
		t.ok(err, "acquire a conversation that does not exist yet")
		if l.Key != thread || l.Owner != "a" || !l.Until.Equal(after(time.Minute)) {
			t.Errorf("lease: got %+v", l)
		}
		_, err = t.store.Acquire(t.ctx(), thread, "b", after(time.Minute-time.Second), time.Minute)
		t.is(err, storage.ErrLeased, "acquire a second before the end")
		taken, err := t.store.Acquire(t.ctx(), thread, "b", after(time.Minute+time.Second), time.Minute)
		t.ok(err, "acquire a second after the end")
		if taken.Fence <= l.Fence {
			t.Errorf("fence: %d after %d", taken.Fence, l.Fence)
		}
		_, err = t.store.Acquire(t.ctx(), thread, "a", after(time.Minute+2*time.Second), time.Minute)
		t.is(err, storage.ErrLeased, "acquire by the one who lost it")
	}},
	{"lease/separate", "leases on different conversations have nothing to do with each other", func(t *T) {
		for i, key := range prefixKeys {
			t.acquire(key, fmt.Sprint("owner ", i))
		}
	}},
	{"lease/same owner", "the same owner may acquire again and gets a new fence; the old one is refused", func(t *T) {
		t.accept(question("1"))
		old := t.acquire(thread, "a")
		l := t.acquire(thread, "a")
		if l.Fence <= old.Fence {
			t.Errorf("fence: %d after %d", l.Fence, old.Fence)
		}
		t.refused(old, "1")
		t.advance(l, "1", storage.StateReceived, storage.StatePosting)
	}},
	{"lease/taken over", "writes with an old fence are ErrFenced and change nothing, however late they come", func(t *T) {
		t.accept(question("1"), question("2"))
		old, err := t.store.Acquire(t.ctx(), thread, "a", start, time.Second)
		t.ok(err, "acquire")
		l, err := t.store.Acquire(t.ctx(), thread, "b", after(time.Minute), time.Minute)
		t.ok(err, "take over")
		t.refused(old, "1")
		t.ok(t.store.Release(t.ctx(), old), "release a lease that was taken over")
		_, err = t.store.Acquire(t.ctx(), thread, "c", after(time.Minute+time.Second), time.Minute)
		t.is(err, storage.ErrLeased, "acquire after the old holder's Release")
		t.advance(l, "1", storage.StateReceived, storage.StatePosting)
	}},
	{"lease/forged", "fence and owner must both be those of the lease", func(t *T) {
		t.accept(question("1"))
		l := t.acquire(thread, "a")
		for _, forged := range []storage.Lease{
			{Key: thread, Owner: "a", Fence: l.Fence + 1, Until: l.Until},
			{Key: thread, Owner: "a", Until: l.Until},
			{Key: thread, Owner: "b", Fence: l.Fence, Until: l.Until},
		} {
			t.refused(forged, "1")
		}
	}},
	{"lease/other conversation", "a lease moves only turns of its own conversation", func(t *T) {
		t.accept(question("1"), question("2"))
		other := thread
		other.ChannelID = "C2"
		l := t.acquire(other, "a")
		check := t.unchanged("1")
		_, err := t.store.Advance(t.ctx(), l, storage.Change{TurnID: "1", From: storage.StateReceived, To: storage.StatePosting, At: start})
		t.is(err, storage.ErrFenced, "advance")
		_, err = t.store.Join(t.ctx(), l, "1", []string{"2"}, start)
		t.is(err, storage.ErrFenced, "join")
		_, err = t.store.Finish(t.ctx(), l, storage.Result{TurnID: "1", From: storage.StateReceived, At: start, Messages: dialogue("1", "x")})
		t.is(err, storage.ErrFenced, "finish")
		check("writes with a lease on another conversation")
	}},
	{"lease/release", "Release ends a lease at once, for its holder too, and may be called again", func(t *T) {
		t.accept(question("1"))
		l := t.acquire(thread, "a")
		for range 2 {
			t.ok(t.store.Release(t.ctx(), l), "release")
		}
		t.refused(l, "1")
		next := t.acquire(thread, "b")
		if next.Fence <= l.Fence {
			t.Errorf("fence: %d after %d was released", next.Fence, l.Fence)
		}
		t.ok(t.store.Release(t.ctx(), l), "release again")
		t.advance(next, "1", storage.StateReceived, storage.StatePosting)
	}},
	{"lease/renew", "Renew moves the end and keeps the fence", func(t *T) {
		l, err := t.store.Acquire(t.ctx(), thread, "a", start, time.Minute)
		t.ok(err, "acquire")
		r, err := t.store.Renew(t.ctx(), l, after(50*time.Second), time.Minute)
		t.ok(err, "renew")
		if r.Key != l.Key || r.Owner != l.Owner || r.Fence != l.Fence || !r.Until.Equal(after(110*time.Second)) {
			t.Errorf("renewed lease: got %+v from %+v", r, l)
		}
		_, err = t.store.Acquire(t.ctx(), thread, "b", after(100*time.Second), time.Minute)
		t.is(err, storage.ErrLeased, "acquire after the first end, before the second")
		_, err = t.store.Renew(t.ctx(), l, after(105*time.Second), time.Minute)
		t.ok(err, "renew with the lease as it was first given")
		_, err = t.store.Acquire(t.ctx(), thread, "b", after(200*time.Second), time.Minute)
		t.ok(err, "acquire after the last end")
	}},
	{"lease/run out", "a lease that has run out but that nobody took over is still good", func(t *T) {
		t.accept(question("1"))
		l, err := t.store.Acquire(t.ctx(), thread, "a", start, time.Second)
		t.ok(err, "acquire")
		_, err = t.store.Advance(t.ctx(), l, storage.Change{TurnID: "1", From: storage.StateReceived, To: storage.StatePosting, At: after(time.Hour)})
		t.ok(err, "advance after the end")
		_, err = t.store.Renew(t.ctx(), l, after(time.Hour), time.Minute)
		t.ok(err, "renew after the end")
		_, err = t.store.Acquire(t.ctx(), thread, "b", after(time.Hour+time.Second), time.Minute)
		t.is(err, storage.ErrLeased, "acquire after it was renewed")
	}},
	{"lease/restart", "fences grow over a restart, and a lease from before cannot pass for a new one", func(t *T) {
		t.accept(question("1"), question("2"))
		var old storage.Lease
		for range 3 {
			old = t.acquire(thread, "a")
		}
		t.reopen()
		l := t.acquire(thread, "a")
		if l.Fence <= old.Fence {
			t.Errorf("fence after the restart: %d, before: %d", l.Fence, old.Fence)
		}
		t.refused(old, "1")
		t.advance(l, "1", storage.StateReceived, storage.StatePosting)
		t.reopen()
		taken, err := t.store.Acquire(t.ctx(), thread, "b", after(2*time.Hour), time.Hour)
		t.ok(err, "take over after a restart")
		if taken.Fence <= l.Fence {
			t.Errorf("fence after the second restart: %d, before: %d", taken.Fence, l.Fence)
		}
		t.refused(l, "2")
	}},
	{"lease/race", "of many who want a conversation exactly one gets it", func(t *T) {
		var won atomic.Int64
		race(50, func(i int) {
			switch _, err := t.store.Acquire(t.ctx(), thread, fmt.Sprint("owner ", i), start, time.Minute); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, storage.ErrLeased):
				t.Errorf("acquire: %v", err)
			}
		})
		if got := won.Load(); got != 1 {
			t.Errorf("%d got the lease", got)
		}
	}},
	{"lease/a new holder sees the last write", "what the old holder wrote is seen by the new one's reads, or refused", func(t *T) {
		for i := range 20 {
			key := thread
			key.ChannelID = fmt.Sprint("C", i)
			id := fmt.Sprint(i)
			t.accept(in(key, question(id)))
			old, err := t.store.Acquire(t.ctx(), key, "a", start, time.Second)
			t.ok(err, "acquire")
			var written bool
			var seen storage.State
			race(2, func(i int) {
				if i == 0 {
					_, err := t.store.Advance(t.ctx(), old, storage.Change{TurnID: id, From: storage.StateReceived, To: storage.StatePosting, At: start})
					written = err == nil
					return
				}
				if _, err := t.store.Acquire(t.ctx(), key, "b", after(time.Minute), time.Minute); err != nil {
					t.Errorf("take over: %v", err)
				}
				turn, err := t.store.Turn(t.ctx(), id)
				if err != nil {
					t.Errorf("turn: %v", err)
				}
				seen = turn.State
			})
			if written != (seen == storage.StatePosting) {
				t.Errorf("the old holder's write succeeded: %v, the new holder saw the turn %s", written, seen)
			}
		}
	}},
}

// refused checks that nothing can be done to a turn with l.
func (t *T) refused(l storage.Lease, id string) {
	t.Helper()
	check := t.unchanged(id)
	what := "with " + l.String()
	_, err := t.store.Advance(t.ctx(), l, storage.Change{TurnID: id, From: t.turn(id).State, To: storage.StateFailed, At: start, Answer: "x"})
	t.is(err, storage.ErrFenced, "advance "+what)
	_, err = t.store.Join(t.ctx(), l, id, nil, start)
	t.is(err, storage.ErrFenced, "join "+what)
	_, err = t.store.Finish(t.ctx(), l, storage.Result{
		TurnID: id, From: t.turn(id).State, At: start, Messages: dialogue(id, "x"), Usage: []storage.UsageRow{call("U1", "C1", "m", start)},
	})
	t.is(err, storage.ErrFenced, "finish "+what)
	_, err = t.store.Renew(t.ctx(), l, start, time.Hour)
	t.is(err, storage.ErrFenced, "renew "+what)
	check("writes " + what)
}
