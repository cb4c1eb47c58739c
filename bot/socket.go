package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

const (
	// stagger is the time between the starts of two connections, so that
	// Slack does not refresh both at the same time.
	stagger = 10 * time.Second
	// ackPatience bounds the queueing of an acknowledgement; Slack sends the
	// envelope again after 3 s anyway.
	ackPatience = 3 * time.Second
	// longWait is a pause between tries that is not waited out;
	// reconnectPause, and up to as much again, is taken instead.
	longWait       = 8 * time.Second
	reconnectPause = 5 * time.Second
	// atOnce is how many envelopes are taken in at a time: enough for the
	// store to commit them together.
	atOnce = 256
)

// listen keeps the Socket Mode connections until ctx ends and everything that
// has arrived is stored. It returns an error only if Slack refuses the tokens.
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
			if err := b.connect(ctx, i); err != nil {
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

// connect keeps one connection. It returns an error only for a token that Slack
// refuses, and nil once ctx has ended.
//
// slack-go reconnects by itself, but waits up to five minutes between tries,
// and Slack's last redelivery comes six minutes after a message. So a client
// that wants to wait long is replaced by a new one.
func (b *Bot) connect(ctx context.Context, number int) error {
	for ctx.Err() == nil {
		err := b.runClient(ctx, number)
		if ctx.Err() != nil {
			return nil
		}
		code := refusalCode(err)
		if tokenRefused(code) {
			return fmt.Errorf("%w: apps.connections.open: %w", ErrSlackAppAuth, err)
		}
		b.log.Warn("connecting to Slack anew", "socket", number, "err", err)
		if sleep(ctx, reconnectPause+rand.N(reconnectPause)) != nil {
			return nil
		}
	}
	return nil
}

// runClient runs one socket client until it ends or is no use any more.
func (b *Bot) runClient(ctx context.Context, number int) error {
	client := socketmode.New(b.api,
		socketmode.OptionDialer(&websocket.Dialer{
			NetDialContext: b.o.Slack.DialContext, Proxy: b.o.Slack.Proxy,
			HandshakeTimeout: 15 * time.Second,
			// An acknowledgement must fit one frame: Slack does not put
			// continuation frames together.
			WriteBufferSize: 32 << 10,
		}),
		socketmode.OptionLog(log.New(io.Discard, "", 0)))
	var wg sync.WaitGroup
	defer wg.Wait()
	running, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	drained, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	wg.Go(func() { b.drain(drained, running, client, number, giveUp) })
	defer b.sockets.set(number, false)

	err := client.RunContext(running)
	if cause := context.Cause(running); cause != nil {
		return cause
	}
	return err
}

// drain reads the client's events. It must not stop for long while the client
// runs: an unread channel blocks the reader, pings go unanswered, and the
// connection is lost. It waits only if atOnce envelopes are being stored. ctx
// ends the draining; running is the client's own.
func (b *Bot) drain(ctx, running context.Context, client *socketmode.Client, number int, giveUp context.CancelCauseFunc) {
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		var ev socketmode.Event
		select {
		case <-ctx.Done():
			return
		case ev = <-client.Events:
		}
		switch ev.Type {
		case socketmode.EventTypeHello:
			b.sockets.set(number, true)
			b.log.Info("connected to Slack", "socket", number)
		case socketmode.EventTypeConnecting:
			b.sockets.set(number, false)
		case socketmode.EventTypeConnectionError:
			wait, err := connectionError(ev)
			if running.Err() != nil {
				continue // told to stop
			}
			b.log.Warn("cannot connect to Slack, trying again", "socket", number, "err", err)
			if wait > longWait || tokenRefused(refusalCode(err)) {
				giveUp(err)
			}
		case socketmode.EventTypeErrorWriteFailed:
			b.log.Warn("acknowledgement lost, Slack will send the event again", "socket", number)
		}
		env, ok := envelopeOf(ev)
		if !ok {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			b.take(ctx, client, env)
		})
	}
}

// take handles an envelope and acknowledges it.
func (b *Bot) take(ctx context.Context, client *socketmode.Client, env envelope) {
	// What has begun is stored, also when the bot is told to stop meanwhile.
	ctx = context.WithoutCancel(ctx)
	payload, err := b.handle(ctx, env)
	if err != nil {
		b.log.Error("envelope not taken in, Slack will send it again", "type", env.Type, "err", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, ackPatience)
	defer cancel()
	if err := client.AckCtx(ctx, env.ID, payload); err != nil {
		b.log.Warn("acknowledgement not sent, Slack will send the event again", "err", err)
	}
}

// envelopeOf returns the envelope in ev. One that the client library could not
// parse is among them: its raw bytes are good enough for us, and without an
// acknowledgement Slack would send it three more times.
func envelopeOf(ev socketmode.Event) (envelope, bool) {
	if bad, ok := ev.Data.(*socketmode.ErrorBadMessage); ok {
		var env envelope
		err := json.Unmarshal(bad.Message, &env)
		return env, err == nil && env.ID != ""
	}
	if ev.Request == nil || ev.Request.EnvelopeID == "" {
		return envelope{}, false
	}
	r := ev.Request
	return envelope{Type: r.Type, ID: r.EnvelopeID, Payload: r.Payload,
		RetryAttempt: r.RetryAttempt, RetryReason: r.RetryReason}, true
}

// connectionError is why a try failed and how long the client means to wait.
func connectionError(ev socketmode.Event) (wait time.Duration, err error) {
	if e, ok := ev.Data.(*slack.ConnectionErrorEvent); ok {
		return e.Backoff, e.ErrorObj
	}
	return 0, nil
}

// sockets counts the connections that Slack has greeted.
type sockets struct {
	changed func(open int)

	mu sync.Mutex
	up map[int]bool
}

func (s *sockets) set(number int, up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up[number] = up
	s.changed(s.open()) // under the lock: in the order in which it changed
}

func (s *sockets) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open()
}

func (s *sockets) open() (n int) {
	for _, up := range s.up {
		if up {
			n++
		}
	}
	return n
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
