package bot

import "slices"

// Everyone in a list of [Access] admits all.
const Everyone = "*"

// Access says who may use the bot, and where. Lists hold Slack ids, never
// names, which people can change. An empty list admits nobody.
type Access struct {
	Users    []string
	Channels []string // direct messages are not channels: Users decides there
	// Admins may see the whole workspace's figures, stop any answer and have any
	// thread forgotten.
	Admins []string
	// External admits people of other companies and channels shared with
	// them (Slack Connect).
	External bool
}

// actor is who does something, wherever it comes from.
type actor struct {
	UserID    string
	ChannelID string
	Direct    bool
	External  bool // of another team, or in a channel shared with one
}

// refusal is why the gate said no, in words for the person. "" is a yes.
type refusal string

const (
	allowed         refusal = ""
	refusedExternal refusal = "I only answer people of this workspace, and not in channels shared with others."
	refusedUser     refusal = "You are not on the list of people who may use me. Ask whoever runs me to add you."
	refusedChannel  refusal = "I am not switched on for this channel. Ask whoever runs me to add it."
)

// authorize is the one gate: messages, commands and buttons all pass here, at
// the time they act. Bots that guarded messages alone were reached by their
// buttons.
func (a *Access) authorize(who actor) refusal {
	switch {
	case who.External && !a.External:
		return refusedExternal
	case !listed(a.Users, who.UserID):
		return refusedUser
	case !who.Direct && !listed(a.Channels, who.ChannelID):
		return refusedChannel
	}
	return allowed
}

func (a *Access) admin(userID string) bool { return slices.Contains(a.Admins, userID) }

func listed(list []string, id string) bool {
	return slices.Contains(list, Everyone) || slices.Contains(list, id)
}
