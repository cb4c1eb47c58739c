package bot_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/storage"
)

// crash kills the bot, as far as the world can tell, at the n-th step: a write
// to the store or a call to Slack. From then on neither reaches it. With after,
// the step itself still takes effect, but the bot never learns of it.
type crash struct {
	storage.Store
	step  atomic.Int64
	at    int64
	after bool
}

var errCrash = errors.New("the process is dead")

// alive counts a step and reports whether it may be carried out and whether
// its outcome may be told.
func (c *crash) alive() (do, tell bool) {
	n := c.step.Add(1)
	return n < c.at || n == c.at && c.after, n < c.at
}

func (c *crash) Accept(ctx context.Context, t storage.Turn, keys []storage.DedupeKey) (fresh bool, err error) {
	do, tell := c.alive()
	if do {
		fresh, err = c.Store.Accept(ctx, t, keys)
	}
	if !tell {
		return false, errCrash
	}
	return fresh, err
}

func (c *crash) Advance(ctx context.Context, l storage.Lease, change storage.Change) (turn storage.Turn, err error) {
	do, tell := c.alive()
	if do {
		turn, err = c.Store.Advance(ctx, l, change)
	}
	if !tell {
		return storage.Turn{}, errCrash
	}
	return turn, err
}

func (c *crash) Finish(ctx context.Context, l storage.Lease, r storage.Result) (turn storage.Turn, err error) {
	do, tell := c.alive()
	if do {
		turn, err = c.Store.Finish(ctx, l, r)
	}
	if !tell {
		return storage.Turn{}, errCrash
	}
	return turn, err
}

// A crash at any step, before or after it took effect: the next start gives
// exactly one whole answer, also one of several messages.
func TestCrashAtEveryStep(t *testing.T) {
	for _, c := range []struct {
		mode   string
		words  int
		stride int64 // of the long answers every few steps, or it takes half a minute
	}{{bot.ReplyAuto, 60, 1}, {bot.ReplyEdit, 60, 1}, {bot.ReplyAuto, 2600, 5}, {bot.ReplyEdit, 2600, 5}} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%d words/after=%v", c.mode, c.words, after), func(t *testing.T) {
				steps := 0
				for at := int64(1); ; at += c.stride {
					if !crashAt(t, c.mode, numbered(c.words), at, after) {
						break // the answer was done before the crash
					}
					steps++
				}
				if steps < 4 {
					t.Errorf("only %d steps; the crash does not reach the path", steps)
				}
				t.Logf("%d crashes, each answered once and whole", steps)
			})
		}
	}
}

func crashAt(t *testing.T, mode, answer string, at int64, after bool) (crashed bool) {
	t.Helper()
	c := &crash{at: at, after: after}
	inWorld(t, func(w *world, so *slacksim.Options, m *llmsim.Options) {
		so.NoLimits = true
		w.options.Reply.Mode = mode
		m.Answer = func(llmsim.Request) llmsim.Script { return llmsim.Script{Text: answer, Gap: 10 * time.Millisecond} }
	}, func(w *world) {
		w.halt()
		w.wrapStore = func(s storage.Store) storage.Store { c.Store = s; return c }
		w.gate = func(r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/chat.") {
				return c.step.Load() < c.at
			}
			do, tell := c.alive()
			if do && !tell { // it takes effect, and nobody is told
				w.slack.Fault(slacksim.Fault{Method: strings.TrimPrefix(r.URL.Path, "/api/"), LoseResponse: true, Times: 1})
			}
			return do
		}
		w.start()
		ts := w.post(ann, general, "", "@bobbin count")
		time.Sleep(time.Minute)
		crashed = c.step.Load() >= at
		w.stop() // what is left of the dead process
		<-w.stopped
		w.store.(interface{ Close() error }).Close()
		w.wrapStore, w.gate = nil, nil
		w.slack.ClearFaults()
		w.start()
		w.answered(general, ts, 1)
		w.settle()
		replies := w.replies(general, ts)
		shown := answerOf(replies)
		if want := (len(answer) + 9000) / 9000; shown != strings.TrimSpace(answer) || len(replies) != want {
			t.Errorf("crash at step %d: %d messages (want %d) with %d bytes (want %d)", at, len(replies), want, len(shown), len(answer))
		}
		w.noOpenTurns()
	})
	return crashed
}
