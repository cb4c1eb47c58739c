package bot

import (
	"context"
	"errors"
	"time"

	"github.com/slack-go/slack"
)

// aside is where one person is told something that nobody else sees.
type aside struct {
	who      actor
	threadTS string // "" is the channel itself
	// url is the response_url of a command or a click. It works in channels that
	// the bot is not in, five times within half an hour.
	url string
	// replace puts what is told in the place of the message that was clicked: an
	// ephemeral one cannot be changed in any other way.
	replace bool
}

// tell says something aside. What cannot be shown is in the log.
func (b *Bot) tell(ctx context.Context, a aside, text string, blocks ...slack.Block) {
	b.notShown(b.say(ctx, a, text, blocks...))
}

// notShown logs why a private answer was not shown, if it was not. The URL it
// went to is as good as a password for half an hour, and errors of the HTTP client
// name it.
func (b *Bot) notShown(err error) {
	if err != nil {
		b.log.Warn("private answer not shown", "code", refusalCode(err), "unknown", errors.Is(err, errUnknown))
	}
}

func (b *Bot) say(ctx context.Context, a aside, text string, blocks ...slack.Block) error {
	if a.url == "" {
		return b.sayEphemeral(ctx, a.who.ChannelID, a.who.UserID, a.threadTS, text, blocks...)
	}
	msg := &slack.WebhookMessage{ResponseType: slack.ResponseTypeEphemeral, Text: text, ThreadTimestamp: a.threadTS, ReplaceOriginal: a.replace}
	if len(blocks) > 0 {
		msg.Blocks = &slack.Blocks{BlockSet: blocks}
	}
	return b.insist(ctx, call{method: methodRespond, rank: rankMust}, func(ctx context.Context) error {
		return slack.PostWebhookCustomHTTPContext(ctx, a.url, b.http, msg)
	})
}

// slackTime is the moment of a Slack ts, by Slack's clock. What is no ts is now.
func slackTime(ts string) time.Time {
	if at := tsTime(ts); !at.IsZero() {
		return at
	}
	return time.Now()
}
