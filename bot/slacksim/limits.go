package slacksim

import "time"

// Calls a minute that Slack grants at least: it counts per method, workspace
// and app, see [Options].Burst for how. docs.slack.dev/apis/web-api/rate-limits
const (
	tier2 = 20
	tier3 = 50
	tier4 = 100

	postsPerMinute  = 300 // "several hundred messages per minute per workspace"
	statusPerMinute = 600 // docs.slack.dev/reference/methods/assistant.threads.setStatus

	// Posting: one message a second and channel, and short bursts above it.
	// Slack gives no number for the burst; five is a guess.
	postBurst = 5
	postEvery = time.Second
)

// methods are the methods of the Web API that exist here.
var methods = map[string]method{
	"api.test":                     {0, noToken, (*Workspace).apiTest},
	"auth.test":                    {tier4, botToken, (*Workspace).authTest},
	"apps.connections.open":        {tier3, appToken, (*Workspace).openConnection},
	"chat.postMessage":             {postsPerMinute, botToken, (*Workspace).postMessage},
	"chat.update":                  {tier3, botToken, (*Workspace).updateMessage},
	"chat.delete":                  {tier3, botToken, (*Workspace).deleteMessage},
	"chat.postEphemeral":           {tier4, botToken, (*Workspace).postEphemeral},
	"chat.startStream":             {tier2, botToken, (*Workspace).startStream},
	"chat.appendStream":            {tier4, botToken, (*Workspace).appendStream},
	"chat.stopStream":              {tier2, botToken, (*Workspace).stopStream},
	"conversations.replies":        {tier3, botToken, (*Workspace).conversationReplies},
	"conversations.history":        {tier3, botToken, (*Workspace).conversationHistory},
	"conversations.info":           {tier3, botToken, (*Workspace).conversationInfo},
	"conversations.open":           {tier3, botToken, (*Workspace).conversationOpen},
	"conversations.members":        {tier4, botToken, (*Workspace).conversationMembers},
	"files.getUploadURLExternal":   {tier4, botToken, (*Workspace).getUploadURL},
	"files.completeUploadExternal": {tier4, botToken, (*Workspace).completeUpload},
	"users.info":                   {tier4, botToken, (*Workspace).usersInfo},
	"users.list":                   {tier2, botToken, (*Workspace).usersList},
	"team.info":                    {tier3, botToken, (*Workspace).teamInfo},
	"bots.info":                    {tier3, botToken, (*Workspace).botsInfo},
	"assistant.threads.setStatus":  {statusPerMinute, botToken, (*Workspace).setStatus},
	"reactions.add":                {tier3, botToken, (*Workspace).reactionsAdd},
	"reactions.remove":             {tier2, botToken, (*Workspace).reactionsRemove},
	"views.publish":                {tier4, botToken, (*Workspace).viewsPublish},
}

// limited returns 0 and counts the call, or returns how long the method stays
// blocked. Refused calls are not counted. The caller holds w.mu.
func (w *Workspace) limited(q *request, m method) time.Duration {
	if w.opt.NoLimits || m.perMinute == 0 {
		return 0
	}
	now := time.Now()
	all := w.meters[q.method]
	if all == nil {
		all = w.newMeter(m.perMinute)
		w.meters[q.method] = all
	}
	if d := all.wait(now); d > 0 {
		return d
	}
	if q.method == "chat.postMessage" {
		// Only channels that exist, so that the map cannot grow without end.
		id := q.args["channel"]
		if _, ok := w.people[id]; ok {
			id = dmID(id)
		}
		if c := w.channels[id]; c != nil {
			b := w.buckets[c.ID]
			if b == nil {
				b = &bucket{every: postEvery, depth: postBurst * postEvery}
				w.buckets[c.ID] = b
			}
			if d := b.wait(now); d > 0 {
				return d
			}
			b.take(now)
		}
	}
	all.take(now)
	return 0
}
