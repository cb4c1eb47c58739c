package bot

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/storage"
)

// homePause is the least time between two views for one person: whoever turns to
// and fro between the tabs gets one, and the newest figures at its end.
const homePause = 5 * time.Second

// homes are the people who wait for their App Home. One goroutine publishes one
// view after the other: a company that opens its Homes on Monday at nine waits a
// little, and Slack sees no storm.
type homes struct {
	mu    sync.Mutex
	queue []string             // user ids, in the order of asking
	shown map[string]time.Time // when the last view of a user was published
	wake  chan struct{}        // capacity 1
}

func (h *homes) init() {
	h.shown = map[string]time.Time{}
	h.wake = make(chan struct{}, 1)
}

// ask puts a user in the queue, once.
func (h *homes) ask(userID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.Contains(h.queue, userID) {
		return
	}
	h.queue = append(h.queue, userID)
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// next takes the first user whose turn it is; without one, it says how long
// nobody's will be, 0 being as long as nobody asks.
func (h *homes) next(now time.Time) (userID string, wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, at := range h.shown {
		if now.Sub(at) >= homePause {
			delete(h.shown, id)
		}
	}
	for i, id := range h.queue {
		at, recent := h.shown[id]
		if !recent {
			h.queue = slices.Delete(h.queue, i, i+1)
			h.shown[id] = now
			return id, 0
		}
		if left := homePause - now.Sub(at); wait == 0 || left < wait {
			wait = left
		}
	}
	return "", wait
}

// keepHomes publishes the views that are asked for until ctx ends.
func (b *Bot) keepHomes(ctx context.Context) {
	for {
		userID, wait := b.homes.next(time.Now())
		if userID != "" {
			b.publishHome(ctx, userID)
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-b.homes.wake:
		case <-due:
		}
	}
}

func (b *Bot) publishHome(ctx context.Context, userID string) {
	blocks := b.homeBlocks(ctx, userID, time.Now())
	err := b.repeat(ctx, call{method: methodPublishView, rank: rankMust}, func(ctx context.Context) error {
		_, err := b.api.PublishViewContext(ctx, slack.PublishViewContextRequest{
			UserID: userID, View: slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: blocks}},
		})
		return err
	})
	if err != nil && ctx.Err() == nil {
		b.log.Warn("App Home not shown", "user", userID, "err", err)
	}
}

// home is what a person's App Home shows.
type home struct {
	now           time.Time
	userID        string
	totals        []storage.UsageTotal // theirs, by day, provider and model
	spends        []storage.Spend      // of their limits
	conversations []storage.Conversation
	workspace     *homeWorkspace // for admins
}

// homeWorkspace is what admins see beside.
type homeWorkspace struct {
	totals   []storage.UsageTotal // by day, provider and model
	users    []storage.UsageTotal // the dearest of homeTopDays
	channels []storage.UsageTotal
	spends   []storage.Spend
	bad      []storage.Verdict
	good     []storage.Verdict
}

const (
	homeDays          = 14 // that the chart shows
	homeConversations = 8
	homeTop           = 5
	homeTopDays       = 30 // that people and channels are ranked by
	homeVerdicts      = 5
)

// verdictAge is how far back feedback is shown.
const verdictAge = 30 * 24 * time.Hour

func (b *Bot) readHome(ctx context.Context, userID string, now time.Time) (home, error) {
	h := home{now: now, userID: userID}
	today := storage.DayOf(now)
	month, _ := storage.PerMonth.Days(now)
	q := storage.UsageQuery{From: min(month, today-homeDays+1), To: today, UserID: userID, By: storage.ByDay | storage.ByProvider | storage.ByModel}
	var err error
	if h.totals, err = b.o.Store.Usage(ctx, q); err != nil {
		return h, err
	}
	if h.spends, err = b.o.Store.Spent(ctx, b.o.Budget.User.of(storage.ScopeUser, userID), now); err != nil {
		return h, err
	}
	if h.conversations, err = b.o.Store.Conversations(ctx, userID, homeConversations); err != nil {
		return h, err
	}
	if !b.o.Access.admin(userID) {
		return h, nil
	}
	w := &homeWorkspace{}
	h.workspace = w
	q.UserID, q.To = "", today
	if w.totals, err = b.o.Store.Usage(ctx, q); err != nil {
		return h, err
	}
	for by, to := range map[storage.Dimension]*[]storage.UsageTotal{storage.ByUser: &w.users, storage.ByChannel: &w.channels} {
		if *to, err = b.o.Store.Usage(ctx, storage.UsageQuery{From: today - homeTopDays + 1, To: today, By: by}); err != nil {
			return h, err
		}
		*to = dearest(*to, homeTop)
	}
	if w.spends, err = b.o.Store.Spent(ctx, b.o.Budget.Workspace.of(storage.ScopeWorkspace, ""), now); err != nil {
		return h, err
	}
	if w.bad, err = b.o.Store.Verdicts(ctx, -1, now.Add(-verdictAge), homeVerdicts); err != nil {
		return h, err
	}
	w.good, err = b.o.Store.Verdicts(ctx, 1, now.Add(-verdictAge), homeVerdicts)
	return h, err
}
