package bot

import (
	"fmt"
	"strconv"
	"strings"
)

// ManifestOptions name the Slack app. Zero fields have defaults.
type ManifestOptions struct {
	Name    string // shown in Slack, at most 35 characters; "Bobbin"
	Command string // the slash command; "/bobbin"
	// AgentView asks for Slack's agent experience, whose one use here is a Stop
	// button on native streams. It cannot be undone for an app and shuts out the
	// workspace's guests.
	AgentView bool
}

// scopes are the bot token scopes and what each is for. A scope without a use
// in the code is a permission a team grants for nothing; a test compares them
// with the methods called and the events handled.
var scopes = []struct{ name, use string }{
	{"app_mentions:read", "hear mentions"},
	{"channels:history", "read the thread it is called into, and follow-ups, in public channels"},
	{"chat:write", "answer, stream, show a status"},
	{"commands", "the slash command"},
	{"files:write", "send somebody the export of their own data"},
	{"groups:history", "the same in private channels"},
	{"im:history", "direct messages"},
	{"im:write", "open the direct message to which an export goes"},
	{"mpim:history", "the same in group messages"},
	{"reactions:read", "the stop sign that stops an answer"},
	{"users:read", "names of the people in a thread"},
}

// botEvents are the events the app subscribes to.
var botEvents = []struct{ name, use string }{
	{"app_home_opened", "the Home tab: usage, budget, conversations"},
	{"app_mention", "questions in channels"},
	{"message.channels", "follow-ups without a mention, where switched on"},
	{"message.groups", "the same in private channels"},
	{"message.im", "direct messages"},
	{"message.mpim", "the same in group messages"},
	{"reaction_added", "the stop sign under an answer"},
}

// What an app with an agent view adds.
var (
	agentScopes = []struct{ name, use string }{{"assistant:write", "the agent view"}}
	agentEvents = []struct{ name, use string }{{"agent_session_stopped", "Slack's own Stop button"}}
)

// Manifest returns the app manifest that creates the Slack app in one paste
// (docs.slack.dev/reference/app-manifest).
//
// It leaves out features.agent_view unless told otherwise: native streams and
// the status line work with chat:write.
func Manifest(o ManifestOptions) (string, error) {
	if o.Name == "" {
		o.Name = "Bobbin"
	}
	if o.Command == "" {
		o.Command = "/bobbin"
	}
	if n := len([]rune(o.Name)); n > 35 || strings.ContainsAny(o.Name, "\n\r") {
		return "", fmt.Errorf("app name %q: Slack takes at most 35 characters", o.Name)
	}
	if !strings.HasPrefix(o.Command, "/") || len(o.Command) < 2 || len(o.Command) > 32 || strings.ContainsAny(o.Command, " \t\n\r\"'") ||
		o.Command != strings.ToLower(o.Command) {
		return "", fmt.Errorf("command %q: want a slash and a lower-case word of at most 31 characters, such as /bobbin", o.Command)
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Slack app manifest of Bobbin, printed by `bobbin manifest`.")
	line("# Create the app: https://api.slack.com/apps, Create New App, From a manifest, paste.")
	line("_metadata:\n  major_version: 2\n  minor_version: 1")
	line("display_information:\n  name: %s\n  description: Answers questions in your threads\n  background_color: \"#3f2d56\"", strconv.Quote(o.Name))
	line("features:")
	line("  app_home:\n    home_tab_enabled: true\n    messages_tab_enabled: true\n    messages_tab_read_only_enabled: false")
	line("  bot_user:\n    display_name: %s\n    always_online: true", strconv.Quote(botUserName(o.Name)))
	line("  slash_commands:\n    - command: %s\n      description: Usage, status, your data and help\n      usage_hint: \"usage | cost | status | forget me | export | help\"\n      should_escape: true", o.Command)
	wanted, events := scopes, botEvents
	if o.AgentView {
		line("  agent_view: # cannot be undone, and guests cannot use the app any more\n    agent_description: Answers questions in your threads")
		wanted, events = append(wanted[:len(wanted):len(wanted)], agentScopes...), append(events[:len(events):len(events)], agentEvents...)
	}
	line("oauth_config:\n  scopes:\n    bot:")
	for _, s := range wanted {
		line("      - %-18s # %s", s.name, s.use)
	}
	line("settings:\n  event_subscriptions:\n    bot_events:")
	for _, e := range events {
		line("      - %-18s # %s", e.name, e.use)
	}
	line("  interactivity:\n    is_enabled: true # the buttons under an answer")
	line("  org_deploy_enabled: false\n  socket_mode_enabled: true\n  token_rotation_enabled: false")
	return b.String(), nil
}

// botUserName makes a display name of the characters Slack takes: a-z, 0-9, -,
// _ and a point.
func botUserName(name string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
			b.WriteRune(c)
		case c == ' ':
			b.WriteByte('-')
		}
	}
	if b.Len() == 0 {
		return "bobbin"
	}
	return b.String()
}
