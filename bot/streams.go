package bot

import "sync"

// refusals remembers where Slack has refused native streaming: the feature
// depends on the plan, the kind of channel and the app's settings, and asking
// each time would cost the first second of every answer.
type refusals struct {
	mu       sync.Mutex
	channels map[string]bool
}

// streams reports whether replies in the channel may be native streams.
func (b *Bot) streams(channelID string) bool {
	if b.o.Reply.Mode == ReplyEdit {
		return false
	}
	b.noStreams.mu.Lock()
	defer b.noStreams.mu.Unlock()
	return !b.noStreams.channels[channelID]
}

// streamsRefused reports whether a code speaks of the channel or the app, and not
// of this one message.
func streamsRefused(code string) bool {
	switch code {
	case "feature_disabled", "not_agent_app", "unknown_method", "channel_type_not_supported", "messages_tab_disabled",
		"missing_recipient_user_id", "missing_recipient_team_id", "invalid_thread_ts", "invalid_arguments",
		"access_denied", "not_allowed_token_type", "deprecated_endpoint", "method_deprecated":
		return true
	}
	return false
}

func (b *Bot) refuseStreams(channelID, code string) {
	b.noStreams.mu.Lock()
	defer b.noStreams.mu.Unlock()
	b.noStreams.channels[channelID] = true
	log := b.log.Info
	if b.o.Reply.Mode == ReplyStream {
		log = b.log.Warn // the operator asked for streams
	}
	log("no native streaming in this channel, editing instead", "channel", channelID, "code", code)
}
