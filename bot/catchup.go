package bot

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/storage"
)

const (
	// shortGap is how long no socket may be open before messages are looked for:
	// Slack itself sends what came in a shorter one again.
	shortGap = 5 * time.Second
	// catchUpAge is how far back is looked. It is less than the time that dedupe
	// keys are kept, so that nothing is answered twice.
	catchUpAge = 12 * time.Hour
	// catchUpPause is the time before channels that could not be read are tried
	// again.
	catchUpPause = time.Minute
	// deafAfter is the silence after which a socket that goes was deaf: a live one
	// is heard every 10 s.
	deafAfter = 15 * time.Second
	// deafMargin is for clocks that differ and for what was on its way.
	deafMargin = time.Minute
	// Pages of a channel, and threads, that are read at most.
	catchUpPages, catchUpThreads = 10, 50
	// flushEvery is how often watermarks are stored.
	flushEvery = 30 * time.Second
)

// watch knows up to which message each channel was seen, and when Slack was out
// of reach, so that what was said meanwhile can be read. Slack sends again what
// met no socket, but gives up after minutes.
type watch struct {
	mu    sync.Mutex
	fresh chan struct{}                // a channel was seen for the first time
	marks map[string]storage.Watermark // by channel
	dirty map[string]bool
	// behind counts the readings under way: until they are done no watermark is
	// stored, or a kill would lose what is between.
	behind  int
	gap     []storage.Watermark // as they were when the last socket went
	since   time.Time           // that it went; zero: one is open
	unheard time.Time           // since when a socket was deaf; zero: none was
}

// saw raises the watermark of a channel.
func (w *watch) saw(m storage.Watermark) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old, known := w.marks[m.ChannelID]
	if laterTS(m.TS, old.TS) {
		w.marks[m.ChannelID] = m
		w.dirty[m.ChannelID] = true
	}
	if !known { // without any mark nothing of the channel would be read
		select {
		case w.fresh <- struct{}{}:
		default:
		}
	}
}

func laterTS(a, b string) bool { return tsTime(a).After(tsTime(b)) }

// tsTime is when a Slack ts was given, which is also what it says.
func tsTime(ts string) time.Time {
	sec, micro, _ := strings.Cut(ts, ".")
	s, err := strconv.ParseInt(sec, 10, 64)
	if err != nil {
		return time.Time{}
	}
	us, _ := strconv.ParseInt((micro + "000000")[:6], 10, 64)
	return time.UnixMicro(s*1e6 + us)
}

// lost notes that no socket is open any more.
func (w *watch) lost(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.since.IsZero() {
		w.since, w.gap = now, slices.Collect(maps.Values(w.marks))
	}
}

// deaf notes that a socket had heard nothing since then when it was given up:
// what Slack sent to it meanwhile may be lost, whatever other sockets heard.
func (w *watch) deaf(since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unheard.IsZero() || since.Before(w.unheard) {
		w.unheard = since
	}
}

// found returns the watermarks from which on messages are to be read now that a
// socket is open; nil if there is nothing to read.
func (w *watch) found(now time.Time) (marks []storage.Watermark) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.since.IsZero() && now.Sub(w.since) > shortGap {
		marks = w.gap
	}
	w.since = time.Time{}
	if !w.unheard.IsZero() {
		if marks == nil {
			marks = slices.Collect(maps.Values(w.marks))
		}
		from := slackTS(w.unheard.Add(-deafMargin))
		for i := range marks {
			if laterTS(marks[i].TS, from) {
				marks[i].TS = from
			}
		}
		w.unheard = time.Time{}
	}
	if len(marks) > 0 {
		w.behind++
	}
	return marks
}

func (w *watch) caughtUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.behind--
}

// unstored returns what is to be stored.
func (w *watch) unstored() (marks []storage.Watermark) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.behind > 0 {
		return nil
	}
	for id := range w.dirty {
		marks = append(marks, w.marks[id])
	}
	clear(w.dirty)
	return marks
}

// loadWatermarks begins with the watermarks of the last run: all that has been said since
// is to be read once a socket is open.
func (b *Bot) loadWatermarks(ctx context.Context) error {
	marks, err := b.o.Store.Watermarks(ctx)
	if err != nil {
		return b.storeError(err)
	}
	for _, m := range marks {
		b.watch.marks[m.ChannelID] = m
	}
	b.watch.lost(time.Time{}.Add(1)) // we were away, however long
	return nil
}

// keepWatermarks stores them until ctx ends, and then once more.
func (b *Bot) keepWatermarks(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			b.storeWatermarks(context.WithoutCancel(ctx))
			return
		case <-b.watch.fresh:
			b.storeWatermarks(ctx)
		case <-tick.C:
			b.storeWatermarks(ctx)
		}
	}
}

func (b *Bot) storeWatermarks(ctx context.Context) {
	if err := b.o.Store.SetWatermarks(ctx, b.watch.unstored()); err != nil && ctx.Err() == nil {
		b.log.Error("watermarks not stored", "err", b.storeError(err))
	}
}

// socketsChanged is told how many sockets are open, and of one that has gone when
// it was last heard.
func (b *Bot) socketsChanged(open int, heard time.Time) {
	now := time.Now()
	if !heard.IsZero() && now.Sub(heard) > deafAfter {
		b.watch.deaf(heard)
	}
	if open == 0 {
		b.watch.lost(now)
		return
	}
	if marks := b.watch.found(now); len(marks) > 0 {
		b.spawn <- func(ctx context.Context) { b.catchUp(ctx, marks) }
	}
}

// catchUp reads what was said in the channels since their watermarks, and takes
// it in by the same gate and the same dedupe keys as an event.
func (b *Bot) catchUp(ctx context.Context, marks []storage.Watermark) {
	defer b.watch.caughtUp()
	slices.SortFunc(marks, func(x, y storage.Watermark) int { return -cmp.Compare(x.TS, y.TS) }) // the liveliest first
	began, read := time.Now(), 0
	recent, err := b.o.Store.Recent(ctx, began.Add(-7*24*time.Hour), 10*catchUpThreads)
	if err != nil {
		b.log.Error("conversations for catching up not read", "err", b.storeError(err))
	}
	channels := len(marks)
	for len(marks) > 0 {
		n, failed := b.catchUpOnce(ctx, marks, recent)
		read += n
		if marks = failed; len(marks) > 0 && !b.pauseUnlessStopping(ctx, catchUpPause) {
			return
		}
	}
	b.log.Info("caught up with what was said meanwhile", "channels", channels, "messages", read, "took", time.Since(began).Round(time.Millisecond))
}

// pauseUnlessStopping waits, and returns false if the bot is told to stop: what is
// not read by then is read at the next start.
func (b *Bot) pauseUnlessStopping(ctx context.Context, d time.Duration) bool {
	for ; d > 0 && !b.conversations.closed(); d -= time.Second {
		if sleep(ctx, time.Second) != nil {
			return false
		}
	}
	return !b.conversations.closed()
}

// catchUpOnce returns the watermarks of channels that could not be read and may be
// later.
func (b *Bot) catchUpOnce(ctx context.Context, marks []storage.Watermark, recent []storage.ConversationKey) (read int, failed []storage.Watermark) {
	for i, m := range marks {
		if b.conversations.closed() {
			return read, append(failed, marks[i:]...)
		}
		if oldest := time.Now().Add(-catchUpAge); tsTime(m.TS).Before(oldest) {
			m.TS = slackTS(oldest)
		}
		n, err := b.catchUpChannel(ctx, m, recent)
		read += n
		if err == nil {
			continue
		}
		b.log.Warn("channel not caught up with", "channel", m.ChannelID, "err", err)
		if refusalCode(err) == "" { // not archived, not left: Slack or the network is down
			failed = append(failed, m)
		}
	}
	return read, failed
}

func slackTS(t time.Time) string {
	us := t.UnixMicro()
	return strconv.FormatInt(us/1e6, 10) + "." + strconv.FormatInt(1e6+us%1e6, 10)[1:]
}

// catchUpChannel reads a channel's messages since the watermark, those of its
// threads among them: threads of the newest roots, whose latest reply Slack tells,
// and those in which we were asked lately.
func (b *Bot) catchUpChannel(ctx context.Context, since storage.Watermark, recent []storage.ConversationKey) (read int, err error) {
	var threads []string
	for _, key := range recent {
		if key.ChannelID == since.ChannelID && key.TeamID == b.self.TeamID {
			threads = append(threads, key.ThreadTS)
		}
	}
	var said []slack.Message
	params := slack.GetConversationHistoryParameters{ChannelID: since.ChannelID, Limit: 200}
	for range catchUpPages {
		var page *slack.GetConversationHistoryResponse
		err := b.repeat(ctx, call{method: methodHistory, rank: rankMore, since: time.Now()}, func(ctx context.Context) (err error) {
			page, err = b.api.GetConversationHistoryContext(ctx, &params)
			return err
		})
		if err != nil {
			return read, err
		}
		for _, m := range page.Messages {
			switch {
			case laterTS(m.Timestamp, since.TS):
				said = append(said, m)
				if m.ReplyCount > 0 {
					threads = append(threads, m.Timestamp)
				}
			case laterTS(m.LatestReply, since.TS):
				threads = append(threads, m.Timestamp)
			}
		}
		n := len(page.Messages)
		params.Cursor = page.ResponseMetaData.NextCursor
		if params.Cursor == "" || n == 0 || !laterTS(page.Messages[n-1].Timestamp, since.TS) {
			break
		}
	}
	slices.SortFunc(threads, func(x, y string) int { return -cmp.Compare(x, y) })
	threads = slices.Compact(threads)
	for _, root := range threads[:min(len(threads), catchUpThreads)] {
		key := storage.ConversationKey{TeamID: b.self.TeamID, ChannelID: since.ChannelID, ThreadTS: root}
		replies, err := b.replies(ctx, key, since.TS, rankMore)
		if code := refusalCode(err); code == "thread_not_found" || code == "message_not_found" {
			continue
		}
		if err != nil {
			return read, err
		}
		for _, m := range replies {
			if laterTS(m.Timestamp, since.TS) && m.Timestamp != root {
				said = append(said, m)
			}
		}
	}
	slices.SortFunc(said, func(x, y slack.Message) int { return cmp.Compare(x.Timestamp, y.Timestamp) })
	for _, m := range said {
		if err := b.takeLate(ctx, m, since); err != nil {
			return read, err
		}
		read++
	}
	return read, nil
}

// takeLate takes in a message that was read, and not delivered.
func (b *Bot) takeLate(ctx context.Context, m slack.Message, since storage.Watermark) error {
	e := event{Type: "message", Subtype: m.SubType, UserID: m.User, BotID: m.BotID, ChannelID: since.ChannelID,
		Text: m.Text, TS: m.Timestamp, ThreadTS: m.ThreadTimestamp, ClientMsgID: m.ClientMsgID, UserTeam: m.Team}
	for _, f := range m.Files {
		e.Files = append(e.Files, file{Name: f.Name})
	}
	err := b.handleMessage(ctx, callback{Type: "event_callback", TeamID: b.self.TeamID, ExtShared: since.Shared, Event: e, late: true})
	if errors.Is(err, storage.ErrFailed) {
		return err
	}
	if err != nil {
		b.log.Error("message not taken in", "channel", since.ChannelID, "err", err)
	}
	return nil
}
