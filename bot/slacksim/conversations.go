package slacksim

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// readable finds the channel a read method names: an archived one can be read.
func (w *Workspace) readable(q *request) (*channel, reply) {
	c := w.channels[q.args["channel"]]
	switch {
	case c == nil, c.Private && c.NotMember:
		return nil, fail("channel_not_found")
	case c.NotMember:
		return nil, fail("not_in_channel")
	}
	return c, nil
}

// span is what oldest, latest, inclusive, limit and cursor select, in
// microseconds, ends included.
type span struct {
	from, to int64
	limit    int
}

func readSpan(q *request, defaultLimit, maxLimit int) (s span, bad reply) {
	s = span{from: 0, to: math.MaxInt64, limit: defaultLimit}
	edge := int64(1)
	if q.flag("inclusive") {
		edge = 0
	}
	if v := q.args["oldest"]; v != "" {
		t, ok := parseTS(v)
		if !ok {
			return s, fail("invalid_ts_oldest")
		}
		s.from = t + edge
	}
	if v := q.args["latest"]; v != "" {
		t, ok := parseTS(v)
		if !ok {
			return s, fail("invalid_ts_latest")
		}
		s.to = t - edge
	}
	if v := q.args["limit"]; v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return s, fail("invalid_limit")
		}
		if n > 0 {
			s.limit = n
		}
	}
	s.limit = min(s.limit, maxLimit)
	return s, nil
}

// cut returns the messages of the span; list is sorted by time.
func (s span) cut(list []*message) []*message {
	from := sort.Search(len(list), func(i int) bool { return list[i].micros() >= s.from })
	to := sort.Search(len(list), func(i int) bool { return list[i].micros() > s.to })
	return list[min(from, to):to]
}

func (m *message) micros() int64 {
	t, _ := parseTS(m.TS)
	return t
}

// conversationReplies is conversations.replies: oldest first. ts may be the
// root's or any reply's. The root comes with every page, whatever the span.
func (w *Workspace) conversationReplies(q *request) reply {
	c, bad := w.readable(q)
	if bad != nil {
		return bad
	}
	root := c.rootOf(q.args["ts"])
	if root == nil || root.Deleted && root.ReplyCount == 0 {
		return fail("thread_not_found")
	}
	s, bad := readSpan(q, 1000, 1000)
	if bad != nil {
		return bad
	}
	if v := q.args["cursor"]; v != "" {
		t, ok := cursorTS(v)
		if !ok {
			return fail("invalid_cursor")
		}
		s.from = max(s.from, t)
	}
	metadata := q.flag("include_all_metadata")
	out, next := []*wireMessage{}, ""
	if !root.Deleted {
		out = append(out, w.wire(root, metadata))
	}
	for _, r := range s.cut(root.replies) {
		if r.Deleted {
			continue
		}
		// Always one reply at least, or a limit of one would never end.
		if len(out) >= max(2, s.limit) {
			next = cursor(r)
			break
		}
		out = append(out, w.wire(r, metadata))
	}
	return messagesReply(out, next)
}

// conversationHistory is conversations.history: newest first, without replies.
func (w *Workspace) conversationHistory(q *request) reply {
	c, bad := w.readable(q)
	if bad != nil {
		return bad
	}
	s, bad := readSpan(q, 100, 999)
	if bad != nil {
		return bad
	}
	if v := q.args["cursor"]; v != "" {
		t, ok := cursorTS(v)
		if !ok {
			return fail("invalid_cursor")
		}
		s.to = min(s.to, t)
	}
	metadata := q.flag("include_all_metadata")
	out, next := []*wireMessage{}, ""
	for _, m := range slices.Backward(s.cut(c.msgs)) {
		if m.Deleted || m.ThreadTS != "" && m.ThreadTS != m.TS && m.Subtype != "thread_broadcast" {
			continue
		}
		if len(out) == s.limit {
			next = cursor(m)
			break
		}
		out = append(out, w.wire(m, metadata))
	}
	return messagesReply(out, next)
}

func messagesReply(list []*wireMessage, next string) reply {
	return reply{
		"messages": list, "has_more": next != "", "response_metadata": map[string]string{"next_cursor": next},
	}
}

// A cursor names the first message of the next page.
func cursor(m *message) string { return "ts:" + m.TS }

func cursorTS(v string) (int64, bool) {
	ts, ok := strings.CutPrefix(v, "ts:")
	if !ok {
		return 0, false
	}
	return parseTS(ts)
}

// conversationInfo is conversations.info. A public channel can be looked at
// without being in it.
func (w *Workspace) conversationInfo(q *request) reply {
	c := w.channels[q.args["channel"]]
	if c == nil || c.Private && c.NotMember {
		return fail("channel_not_found")
	}
	info := w.wireChannel(c)
	if q.flag("include_num_members") {
		info["num_members"] = len(w.members(c))
	}
	return reply{"channel": info}
}

func (w *Workspace) wireChannel(c *channel) map[string]any {
	kind := c.kind()
	info := map[string]any{
		"id": c.ID, "created": c.created, "is_archived": c.Archived, "context_team_id": w.opt.TeamID,
		"is_im": kind == "im", "is_mpim": kind == "mpim", "is_channel": kind == "channel",
		"is_group": kind == "group", "is_private": kind != "channel", "is_member": !c.NotMember,
		"is_ext_shared": c.Shared, "is_shared": c.Shared, "is_org_shared": false, "is_general": c.Name == "general",
	}
	if c.im != "" {
		info["user"], info["is_open"] = c.im, true
	} else {
		info["name"], info["name_normalized"] = c.Name, c.Name
	}
	return info
}

// conversationMembers is conversations.members.
func (w *Workspace) conversationMembers(q *request) reply {
	c := w.channels[q.args["channel"]]
	if c == nil || c.Private && c.NotMember {
		return fail("channel_not_found")
	}
	page, next, bad := paginate(q, w.members(c), 100)
	if bad != nil {
		return bad
	}
	return reply{"members": page, "response_metadata": map[string]string{"next_cursor": next}}
}

// conversationOpen is conversations.open: one user gives the direct message,
// several a group direct message, made on first use.
func (w *Workspace) conversationOpen(q *request) reply {
	if id := q.args["channel"]; id != "" {
		c := w.channels[id]
		if c == nil || c.im == "" && c.mpim == nil {
			return fail("channel_not_found")
		}
		return reply{"already_open": true, "no_op": true, "channel": w.wireChannel(c)}
	}
	users := strings.FieldsFunc(q.args["users"], func(r rune) bool { return r == ',' || r == ' ' })
	if len(users) == 0 {
		return fail("users_list_not_supplied")
	}
	for _, u := range users {
		if _, err := w.person(u); err != nil {
			return fail("user_not_found")
		}
	}
	slices.Sort(users)
	users = slices.Compact(users)
	if len(users) == 1 {
		return reply{"already_open": true, "no_op": true, "channel": w.wireChannel(w.channels[dmID(users[0])])}
	}
	for _, id := range w.chanID {
		if c := w.channels[id]; slices.Equal(c.mpim, users) {
			return reply{"already_open": true, "no_op": true, "channel": w.wireChannel(c)}
		}
	}
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = w.people[u].Name
	}
	c := &channel{mpim: users, Channel: Channel{
		ID: w.newID("G"), Name: fmt.Sprintf("mpdm-%s--%s-1", strings.Join(names, "--"), w.opt.Bot.Name), Private: true,
	}}
	w.addChannel(c)
	w.touch()
	return reply{"channel": w.wireChannel(c)}
}
