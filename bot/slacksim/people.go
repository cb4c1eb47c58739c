package slacksim

import "fmt"

// Fixed ids of the app. Slack gives a bot three names: the user that posts, the
// bot_id in its messages, and the app that owns both.
const (
	BotID = "B0BOBBIN"
	AppID = "A0BOBBIN"
)

// Person is a user of the workspace.
type Person struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	RealName string `json:"real_name"`
	Guest    bool   `json:"guest"`
	Team     string `json:"team,omitempty"` // another team's id: a Slack Connect stranger
}

// wireUser is a user object as users.info returns it.
// docs.slack.dev/reference/objects/user-object
type wireUser struct {
	ID                string      `json:"id"`
	TeamID            string      `json:"team_id"`
	Name              string      `json:"name"`
	Deleted           bool        `json:"deleted"`
	RealName          string      `json:"real_name"`
	TZ                string      `json:"tz"`
	TZOffset          int         `json:"tz_offset"`
	Profile           wireProfile `json:"profile"`
	IsAdmin           bool        `json:"is_admin"`
	IsBot             bool        `json:"is_bot"`
	IsAppUser         bool        `json:"is_app_user"`
	IsRestricted      bool        `json:"is_restricted"`
	IsUltraRestricted bool        `json:"is_ultra_restricted"`
	IsStranger        bool        `json:"is_stranger,omitempty"`
}

type wireProfile struct {
	RealName    string `json:"real_name"`
	DisplayName string `json:"display_name"`
	Team        string `json:"team"`
	BotID       string `json:"bot_id,omitempty"`
	APIAppID    string `json:"api_app_id,omitempty"`
}

func (w *Workspace) wireUser(p Person) wireUser {
	team := w.teamOf(p)
	u := wireUser{
		ID: p.ID, TeamID: team, Name: p.Name, RealName: p.RealName, TZ: "Etc/UTC",
		Profile:      wireProfile{RealName: p.RealName, DisplayName: p.Name, Team: team},
		IsRestricted: p.Guest, IsStranger: team != w.opt.TeamID,
	}
	if p.ID == w.opt.Bot.ID {
		u.IsBot, u.Profile.BotID, u.Profile.APIAppID = true, BotID, AppID
	}
	return u
}

func (w *Workspace) teamOf(p Person) string {
	if p.Team != "" {
		return p.Team
	}
	return w.opt.TeamID
}

// person finds a human; bots do not act through the person verbs.
func (w *Workspace) person(userID string) (Person, error) {
	if p, ok := w.people[userID]; ok && userID != w.opt.Bot.ID {
		return p, nil
	}
	return Person{}, fmt.Errorf("user_not_found: %q", userID)
}
