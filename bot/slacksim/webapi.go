package slacksim

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"
)

// method is a method of the Web API. Its function runs with w.mu held.
type method struct {
	perMinute int // calls in any 60 s; 0 = not limited here
	token     int // which token it takes
	do        func(w *Workspace, q *request) reply
}

const (
	botToken = iota
	appToken
	noToken
)

func (w *Workspace) serveAPI(rw http.ResponseWriter, r *http.Request, name string) {
	q := &request{method: name, host: r.Host, tls: r.TLS != nil, at: time.Now()}
	if err := q.parse(rw, r); err != nil {
		// Slack: invalid_form_data, invalid_json and so on, by kind of body.
		w.mu.Lock()
		w.record(q, fail("invalid_form_data"), http.StatusOK, 0, false)
		w.mu.Unlock()
		sendJSON(rw, http.StatusOK, fail("invalid_form_data", err.Error()).finish())
		return
	}
	w.call(rw, q, func() reply { return w.dispatch(q) })
}

// call runs do under the lock, bent by the faults, and answers.
func (w *Workspace) call(rw http.ResponseWriter, q *request, do func() reply) {
	w.mu.Lock()
	f := w.faultFor(q.method)
	w.mu.Unlock()
	if f.Delay > 0 && !w.sleep(f.Delay) {
		http.Error(rw, ErrClosed.Error(), http.StatusServiceUnavailable)
		return
	}

	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		http.Error(rw, ErrClosed.Error(), http.StatusServiceUnavailable)
		return
	}
	out, status, retryAfter := reply(nil), http.StatusOK, time.Duration(0)
	switch {
	case f.Status != 0 && f.Status != http.StatusOK:
		status, retryAfter = f.Status, f.RetryAfter
		code := f.Error
		if code == "" && status == http.StatusTooManyRequests {
			code = "ratelimited"
		}
		out = fail(code)
	case f.Error != "":
		out = fail(f.Error)
	default:
		out = do()
		if wait, ok := out["retry_after"].(time.Duration); ok {
			status, retryAfter = http.StatusTooManyRequests, wait
			out = fail("ratelimited")
		}
		if other, ok := out["http_status"].(int); ok {
			status = other
		}
	}
	if retryAfter > 0 {
		retryAfter = time.Duration(wholeSeconds(retryAfter)) * time.Second
	}
	w.record(q, out, status, retryAfter, f.LoseResponse)
	w.mu.Unlock()

	if f.LoseResponse {
		panic(http.ErrAbortHandler) // net/http's way to cut the connection
	}
	if retryAfter > 0 {
		rw.Header().Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
	}
	if status != http.StatusOK && out.code() == "" {
		http.Error(rw, http.StatusText(status), status)
		return
	}
	if text, ok := out["plain"].(string); ok {
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, text)
		return
	}
	sendJSON(rw, status, out.finish())
}

func wholeSeconds(d time.Duration) int {
	return max(1, int(math.Ceil(d.Seconds())))
}

func (r reply) finish() reply {
	r["ok"] = r.code() == ""
	return r
}

// sleep waits in real or simulated time; it returns false when the workspace is
// closed first. The caller going away does not matter: Slack does the work of a
// request that it has received.
func (w *Workspace) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-w.done:
		return false
	}
}

// dispatch checks method, token and rate limits in that order, and runs the
// method. The caller holds w.mu.
func (w *Workspace) dispatch(q *request) reply {
	m, ok := methods[q.method]
	if !ok {
		r := fail("unknown_method")
		r["req_method"] = q.method
		return r
	}
	if m.token != noToken {
		want, other := w.opt.BotToken, w.opt.AppToken
		if m.token == appToken {
			want, other = other, want
		}
		switch q.token {
		case want:
		case "":
			return fail("not_authed")
		case other:
			return fail("not_allowed_token_type")
		default:
			return fail("invalid_auth")
		}
	}
	if wait := w.limited(q, m); wait > 0 {
		return reply{"retry_after": wait}
	}
	return m.do(w, q)
}

// record journals a call and shows it on the page. The caller holds w.mu.
func (w *Workspace) record(q *request, out reply, status int, retryAfter time.Duration, lost bool) {
	arg := func(set string, names ...string) string {
		for _, n := range names {
			if set == "" {
				set = q.args[n]
			}
		}
		return set
	}
	if lost {
		status, retryAfter = 0, 0
	}
	c := Call{
		Method: q.method, At: q.at, Error: out.code(), HTTPStatus: status, RetryAfter: retryAfter, Lost: lost, Args: q.args,
		Channel:  arg(q.channel, "channel", "channel_id"),
		TS:       arg(q.ts, "ts", "timestamp"),
		ThreadTS: arg(q.threadTS, "thread_ts"),
	}
	w.calls.add(c)
	w.publish("call", map[string]any{
		"method": c.Method, "error": c.Error, "http_status": c.HTTPStatus,
		"retry_after_ms": c.RetryAfter.Milliseconds(), "lost": c.Lost, "at": c.At,
	})
}

func sendJSON(rw http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write(data)
}
