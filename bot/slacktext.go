package bot

import (
	"regexp"
	"strings"
)

// Slack's markup in incoming text: docs.slack.dev/messaging/formatting-message-text.
var (
	slackToken  = regexp.MustCompile(`<([^<>]*)>`)
	userMention = regexp.MustCompile(`<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>`)
	authorship  = regexp.MustCompile(`(?m)^<@([UW][A-Z0-9]+)>: `)
)

// mentions reports whether text mentions the user.
func mentions(text, userID string) bool {
	for _, m := range userMention.FindAllStringSubmatch(text, -1) {
		if m[1] == userID {
			return true
		}
	}
	return false
}

// plainText turns Slack's markup into what the author saw, without the bot's
// own mention. Mentions of other people stay as <@U…>, because their names take
// a request to Slack: see [expandMentions].
func plainText(text, botUserID string) string {
	var b strings.Builder
	last := 0
	for _, m := range slackToken.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(unescape(text[last:m[0]]))
		last = m[1]
		token := text[m[2]:m[3]]
		target, label, _ := strings.Cut(token, "|")
		switch {
		case target == "@"+botUserID:
		case strings.HasPrefix(target, "@"):
			b.WriteString("<" + target + ">")
		case strings.HasPrefix(target, "#"):
			if label == "" {
				label = target[1:]
			}
			b.WriteString("#" + label)
		case strings.HasPrefix(target, "!"):
			if label == "" {
				label = "@" + target[1:]
			}
			b.WriteString(unescape(label))
		case label != "" && !strings.HasSuffix(target, label):
			b.WriteString(unescape(label) + " (" + unescape(target) + ")")
		default:
			b.WriteString(unescape(strings.TrimPrefix(target, "mailto:")))
		}
	}
	b.WriteString(unescape(text[last:]))
	return strings.TrimSpace(b.String())
}

// authored puts the author in front, as a mention that is given a name when
// the prompt is built.
func authored(userID, text string) string { return "<@" + userID + ">: " + text }

// authors are the people whose messages, put together with [authored], text is.
func authors(text string) (ids []string) {
	for _, m := range authorship.FindAllStringSubmatch(text, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// expandMentions replaces <@U…> by @name, and the author that [authored] put
// in front by name.
func expandMentions(text string, name func(userID string) string) string {
	text = authorship.ReplaceAllStringFunc(text, func(m string) string {
		return name(authorship.FindStringSubmatch(m)[1]) + ": "
	})
	return userMention.ReplaceAllStringFunc(text, func(m string) string {
		return "@" + name(userMention.FindStringSubmatch(m)[1])
	})
}

// unescape undoes the three entities Slack uses, in one pass: "&amp;lt;" means
// "&lt;".
func unescape(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}

// escape makes text of ours safe inside mrkdwn.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
