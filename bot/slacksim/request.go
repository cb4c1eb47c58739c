package slacksim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// maxBody bounds what one call may send.
const maxBody = 4 << 20

// request is one call of the Web API.
type request struct {
	method string
	args   map[string]string // structured JSON arguments as JSON text
	token  string
	host   string
	tls    bool
	at     time.Time

	// Set by the methods for the journal.
	channel, ts, threadTS string
}

func (q *request) baseURL(scheme string) string {
	if q.tls {
		scheme += "s"
	}
	return scheme + "://" + q.host
}

// reply is an answer. Without an "error" it is a success. What it holds is
// marshalled after the lock is released and must not change.
type reply map[string]any

func fail(code string, messages ...string) reply {
	r := reply{"error": code}
	if len(messages) > 0 {
		r["response_metadata"] = map[string]any{"messages": messages}
	}
	return r
}

func (r reply) code() string {
	code, _ := r["error"].(string)
	return code
}

// parse reads query, form or JSON body. JSON needs the token in the header.
// docs.slack.dev/apis/web-api, "POST bodies"
func (q *request) parse(rw http.ResponseWriter, r *http.Request) error {
	q.args = map[string]string{}
	r.Body = http.MaxBytesReader(rw, r.Body, maxBody)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		for k, v := range r.URL.Query() {
			q.args[k] = v[0]
		}
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return fmt.Errorf("read body: %w", err)
		}
		if len(bytes.TrimSpace(data)) == 0 {
			break
		}
		if err := q.addJSON(data); err != nil {
			return err
		}
	case "multipart/form-data":
		if err := r.ParseMultipartForm(maxBody); err != nil {
			return fmt.Errorf("read form: %w", err)
		}
	default:
		if err := r.ParseForm(); err != nil {
			return fmt.Errorf("read form: %w", err)
		}
	}
	for k, v := range r.Form {
		q.args[k] = v[0]
	}
	q.token = q.args["token"]
	delete(q.args, "token")
	if scheme, t, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		q.token = t
	}
	return nil
}

// addJSON takes the fields of a JSON object as arguments.
func (q *request) addJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return fmt.Errorf("read JSON body: %w", err)
	}
	for k, raw := range fields {
		var s string
		switch {
		case string(raw) == "null":
		case json.Unmarshal(raw, &s) == nil:
			q.args[k] = s
		default:
			q.args[k] = string(raw)
		}
	}
	return nil
}

// flag reads a boolean argument.
func (q *request) flag(name string) bool {
	switch strings.ToLower(q.args[name]) {
	case "1", "true":
		return true
	}
	return false
}
