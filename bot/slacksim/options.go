package slacksim

import (
	"slices"
	"strings"
	"time"
)

// Options describes a workspace. The zero value is a small team with three
// channels, all limits on, and streaming and charts on.
type Options struct {
	// BotToken and AppToken are the only tokens accepted. Empty means
	// "xoxb-sim" and "xapp-sim".
	BotToken, AppToken string

	// TeamID and TeamName name the workspace. Empty means "T0SIM" and
	// "Simulated".
	TeamID, TeamName string

	// Bot is the bot's own user. Empty means {ID: "U0BOBBIN", Name: "bobbin"}.
	// Its bot_id is "B0BOBBIN" and its app id "A0BOBBIN", whatever the user is.
	Bot Person

	// People are the humans. Nil means Ann, Ben, Chidi and Dana.
	People []Person

	// Channels are the channels; every person is in each of them. Nil means
	// general, random and the private ops.
	Channels []Channel

	// Command is the app's slash command. Empty means "/bobbin".
	Command string

	// NoLimits switches the rate limits off, not the limits of size.
	NoLimits bool

	// Burst says how the calls of a minute are counted, of which Slack publishes
	// nothing. [BurstWindow], also for "": no 60 seconds hold more calls than the
	// method's tier. [BurstMinute]: the count begins anew with each full minute
	// since the workspace was made, so that twice the tier fits around its end.
	// [BurstBucket]: a quarter of the tier at once, refilled evenly at a sixtieth
	// of the tier a second, a strict reading of the advice to design for one
	// request a second. Any other value means [BurstWindow].
	Burst string

	// NoStreaming starts the workspace without chat.startStream, see
	// [Workspace.SetStreaming].
	NoStreaming bool

	// NoCharts starts the workspace without data_visualization blocks, see
	// [Workspace.SetCharts].
	NoCharts bool

	// AgentView gives the app the agent experience as far as it is modelled: a
	// Stop button on streaming messages, see [Workspace.StopStreaming].
	AgentView bool

	// OneTable refuses blocks with more than one table, those written in the
	// text of markdown blocks included, as invalid_blocks. Slack documents one
	// table block a message; that it holds for Markdown tables is not proven.
	// Text that is streamed or sent as markdown_text is not looked at.
	OneTable bool

	// PingInterval is the time between two WebSocket pings. Zero means 10 s.
	PingInterval time.Duration

	// Controls are further switches for the page, shown beside the built-in ones.
	Controls []Control

	// KeepAlive is the time between two comments on an idle feed of events,
	// which let a server notice that the page has gone. Zero means 15 s.
	KeepAlive time.Duration

	// Seed makes the choice of socket, the order of twin events under
	// [Workspace.Shuffle] and the luck of faults repeatable. Zero means a random
	// seed.
	Seed uint64

	// AnyHost lets the page and /sim answer under any Host header. By default
	// they answer only to loopback names, so that a foreign web page cannot
	// reach them by DNS rebinding.
	AnyHost bool
}

// Control is a switch on the page.
type Control struct {
	ID    string        `json:"id"`
	Group string        `json:"group"`
	Label string        `json:"label"`
	Help  string        `json:"help"`
	Kind  string        `json:"kind"` // "button" or "toggle"
	On    bool          `json:"on"`
	Set   func(on bool) `json:"-"` // called without a lock held; a button passes true
}

func (o Options) withDefaults() Options {
	def := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	def(&o.BotToken, "xoxb-sim")
	def(&o.AppToken, "xapp-sim")
	def(&o.TeamID, "T0SIM")
	def(&o.TeamName, "Simulated")
	def(&o.Bot.ID, "U0BOBBIN")
	def(&o.Bot.Name, "bobbin")
	def(&o.Bot.RealName, strings.ToUpper(o.Bot.Name[:1])+o.Bot.Name[1:])
	def(&o.Command, "/bobbin")
	if o.PingInterval <= 0 {
		o.PingInterval = 10 * time.Second
	}
	if o.KeepAlive <= 0 {
		o.KeepAlive = 15 * time.Second
	}
	if o.People == nil {
		o.People = []Person{
			{ID: "U0ANN", Name: "ann", RealName: "Ann Lee"},
			{ID: "U0BEN", Name: "ben", RealName: "Ben Okafor"},
			{ID: "U0CHIDI", Name: "chidi", RealName: "Chidi Anand"},
			{ID: "U0DANA", Name: "dana", RealName: "Dana Cruz"},
		}
	}
	if o.Channels == nil {
		o.Channels = []Channel{
			{ID: "C0GENERAL", Name: "general"},
			{ID: "C0RANDOM", Name: "random"},
			{ID: "G0OPS", Name: "ops", Private: true},
		}
	}
	o.People, o.Channels = slices.Clone(o.People), slices.Clone(o.Channels)
	o.Controls = slices.Clone(o.Controls)
	return o
}
