package bot

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/slack-go/slack"
)

const (
	// stagger is the time between the starts of two places, so that Slack does
	// not end their connections at the same time, and the least time between two
	// replacements for age.
	stagger = 10 * time.Second
	// maxSockets is what Slack allows an app, connections that are being
	// replaced included.
	maxSockets = 10
	// steady is how long a connection lives if nothing is wrong with it. After
	// a shorter life the next try waits, longer each time up to longestPause:
	// Slack's last redelivery comes six minutes after a message.
	steady       = 5 * time.Second
	longestPause = 8 * time.Second
	// hopelessPause lies between tries that fail until a person acts.
	hopelessPause = time.Minute
	// leavePatience is how long a connection is read on after Slack has said
	// that it will end it, which takes Slack about ten seconds.
	leavePatience = 15 * time.Second
	// shortestRotation keeps us from rotating more often than Slack would.
	shortestRotation = time.Minute
)

// Why a connection was replaced, beside the reasons that Slack gives.
const (
	reasonAge    = "age"    // before Slack would have ended it
	reasonSilent = "silent" // nothing came in, see watchdog.go
	reasonWrite  = "write"  // an acknowledgement could not be written
	reasonLost   = "lost"   // it ended without a word
)

// The reasons of Slack's disconnect frames that mean something to us.
const (
	reasonLinkDisabled = "link_disabled"
	reasonTooMany      = "too_many_websockets"
)

// listen keeps the Socket Mode connections until ctx ends and everything that
// has arrived is stored. It returns an error only if Slack refuses the tokens.
//
// slack-go opens the connections (apps.connections.open); they are read here
// and not by its package socketmode. That one leaves a connection before it has
// another, never shows why Slack ended one, pauses for up to five minutes, and
// drops acknowledgements in its queue with the connection.
func (b *Bot) listen(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	refused := make(chan error, b.o.Slack.Connections)
	var wg sync.WaitGroup
	for i := range b.o.Slack.Connections {
		wg.Go(func() {
			if sleep(ctx, time.Duration(i)*stagger) != nil {
				return
			}
			if err := b.keep(ctx, i); err != nil {
				refused <- err
				cancel()
			}
		})
	}
	wg.Wait()
	select {
	case err := <-refused:
		return err
	default:
		return nil
	}
}

// keep keeps one place filled with a connection. It returns an error only for a
// token that Slack refuses, and nil once ctx has ended.
//
// A connection that is going to end is read until its replacement is greeted,
// and then until it has ended, so that a single place has no gap either.
func (b *Bot) keep(ctx context.Context, number int) error {
	var owned sync.WaitGroup
	defer owned.Wait()
	var old *socket // about to be replaced, perhaps still read
	patience := time.Duration(0)
	tries := 0 // in a row without a connection that lasted
	for sleep(ctx, retryPause(tries)) == nil {
		s, err := b.succeed(ctx, number, old)
		if ctx.Err() != nil {
			if err == nil {
				s.serve(ctx) // closes it
			}
			return nil
		}
		if err != nil {
			if code := refusalCode(err); tokenRefused(code) {
				return fmt.Errorf("%w: apps.connections.open: %w", ErrSlackAppAuth, err)
			}
			tries++
			if sleep(ctx, b.openFailed(number, err)) != nil {
				return nil
			}
			continue
		}
		owned.Go(func() { s.serve(ctx) })
		if left, patience := old, patience; left != nil {
			owned.Go(func() { left.leave(patience) })
		}
		last := s.outlive(ctx, rotation(s.life))
		if ctx.Err() != nil {
			return nil
		}
		old, patience = s, leavePatience
		if last.reason == reasonAge {
			patience = 0 // Slack does not know yet that it ends
		}
		tries++
		if time.Since(s.greeted) >= steady {
			tries = 0
		}
		b.replacing(s, last)
		if hopeless(last.reason) && sleep(ctx, hopelessPause) != nil {
			return nil
		}
	}
	return nil
}

// succeed opens the successor of old, which may be nil, beside it. Where Slack
// allows no more connections old goes first, and the other places cover.
func (b *Bot) succeed(ctx context.Context, number int, old *socket) (*socket, error) {
	select {
	case b.sockets.places <- struct{}{}:
	default:
		if old != nil {
			old.leave(0)
		}
		select {
		case b.sockets.places <- struct{}{}:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	s, err := b.openSocket(ctx, number)
	no, ok := errors.AsType[disconnected](err)
	if ok && no.reason == reasonTooMany && old != nil && old.reading() {
		// Somebody else has the tenth. What old leaves is ours.
		old.leave(leavePatience)
		s, err = b.openSocket(ctx, number)
	}
	if err != nil {
		<-b.sockets.places
	}
	return s, err
}

// replacing notes that a connection needs a successor.
func (b *Bot) replacing(s *socket, last farewell) {
	b.sockets.change(s.number, func(st *SocketState) { st.Reconnects[last.reason]++ })
	if hopeless(last.reason) {
		b.reportHopeless(last.reason)
		return
	}
	args := []any{"socket", s.number, "reason", last.reason, "age", time.Since(s.greeted).Round(time.Second)}
	if last.err != nil {
		b.log.Warn("lost a connection to Slack, opening another", append(args, "err", last.err)...)
		return
	}
	b.log.Info("replacing a connection to Slack", args...)
}

// openFailed reports a failed try and returns how long to wait beyond the
// usual pause.
func (b *Bot) openFailed(number int, err error) time.Duration {
	b.sockets.change(number, func(st *SocketState) { st.OpenFailed++ })
	if no, ok := errors.AsType[disconnected](err); ok && hopeless(no.reason) {
		b.reportHopeless(no.reason)
		return hopelessPause
	}
	b.log.Warn("cannot connect to Slack, trying again", "socket", number, "err", err)
	if limited, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		return min(limited.RetryAfter, hopelessPause)
	}
	return 0
}

func hopeless(reason string) bool { return reason == reasonLinkDisabled || reason == reasonTooMany }

// reportHopeless says what a person must do. All places meet the same refusal;
// one line a minute is enough.
func (b *Bot) reportHopeless(reason string) {
	if !b.sockets.mayReport(reason) {
		return
	}
	if reason == reasonTooMany {
		b.log.Error("Slack refuses the connection: the app has ten already. Another program uses the same app token: "+
			"stop it, or give it an app of its own. Trying again once a minute.", "reason", reason)
		return
	}
	b.log.Error("Socket Mode is switched off for this app, nothing arrives. Switch Socket Mode on again under "+
		"https://api.slack.com/apps, Settings, Socket Mode. Trying again once a minute.", "reason", reason)
}

// retryPause lies before the next try: none at first, then growing, with
// jitter, so that places do not try in step.
func retryPause(tries int) time.Duration {
	if tries == 0 {
		return 0
	}
	d := min(time.Second<<min(tries-1, 10), longestPause)
	return d/2 + rand.N(d/2)
}

// rotation is the age at which a connection is replaced although nothing is
// wrong: between 80 and 90 % of the life that Slack has announced, which it may
// end without a warning. 0 means never.
func rotation(life time.Duration) time.Duration {
	age := time.Duration(float64(life) * (0.8 + 0.1*rand.Float64()))
	if age < shortestRotation {
		return 0
	}
	return age
}

// httpClient is what the Web API is called with.
func (o SlackOptions) httpClient() *http.Client {
	return &http.Client{
		Timeout: callTimeout,
		Transport: &http.Transport{
			DialContext: o.DialContext, Proxy: o.Proxy, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: 10 * time.Second, MaxIdleConnsPerHost: 32, IdleConnTimeout: 90 * time.Second,
		},
	}
}
