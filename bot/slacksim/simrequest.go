package slacksim

import "time"

// simRequest is the body of a POST under /sim/, all of them in one.
type simRequest struct {
	ID              string  `json:"id"`
	User            string  `json:"user"`
	Channel         string  `json:"channel"`
	TS              string  `json:"ts"`
	ThreadTS        string  `json:"thread_ts"`
	Text            string  `json:"text"`
	File            string  `json:"file"` // name of an uploaded file
	ActionID        string  `json:"action_id"`
	Value           string  `json:"value"`
	Emoji           string  `json:"emoji"`
	Reason          string  `json:"reason"`
	On              bool    `json:"on"`
	N               int     `json:"n"`
	Method          string  `json:"method"`
	Error           string  `json:"error"`
	Status          int     `json:"status"`
	RetryAfterMS    int64   `json:"retry_after_ms"`
	RetryAfterMaxMS int64   `json:"retry_after_max_ms"`
	DelayMS         int64   `json:"delay_ms"`
	LoseResponse    bool    `json:"lose_response"`
	Times           int     `json:"times"`
	Every           int     `json:"every"`
	Chance          float64 `json:"chance"`
}

func (q simRequest) fault() Fault {
	return Fault{
		Method: q.Method, Error: q.Error, Status: q.Status, LoseResponse: q.LoseResponse,
		Times: q.Times, Every: q.Every, Chance: q.Chance,
		RetryAfter:    time.Duration(q.RetryAfterMS) * time.Millisecond,
		RetryAfterMax: time.Duration(q.RetryAfterMaxMS) * time.Millisecond,
		Delay:         time.Duration(q.DelayMS) * time.Millisecond,
	}
}
