package bot_test

import (
	"context"
	"testing"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/storage"
)

// onFinish does something before each answer is stored.
type onFinish struct {
	storage.Store
	do func()
}

func (s onFinish) Finish(ctx context.Context, l storage.Lease, r storage.Result) (storage.Turn, error) {
	s.do()
	return s.Store.Finish(ctx, l, r)
}

// An answer that people see as finished is stored: a kill between the two would
// leave an answer that the next question knows nothing of.
func TestStoredBeforeShown(t *testing.T) {
	for _, mode := range []string{bot.ReplyAuto, bot.ReplyEdit} {
		t.Run(mode, func(t *testing.T) {
			inWorld(t, func(w *world, _ *slacksim.Options, _ *llmsim.Options) { w.options.Reply.Mode = mode }, func(w *world) {
				w.halt()
				var ts string
				finishes := 0
				w.wrapStore = func(s storage.Store) storage.Store {
					return onFinish{s, func() {
						finishes++
						for _, m := range w.replies(general, ts) {
							if isFinished(m) {
								t.Errorf("%s looked finished before it was stored", m.TS)
							}
						}
					}}
				}
				w.start()
				ts = w.post(ann, general, "", "@bobbin hello")
				w.answered(general, ts, 1)
				w.settle()
				if finishes != 1 {
					t.Errorf("%d answers stored, want 1", finishes)
				}
			})
		})
	}
}
