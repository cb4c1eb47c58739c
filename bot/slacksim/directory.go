package slacksim

import "strconv"

func (w *Workspace) apiTest(q *request) reply {
	if code := q.args["error"]; code != "" {
		return fail(code)
	}
	return reply{"args": q.args}
}

func (w *Workspace) authTest(q *request) reply {
	return reply{
		"url": q.baseURL("http") + "/", "team": w.opt.TeamName, "team_id": w.opt.TeamID,
		"user": w.opt.Bot.Name, "user_id": w.opt.Bot.ID, "bot_id": BotID, "is_enterprise_install": false,
	}
}

func (w *Workspace) teamInfo(q *request) reply {
	if id := q.args["team"]; id != "" && id != w.opt.TeamID {
		return fail("team_not_found")
	}
	return reply{"team": map[string]any{"id": w.opt.TeamID, "name": w.opt.TeamName, "domain": "simulated"}}
}

func (w *Workspace) botsInfo(q *request) reply {
	if id := q.args["bot"]; id != "" && id != BotID {
		return fail("bot_not_found")
	}
	b := w.wireBot()
	b.UserID = w.opt.Bot.ID
	return reply{"bot": b}
}

func (w *Workspace) usersInfo(q *request) reply {
	p, ok := w.people[q.args["user"]]
	if !ok {
		return fail("user_not_found")
	}
	return reply{"user": w.wireUser(p)}
}

func (w *Workspace) usersList(q *request) reply {
	page, next, bad := paginate(q, w.peopleID, len(w.peopleID))
	if bad != nil {
		return bad
	}
	users := make([]wireUser, len(page))
	for i, id := range page {
		users[i] = w.wireUser(w.people[id])
	}
	return reply{"members": users, "response_metadata": map[string]string{"next_cursor": next}}
}

// paginate cuts a list by the arguments cursor and limit.
func paginate(q *request, list []string, limit int) (page []string, next string, bad reply) {
	from := 0
	if c := q.args["cursor"]; c != "" {
		n, err := strconv.Atoi(c)
		if err != nil || n < 0 || n > len(list) {
			return nil, "", fail("invalid_cursor")
		}
		from = n
	}
	if n, err := strconv.Atoi(q.args["limit"]); err == nil && n > 0 {
		limit = min(n, 1000)
	}
	to := min(len(list), from+limit)
	if to < len(list) {
		next = strconv.Itoa(to)
	}
	return list[from:to], next, nil
}
