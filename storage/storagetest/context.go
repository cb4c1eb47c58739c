package storagetest

import (
	"context"
	"errors"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

var contextCases = []testCase{
	{"context", "a context that is done on entry means nothing happened", func(t *T) {
		l := t.everyMethodReady()
		var checks []func(string)
		for _, id := range []string{"1", "2", "3", "ended"} {
			checks = append(checks, t.unchanged(id))
		}
		canceled, cancel := context.WithCancel(t.ctx())
		cancel()
		late, cancel := context.WithDeadline(t.ctx(), time.Unix(0, 0))
		defer cancel()
		for _, ctx := range []context.Context{canceled, late} {
			for name, call := range t.everyMethod(l) {
				t.is(call(ctx), ctx.Err(), name)
				for _, check := range checks {
					check(name)
				}
			}
		}
		t.is(second(t.store.Turn(t.ctx(), "new")), storage.ErrNotFound, "turn of a canceled Accept")
		t.wantReservations(after(time.Hour), may("1", 1, 1))
		if t.spent(perDay(storage.ScopeUser, "U1", 1, 1), start).Lifted {
			t.Errorf("a canceled Lift lifts")
		}
		t.wantOnce("keys of canceled calls", true, event("new"), event("once"), event("again"))
		_, err := t.store.Acquire(t.ctx(), thread, "other", after(2*time.Hour), time.Hour)
		t.ok(err, "acquire when the lease was to end, before a canceled Renew")
	}},
	{"context/release", "a canceled Release releases nothing", func(t *T) {
		l := t.everyMethodReady()
		ctx, cancel := context.WithCancel(t.ctx())
		cancel()
		t.is(t.store.Release(ctx, l), context.Canceled, "release")
		_, err := t.store.Acquire(t.ctx(), thread, "other", start, time.Hour)
		t.is(err, storage.ErrLeased, "acquire by another owner")
	}},
	{"closed", "every method of a closed store returns ErrClosed", func(t *T) {
		c, ok := t.store.(interface{ Close() error })
		if !ok {
			t.Skip("the store has no Close")
		}
		l := t.everyMethodReady()
		t.ok(c.Close(), "close")
		for name, call := range t.everyMethod(l) {
			t.is(call(t.ctx()), storage.ErrClosed, name)
		}
	}},
	{"closed/race", "calls during Close are done or ErrClosed, and what was done is kept", func(t *T) {
		c, ok := t.store.(interface{ Close() error })
		if !ok {
			t.Skip("the store has no Close")
		}
		stored := make([]bool, 40)
		race(len(stored)+1, func(i int) {
			if i == len(stored) {
				if err := c.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
				return
			}
			ok, err := t.store.Accept(t.ctx(), question(string(rune('A'+i))), nil)
			if err != nil && !errors.Is(err, storage.ErrClosed) {
				t.Errorf("accept: %v", err)
			}
			stored[i] = ok
			if _, err := t.store.Open(t.ctx(), thread); err != nil && !errors.Is(err, storage.ErrClosed) {
				t.Errorf("open turns: %v", err)
			}
		})
		t.reopen()
		for i, want := range stored {
			if _, err := t.store.Turn(t.ctx(), string(rune('A'+i))); want != (err == nil) {
				t.Errorf("turn %d: stored %v, now %v", i, want, err)
			}
		}
	}},
}

// everyMethodReady stores what everyMethod needs to succeed.
func (t *T) everyMethodReady() storage.Lease {
	t.Helper()
	t.accept(question("1"), question("2"), question("3"), question("ended"))
	l := t.acquire(thread, "w")
	t.advance(l, "ended", storage.StateReceived, storage.StateFailed)
	t.reserves(may("1", 1, 1))
	return l
}

// everyMethod is a call of each method that would succeed and change something.
func (t *T) everyMethod(l storage.Lease) map[string]func(context.Context) error {
	s := t.store
	return map[string]func(context.Context) error{
		"Accept": func(ctx context.Context) error {
			return second(s.Accept(ctx, question("new"), []storage.DedupeKey{event("new")}))
		},
		"Once": func(ctx context.Context) error {
			return second(s.Once(ctx, []storage.DedupeKey{event("once")}, start))
		},
		"OpenConversations": func(ctx context.Context) error { return second(s.OpenConversations(ctx)) },
		"Acquire": func(ctx context.Context) error {
			return second(s.Acquire(ctx, thread, "other", after(10*time.Hour), 10*time.Hour))
		},
		"Renew":   func(ctx context.Context) error { return second(s.Renew(ctx, l, start, 100*time.Hour)) },
		"Release": func(ctx context.Context) error { return s.Release(ctx, l) },
		"Open":    func(ctx context.Context) error { return second(s.Open(ctx, thread)) },
		"Turns":   func(ctx context.Context) error { return second(s.Turns(ctx, thread)) },
		"Turn":    func(ctx context.Context) error { return second(s.Turn(ctx, "1")) },
		"Advance": func(ctx context.Context) error {
			return second(s.Advance(ctx, l, storage.Change{TurnID: "1", From: storage.StateReceived, To: storage.StatePosting, At: start}))
		},
		"Join": func(ctx context.Context) error { return second(s.Join(ctx, l, "2", []string{"1"}, start)) },
		"Finish": func(ctx context.Context) error {
			return second(s.Finish(ctx, l, storage.Result{TurnID: "3", From: storage.StateReceived, At: start, Messages: dialogue("3", "x")}))
		},
		"Reopen": func(ctx context.Context) error {
			_, _, err := s.Reopen(ctx, storage.Reopening{TurnID: "ended", Keys: []storage.DedupeKey{event("again")}, At: start})
			return err
		},
		"Stop":  func(ctx context.Context) error { return s.Stop(ctx, "1", "U1", start) },
		"Unsay": func(ctx context.Context) error { return second(s.Unsay(ctx, thread, question("1").TS, start)) },
		"Amend": func(ctx context.Context) error {
			return second(s.Amend(ctx, thread, question("1").TS, storage.Amendment{Text: "x"}, start))
		},
		"SetWatermarks": func(ctx context.Context) error {
			return s.SetWatermarks(ctx, []storage.Watermark{{ChannelID: "C1", TS: "2.0"}})
		},
		"Watermarks":  func(ctx context.Context) error { return second(s.Watermarks(ctx)) },
		"Recent":      func(ctx context.Context) error { return second(s.Recent(ctx, start, 1)) },
		"History":     func(ctx context.Context) error { return second(s.History(ctx, thread, 0)) },
		"SetFeedback": func(ctx context.Context) error { return s.SetFeedback(ctx, "1", "U1", 1, start) },
		"RecordUsage": func(ctx context.Context) error {
			return s.RecordUsage(ctx, []storage.UsageRow{call("U1", "C1", "m", start)})
		},
		"Calls": func(ctx context.Context) error {
			_, _, err := s.Calls(ctx, storage.UsageQuery{}, "", 1)
			return err
		},
		"Reserve": func(ctx context.Context) error { return s.Reserve(ctx, may("3", 1, 1), nil) },
		"Settle": func(ctx context.Context) error {
			return s.Settle(ctx, "1", []storage.UsageRow{call("U1", "C1", "m", start)})
		},
		"Reservations": func(ctx context.Context) error { return second(s.Reservations(ctx, after(time.Hour))) },
		"Spent":        func(ctx context.Context) error { return second(s.Spent(ctx, nil, start)) },
		"Lift": func(ctx context.Context) error {
			return s.Lift(ctx, storage.Lift{Scope: storage.ScopeUser, ID: "U1", Day: storage.DayOf(start)})
		},
		"Verdicts":      func(ctx context.Context) error { return second(s.Verdicts(ctx, 1, start, 1)) },
		"Conversations": func(ctx context.Context) error { return second(s.Conversations(ctx, "U1", 1)) },
		"Usage":         func(ctx context.Context) error { return second(s.Usage(ctx, storage.UsageQuery{})) },
		"Purge": func(ctx context.Context) error {
			return second(s.Purge(ctx, storage.Before{Dedupe: after(time.Hour)}, 10))
		},
		"Forget": func(ctx context.Context) error {
			return second(s.Forget(ctx, storage.Forgetting{UserID: "U1", At: start}))
		},
		"Export": func(ctx context.Context) error {
			_, _, err := s.Export(ctx, "U1", "", 0)
			return err
		},
	}
}
