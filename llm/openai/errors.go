package openai

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tidwall/gjson"

	"github.com/bobbin-bot/bobbin/llm"
)

// maxErrorBody bounds what is read of an error page.
const maxErrorBody = 64 << 10

// httpError explains a request that brought no stream. res is nil if no
// response came; err is the SDK's view, used only then, because the SDK loses
// status and text of the error shapes it does not know.
func (p *Provider) httpError(res *http.Response, err error, model string) *llm.Error {
	e := &llm.Error{Provider: p.o.Name, Model: model, Err: err}
	if res == nil {
		e.Class = llm.ClassConnect
		return e
	}
	var body []byte
	if res.Body != nil {
		body, _ = io.ReadAll(io.LimitReader(res.Body, maxErrorBody))
		res.Body.Close()
	}
	e.Status = res.StatusCode
	e.RequestID = requestID(res.Header)
	e.RetryAfter = retryAfter(res.Header, time.Now())
	e.Err = nil // its text repeats status and URL
	f := parseErrorBody(body)
	e.Code, e.Message = f.code, p.redact(f.message)
	if f.param != "" && !strings.Contains(e.Message, f.param) {
		e.Message += " (" + f.param + ")"
	}
	e.Class = classify(e.Status, f)
	if e.Status >= 200 && e.Status < 300 { // a page that says it is well
		e.Class = llm.ClassProtocol
	}
	if e.Class == llm.ClassProtocol {
		e.Message = "answered with a page that is no API error: is base_url right?"
	}
	return e
}

// redact removes the provider's own key, which may look like anything, and
// what looks like one.
func (p *Provider) redact(text string) string {
	if len(p.o.APIKey) >= 6 {
		text = strings.ReplaceAll(text, p.o.APIKey, "[redacted]")
	}
	// It goes to terminals and logs.
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	return llm.Redact(text)
}

// inBandError explains an error event inside a stream.
func (p *Provider) inBandError(err error, model string) error {
	e := &llm.Error{Provider: p.o.Name, Model: model}
	if ib, ok := err.(*inBand); ok {
		f := parseErrorBody(ib.body)
		e.Code, e.Message = f.code, p.redact(f.message)
		e.Class = classify(statusOf(f.code), f)
	}
	return e
}

// statusOf reads an error code that is an HTTP status; vendors have other
// numbers too.
func statusOf(code string) int {
	if n, err := strconv.Atoi(code); err == nil && n >= 400 && n < 600 {
		return n
	}
	return 0
}

// jsonInsteadOfStream explains a 200 whose body is JSON but no answer: an error
// that lost its status on the way, as a rule.
func (p *Provider) jsonInsteadOfStream(res *http.Response, body []byte) error {
	f := parseErrorBody(body)
	e := &llm.Error{Provider: p.o.Name, Status: res.StatusCode, Code: f.code, Message: p.redact(f.message)}
	if f.code != "" || f.kind != "" || f.message != "" {
		e.Class = classify(statusOf(f.code), f)
		return e
	}
	e.Class = llm.ClassProtocol
	e.Message = "answered JSON that is neither an answer nor an error: is base_url right?"
	return e
}

// fields are what error bodies have in common.
type fields struct {
	message, kind, code, param string
	known                      bool // it was JSON of a shape we know
}

// parseErrorBody reads the error shapes that are out there: OpenAI's object, a
// bare string (Ollama, proxies), vLLM's flat object, FastAPI's detail, Gemini's
// array. Anything else, such as HTML, gives no fields.
func parseErrorBody(body []byte) fields {
	body = bytes.TrimSpace(body)
	if len(body) > 0 && body[0] == '[' {
		var list []json.RawMessage
		if json.Unmarshal(body, &list) != nil || len(list) == 0 {
			return fields{}
		}
		body = list[0]
	}
	var outer struct {
		Error   json.RawMessage `json:"error"`
		Detail  json.RawMessage `json:"detail"`
		Message any             `json:"message"`
		Type    any             `json:"type"`
		Code    any             `json:"code"`
		Param   any             `json:"param"`
	}
	if json.Unmarshal(body, &outer) != nil {
		return fields{}
	}
	f := fields{message: str(outer.Message), kind: str(outer.Type), code: str(outer.Code), param: str(outer.Param)}
	f.known = f.message != "" || isSet(gjson.ParseBytes(outer.Error)) || isSet(gjson.ParseBytes(outer.Detail))
	var inner struct {
		Message any `json:"message"`
		Type    any `json:"type"`
		Status  any `json:"status"`
		Code    any `json:"code"`
		Param   any `json:"param"`
	}
	var text string
	switch {
	case json.Unmarshal(outer.Error, &text) == nil && text != "":
		f.message = text
	case json.Unmarshal(outer.Error, &inner) == nil:
		f.message = cmp.Or(str(inner.Message), f.message)
		f.kind = cmp.Or(str(inner.Type), str(inner.Status), f.kind)
		f.code = cmp.Or(str(inner.Code), f.code)
		f.param = cmp.Or(str(inner.Param), f.param)
	case isSet(gjson.ParseBytes(outer.Detail)):
		f.message = detail(outer.Detail)
	}
	return f
}

// detail reads FastAPI's {"detail": "…"} and {"detail": [{"loc": […], "msg": "…"}]}.
func detail(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var list []struct {
		Loc []any  `json:"loc"`
		Msg string `json:"msg"`
	}
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return string(raw)
	}
	where := ""
	if n := len(list[0].Loc); n > 0 {
		where = str(list[0].Loc[n-1]) + ": "
	}
	return where + list[0].Msg
}

func str(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

var (
	contextText = regexp.MustCompile(`(?i)maximum context length|context (length|window|size)|too many tokens|input (is )?too long|exceed_context_size|range of input length should be|reduce the length`)
	quotaText   = regexp.MustCompile(`(?i)insufficient[_ ](quota|balance|credit|funds)|credit balance|exceeded your current quota|billing (hard|limit|not)|spend(ing)? (cap|limit)|no balance`)
	modelText   = regexp.MustCompile(`(?i)model.{0,80}(not exist|not found|unknown|not supported|invalid|no longer|deprecated)|(unknown|invalid|no such|unsupported) model`)
	rateText    = regexp.MustCompile(`(?i)rate[_ ]limit|too many requests`)
	contentText = regexp.MustCompile(`(?i)content_filter|content_policy|moderation|censor`)
	overload    = regexp.MustCompile(`(?i)overloaded|server_error|internal_error|api_error|unavailable|try again`)
)

// classify decides the class of an error. status is 0 for an in-band error
// without one. Quota is looked at before rate limits because it comes as 429
// too, and the length of the prompt before everything, since the wording is the
// only sign of it on most servers.
func classify(status int, f fields) llm.Class {
	text := f.code + " " + f.kind + " " + f.message
	client := status == 0 || status >= 400 && status < 500
	switch {
	case f.code == "context_length_exceeded",
		(status == 0 || status == 400 || status == 413 || status == 422) && contextText.MatchString(text):
		return llm.ClassContext
	case status == 451, status == 403 && contentText.MatchString(f.message), client && contentText.MatchString(f.code+" "+f.kind),
		status == 400 && contentText.MatchString(f.message):
		return llm.ClassContent
	case f.code == "rate_limit_exceeded":
		return llm.ClassRate
	case status == 402, client && quotaText.MatchString(text):
		return llm.ClassQuota
	case status == 401, status == 403, f.code == "invalid_api_key", f.kind == "authentication_error":
		return llm.ClassAuth
	case status == 429, client && rateText.MatchString(text):
		return llm.ClassRate
	case f.code == "model_not_found", status == 410,
		(status == 0 || status == 400 || status == 404) && modelText.MatchString(text):
		return llm.ClassModel
	case status == 404 && f.known:
		return llm.ClassModel
	case status == 408, status == 409, status == 425:
		return llm.ClassTransient
	case status >= 500:
		return llm.ClassServer
	case status == 404, status >= 300 && status < 400:
		return llm.ClassProtocol
	case status >= 400 && overload.MatchString(f.kind):
		return llm.ClassServer
	case status >= 400, f.kind == "invalid_request_error":
		return llm.ClassRequest
	}
	return llm.ClassServer
}

// retryAfter reads Retry-After-Ms and Retry-After (seconds or a date). Absurd
// values count as a day.
func retryAfter(h http.Header, now time.Time) time.Duration {
	var d time.Duration
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		d = seconds(ms / 1000)
	} else if s, err := strconv.ParseFloat(h.Get("Retry-After"), 64); err == nil {
		d = seconds(s)
	} else if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), 24*time.Hour)
}

func seconds(s float64) time.Duration {
	if !(s > 0) { // also not a number
		return 0
	}
	return time.Duration(min(s, 86400) * float64(time.Second))
}

func requestID(h http.Header) string {
	return cmp.Or(h.Get("X-Request-Id"), h.Get("Request-Id"), h.Get("X-Trace-Id"))
}
