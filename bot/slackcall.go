package bot

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/slack-go/slack"
)

// The Web API methods the bot calls.
const (
	methodStartStream  = "chat.startStream"
	methodAppendStream = "chat.appendStream"
	methodStopStream   = "chat.stopStream"
	methodUpdate       = "chat.update"
	methodDelete       = "chat.delete"
	methodPost         = "chat.postMessage"
	methodEphemeral    = "chat.postEphemeral"
	methodReplies      = "conversations.replies"
	methodHistory      = "conversations.history"
	methodUserInfo     = "users.info"
	methodSetStatus    = "assistant.threads.setStatus"
	methodPublishView  = "views.publish"
	methodOpenDM       = "conversations.open"
	methodUploadURL    = "files.getUploadURLExternal"
	methodUploadDone   = "files.completeUploadExternal"
	methodRespond      = "response_url" // no method, but paced like one
)

// callTimeout bounds one Web API call; slack-go sets no bound of its own.
const callTimeout = 15 * time.Second

// statusPatience bounds the setting of a status: the first text waits for it, or
// the status might outlive the answer.
const statusPatience = 2 * time.Second

// uploadPatience bounds the upload of a file.
const uploadPatience = time.Minute

// finalPatience bounds how long a call that must succeed is tried.
const finalPatience = 3 * time.Minute

var (
	// errNotNow: the pacer or Slack has no room for a call that can wait.
	errNotNow = errors.New("no room for this call now")
	// errUnknown: the call may or may not have taken effect.
	errUnknown = errors.New("outcome unknown")
)

// attempt makes a call once if there is room for it, or if its seat has waited
// for the room. Its error is errNotNow, errUnknown (wrapped), or Slack's refusal.
func (b *Bot) attempt(ctx context.Context, c call, do func(context.Context) error) error {
	if !c.seat.use(c.method) && (ctx.Err() != nil || !b.pacer.try(c.method)) {
		return errNotNow
	}
	err := b.once(ctx, c.method, do)
	if _, limited := errors.AsType[*slack.RateLimitedError](err); limited {
		return errNotNow
	}
	return err
}

// insist waits for room and makes the call, again after each 429. Its error is
// errUnknown (wrapped), Slack's refusal, or ctx's.
func (b *Bot) insist(ctx context.Context, c call, do func(context.Context) error) error {
	for {
		if !c.seat.use(c.method) {
			if err := b.pacer.wait(ctx, c); err != nil {
				return err
			}
		}
		err := b.once(ctx, c.method, do)
		if _, limited := errors.AsType[*slack.RateLimitedError](err); !limited {
			return err
		}
	}
}

// repeat insists on a call that may safely be made twice, through lost
// responses and server errors, for finalPatience.
func (b *Bot) repeat(ctx context.Context, c call, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, finalPatience)
	defer cancel()
	for pause := time.Second; ; pause = min(2*pause, 15*time.Second) {
		err := b.insist(ctx, c, do)
		if !errors.Is(err, errUnknown) {
			return err
		}
		b.log.Warn("slack call failed, trying again", "method", c.method, "err", err)
		if sleep(ctx, pause) != nil {
			return err
		}
	}
}

// once makes a call and sorts its error: a 429 freezes the method, anything
// that may have happened on Slack's side is errUnknown. A write that has begun is
// not broken off when ctx ends, because its outcome would be unknown too.
func (b *Bot) once(ctx context.Context, method string, do func(context.Context) error) error {
	if ctx.Err() != nil {
		return errors.Join(errNotNow, context.Cause(ctx))
	}
	if method != methodReplies && method != methodHistory && method != methodUserInfo {
		ctx = context.WithoutCancel(ctx)
	}
	timeout := callTimeout
	switch method {
	case methodSetStatus:
		timeout = statusPatience
	case methodUploadURL: // with the upload itself
		timeout = uploadPatience
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := do(ctx)
	if err == nil {
		return nil
	}
	if wait, ok := rateLimit(err); ok {
		b.pacer.limited(method, wait)
		return &slack.RateLimitedError{RetryAfter: wait}
	}
	switch refusalCode(err) {
	case "", "internal_error", "fatal_error", "service_unavailable", "request_timeout", "messaging_processing_failed":
		return errors.Join(errUnknown, err)
	}
	return err
}

// rateLimit recognises the three shapes of a refusal for too many calls and
// returns how long to stay away; 5 s if Slack did not say.
func rateLimit(err error) (time.Duration, bool) {
	if e, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		return max(e.RetryAfter, time.Second), true
	}
	if code := refusalCode(err); code == "ratelimited" || code == "rate_limited" {
		return 5 * time.Second, true
	}
	e, ok := errors.AsType[slack.StatusCodeError](err)
	return 5 * time.Second, ok && e.Code == http.StatusTooManyRequests
}

// refusalCode is Slack's error code if it refused the call, else "". A code
// that says nothing about what happened, such as internal_error, is no refusal.
func refusalCode(err error) string {
	if errors.Is(err, errUnknown) {
		return ""
	}
	if e, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		return e.Err
	}
	return ""
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
