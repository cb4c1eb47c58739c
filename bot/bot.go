package bot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/storage"
)

// Reply modes of [ReplyOptions].
const (
	ReplyAuto   = "auto"
	ReplyStream = "stream"
	ReplyEdit   = "edit"
)

// Who may stop an answer, see [ReplyOptions].
const (
	StopByAsker  = "asker"
	StopByThread = "thread" // everyone who takes part in the thread
)

// grace is how long answers may run on after the bot was told to stop.
const grace = 25 * time.Second

var (
	// ErrSlackAuth is returned by Run when Slack refuses the bot token. Trying
	// again with the same token is useless.
	ErrSlackAuth = errors.New("slack refused the bot token")
	// ErrSlackAppAuth is returned by Run when Slack refuses the app token.
	ErrSlackAppAuth = errors.New("slack refused the app token")
	// ErrSlackUnreachable is returned by Run when Slack does not answer at
	// start.
	ErrSlackUnreachable = errors.New("slack cannot be reached")
)

// Bot serves one workspace. Any number of Bots run in one process.
type Bot struct {
	o     Options
	log   *slog.Logger
	api   *slack.Client
	http  *http.Client // under api
	pacer *pacer
	owner string // of leases; a new one each start

	started time.Time // turns received earlier belong to another process

	self          identity                 // set by Run before anything else happens
	introduced    atomic.Pointer[identity] // the same, for whoever asks from outside
	sockets       sockets
	conversations conversations
	live          live
	watch         watch
	early         early
	names         names
	noStreams     refusals
	fullNotices   fullNotices
	charts        charts
	homes         homes
	// spawn hands work to Run, which owns all goroutines that outlive an
	// envelope.
	spawn  chan func(context.Context)
	failed chan error // capacity 1: why Run must end
}

// identity is who we are in Slack.
type identity struct {
	TeamID, Team, UserID, BotID string
	URL                         string // of the workspace, with a slash at the end
}

// New checks o and returns a Bot that does nothing until Run. It makes no
// request.
func New(o Options) (*Bot, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &Bot{
		o: o, log: o.Logger, pacer: newPacer(), owner: newTurnID(),
		spawn: make(chan func(context.Context)), failed: make(chan error, 1),
	}
	b.sockets.init(o.Slack.Connections)
	b.sockets.changed = b.socketsChanged
	b.conversations.woken = map[storage.ConversationKey]bool{}
	b.early.words = map[string]earlyWords{}
	b.watch.fresh = make(chan struct{}, 1)
	b.watch.marks, b.watch.dirty = map[string]storage.Watermark{}, map[string]bool{}
	b.live.turns, b.live.doomed = map[string]liveTurn{}, map[string]stoppedError{}
	b.names.known = map[string]name{}
	b.fullNotices.last = map[storage.ConversationKey]time.Time{}
	b.noStreams.channels = map[string]bool{}
	b.homes.init()
	b.http = o.Slack.httpClient()
	b.started = time.Now()
	b.api = slack.New(o.Slack.BotToken,
		slack.OptionAppLevelToken(o.Slack.AppToken),
		slack.OptionAPIURL(o.Slack.APIURL),
		slack.OptionHTTPClient(b.http),
		slack.OptionLog(log.New(io.Discard, "", 0)))
	return b, nil
}

// Run serves until ctx ends and returns once everything it started has
// stopped. It may be called once.
//
// When ctx ends, no new messages are taken in; answers under way get 25 s.
// Those that are not ready then stay in the journal, their messages say so, and
// the next Run finishes them. Run then returns nil.
//
// It returns [ErrSlackAuth], [ErrSlackAppAuth] or [ErrSlackUnreachable] (wrapped) if the workspace
// cannot be served, and [storage.ErrFailed] when the store's state is unknown:
// the process should end and start again.
func (b *Bot) Run(ctx context.Context) error {
	if err := b.introduce(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	// Turns do not end with ctx, but when the grace period is over.
	turns, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	var work, dispatch sync.WaitGroup
	dispatch.Go(func() {
		for f := range b.spawn {
			work.Go(func() { f(turns) })
		}
	})
	intake, stop := context.WithCancel(ctx)
	defer stop()
	var failure error // written before dispatch.Wait returns
	dispatch.Go(func() {
		select {
		case failure = <-b.failed:
			stop()
			giveUp(failure)
		case <-intake.Done():
		}
	})
	work.Go(func() { b.purgeRegularly(intake) })
	work.Go(func() { b.reportRegularly(intake) })
	work.Go(func() { b.keepHomes(intake) })

	err := b.loadWatermarks(ctx)
	if err == nil {
		err = b.resume(ctx)
	}
	if ctx.Err() != nil {
		err = nil // told to stop while it started
	}
	if err == nil {
		var keeping sync.WaitGroup
		keeping.Go(func() { b.keepWatermarks(intake) })
		err = b.listen(intake)
		stop()
		keeping.Wait()
	}
	stop()
	close(b.spawn)
	dispatch.Wait()
	b.conversations.close()
	if n := b.pacer.liveReplies(); n > 0 {
		b.log.Info("stopping; answers under way may finish", "answers", n, "grace", grace)
	}
	timer := time.AfterFunc(grace, func() { giveUp(errShutdown) })
	defer timer.Stop()
	if err != nil {
		giveUp(err)
	}
	work.Wait()
	b.http.CloseIdleConnections()
	select {
	case late := <-b.failed: // it failed while it stopped
		failure = errors.Join(failure, late)
	default:
	}
	if failure != nil {
		return failure
	}
	return err
}

// tokenRefused reports whether a code means that the token will never do. Other
// errors of the same calls pass.
func tokenRefused(code string) bool {
	switch code {
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type",
		"missing_scope", "no_permission", "org_login_required", "team_access_not_granted", "two_factor_setup_required":
		return true
	}
	return false
}

// fail ends Run with err.
func (b *Bot) fail(err error) {
	select {
	case b.failed <- err:
	default:
	}
}

// introduce asks Slack who we are, for up to half a minute: the network may
// come up later than we do.
func (b *Bot) introduce(ctx context.Context) error {
	deadline := time.Now().Add(30 * time.Second)
	for pause := time.Second; ; pause = min(2*pause, 8*time.Second) {
		who, err := b.api.AuthTestContext(ctx)
		if err == nil {
			b.self = identity{TeamID: who.TeamID, Team: who.Team, UserID: who.UserID, BotID: who.BotID, URL: who.URL}
			b.introduced.Store(&b.self)
			b.log.Info("serving", "team", who.Team, "team_id", who.TeamID, "bot_user", who.UserID)
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if code := refusalCode(err); tokenRefused(code) {
			return fmt.Errorf("%w: auth.test: %s", ErrSlackAuth, code)
		}
		if time.Now().Add(pause).After(deadline) {
			return fmt.Errorf("%w: %s: %w", ErrSlackUnreachable, b.o.Slack.APIURL, err)
		}
		b.log.Warn("slack cannot be reached, trying again", "url", b.o.Slack.APIURL, "in", pause, "err", err)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// resume takes up what an earlier process left open.
func (b *Bot) resume(ctx context.Context) error {
	if err := b.settleAbandoned(ctx); err != nil {
		return b.storeError(err)
	}
	keys, err := b.o.Store.OpenConversations(ctx)
	if err != nil {
		return b.storeError(fmt.Errorf("read open conversations: %w", err))
	}
	if len(keys) > 0 {
		b.log.Info("taking up unfinished turns", "conversations", len(keys))
	}
	for _, key := range keys {
		b.wake(key)
	}
	return nil
}

// Health is a snapshot for health checks and the status command.
type Health struct {
	Sockets     int // connections greeted by Slack
	WantSockets int
	LiveReplies int
}

// Workspace is where the bot serves.
type Workspace struct {
	Name string
	URL  string // with a slash at the end
}

// Workspace may be called at any time. It is empty until Slack has answered.
func (b *Bot) Workspace() Workspace {
	if self := b.introduced.Load(); self != nil {
		return Workspace{Name: self.Team, URL: self.URL}
	}
	return Workspace{}
}

// Permalink leads to the first message of a conversation in Slack; "" until Slack
// has told where the workspace is.
func (b *Bot) Permalink(key storage.ConversationKey) string {
	url := b.Workspace().URL
	if url == "" {
		return ""
	}
	return url + "archives/" + key.ChannelID + "/p" + strings.ReplaceAll(key.ThreadTS, ".", "")
}

// Link leads to a channel or a person in Slack; "" until Slack has told where the
// workspace is, and for a direct message, which only its people can open.
func (b *Bot) Link(id string) string {
	url := b.Workspace().URL
	switch {
	case url == "" || id == "":
		return ""
	case strings.HasPrefix(id, "C") || strings.HasPrefix(id, "G"):
		return url + "archives/" + id
	case strings.HasPrefix(id, "U") || strings.HasPrefix(id, "W"):
		return url + "team/" + id
	}
	return ""
}

// Health may be called at any time.
func (b *Bot) Health() Health {
	return Health{Sockets: b.sockets.count(), WantSockets: b.o.Slack.Connections, LiveReplies: b.pacer.liveReplies()}
}

// Pacer tells what each method of Slack's Web API may do at present and what it
// was granted and refused, in the order of their names. It may be called at any
// time.
func (b *Bot) Pacer() []MethodState { return b.pacer.state() }
