package bot_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/storage"
)

// slowJournal takes its time to store the questions that have a word in them.
type slowJournal struct {
	storage.Store
	word string
	took time.Duration
}

func (s slowJournal) Accept(ctx context.Context, t storage.Turn, keys []storage.DedupeKey) (bool, error) {
	if strings.Contains(t.Text, s.word) {
		time.Sleep(s.took)
	}
	return s.Store.Accept(ctx, t, keys)
}

// Of messages that come in together all are acknowledged before the first is
// answered, but none waits long for another.
func TestAcknowledgedBeforeAnswered(t *testing.T) {
	for name, c := range map[string]struct{ stored, asked time.Duration }{
		"soon":  {stored: 40 * time.Millisecond, asked: 40 * time.Millisecond},
		"stuck": {stored: 2 * time.Second, asked: 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world, _ *slacksim.Options, m *llmsim.Options) {
				m.Answer = script("Yes.")
				w.wrapStore = func(s storage.Store) storage.Store { return slowJournal{s, "slow", c.stored} }
			}, func(w *world) {
				said := time.Now()
				w.post(ann, w.slack.DM(ann), "", "quick")
				w.post(ben, w.slack.DM(ben), "", "slow")
				w.settle()
				asked := 0
				for _, r := range w.model.Requests() {
					if !strings.Contains(r.Messages[len(r.Messages)-1].Content, "quick") {
						continue
					}
					asked++
					if lag := r.At.Sub(said); lag != c.asked {
						w.t.Errorf("the quick one was asked for after %v, want %v", lag, c.asked)
					}
				}
				if asked != 1 || len(w.model.Requests()) != 2 {
					w.t.Errorf("%d requests, %d of them for the quick one", len(w.model.Requests()), asked)
				}
				for _, d := range w.slack.Deliveries() {
					if d.Attempt > 0 {
						w.t.Errorf("delivered again: %+v", d)
					}
				}
			})
		})
	}
}
