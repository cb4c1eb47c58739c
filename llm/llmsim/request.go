package llmsim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxBody is the largest request that is read.
const maxBody = 64 << 20

// readRequest reads a request for the journal. When it is not one that OpenAI
// would accept, the refusal says why and the Request holds what was understood.
func readRequest(w http.ResponseWriter, r *http.Request) (req Request, refusal *Script) {
	req.Header = redact(r.Header)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	req.At, req.Body = time.Now(), body
	if err != nil {
		return req, badRequest(http.StatusRequestEntityTooLarge, "", fmt.Sprintf("read request: %v", err))
	}
	var in struct {
		Model    string
		Messages []struct {
			Role    string
			Content json.RawMessage
		}
		Stream        bool
		StreamOptions *struct {
			IncludeUsage bool `json:"include_usage"`
		} `json:"stream_options"`
		MaxTokens           int `json:"max_tokens"`
		MaxCompletionTokens int `json:"max_completion_tokens"`
		Temperature         *float64
		User                string
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return req, badRequest(http.StatusBadRequest, "", fmt.Sprintf("We could not parse the JSON body of your request: %v", err))
	}
	req.Model = in.Model
	req.Stream = in.Stream
	req.IncludeUsage = in.StreamOptions != nil && in.StreamOptions.IncludeUsage
	req.MaxTokens = max(in.MaxTokens, in.MaxCompletionTokens)
	req.Temperature = in.Temperature
	req.User = in.User
	for i, m := range in.Messages {
		text, ok := contentText(m.Content)
		if !ok {
			return req, badRequest(http.StatusBadRequest, fmt.Sprintf("messages[%d].content", i), "Invalid type for content: expected a string or an array of parts")
		}
		req.Messages = append(req.Messages, Message{Role: m.Role, Content: text})
	}
	switch {
	case req.Model == "":
		return req, badRequest(http.StatusBadRequest, "model", "You must provide a model parameter")
	case len(req.Messages) == 0:
		return req, badRequest(http.StatusBadRequest, "messages", "Invalid 'messages': empty array. Expected an array with minimum length 1")
	case in.StreamOptions != nil && !in.Stream:
		return req, badRequest(http.StatusBadRequest, "stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled")
	}
	return req, nil
}

// contentText puts the text parts of a message's content together.
func contentText(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 {
		return "", true
	}
	var text *string // null with tool calls
	if json.Unmarshal(raw, &text) == nil {
		if text == nil {
			return "", true
		}
		return *text, true
	}
	var parts []struct{ Type, Text string }
	if json.Unmarshal(raw, &parts) != nil {
		return "", false
	}
	var b strings.Builder
	for _, p := range parts {
		if p.Type == "text" {
			b.WriteString(p.Text)
		}
	}
	return b.String(), true
}

// hasParam reports whether the request's JSON has a member of that name.
func (r Request) hasParam(name string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(r.Body, &members) != nil {
		return false
	}
	_, ok := members[name]
	return ok
}

// promptTokens counts the prompt by the rule of Usage.
func (r Request) promptTokens() int {
	n := 0
	for _, m := range r.Messages {
		n += CountTokens(m.Content)
	}
	return max(1, n)
}

// redact copies a header without its secrets.
func redact(h http.Header) http.Header {
	h = h.Clone()
	for _, key := range []string{"Authorization", "Proxy-Authorization", "Api-Key", "X-Api-Key", "Cookie"} {
		if h.Get(key) != "" {
			h.Set(key, "[redacted]")
		}
	}
	return h
}
