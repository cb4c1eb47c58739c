package llmsim

import "net/http"

// Response is an HTTP response given byte by byte. With one piece it has a
// Content-Length; with more, each piece is flushed as it is written.
type Response struct {
	Status int         // 0 means 200
	Header http.Header // beside or instead of Content-Type: text/event-stream
	Pieces []string
}

// ErrorInfo is what an error says. Each ErrorShape uses what it has room for.
type ErrorInfo struct {
	Message string
	Type    string
	Param   string
	Code    any // string, int, or nil for null
}

// ErrorShape is how the body of an error looks.
type ErrorShape int

const (
	ErrorOpenAI   ErrorShape = iota // {"error":{"message","type","param","code"}}
	ErrorString                     // {"error":"message"}: Ollama, leaking through proxies
	ErrorFlatBody                   // {"object":"error","message",…}: older vLLM
	ErrorDetail                     // {"detail":[{"type","loc","msg"}]}: FastAPI
	ErrorGemini                     // [{"error":{"code","message","status"}}]
	ErrorHTML                       // a web page: a proxy in front
	ErrorEmpty                      // no body
)

// Raw is a 200 stream of exactly these bytes. The pieces are written and
// flushed one by one, Script.Gap apart.
func Raw(pieces ...string) Script {
	return Script{Response: &Response{Pieces: pieces}}
}

// Refusal is an error status with a body of the given shape.
func Refusal(status int, shape ErrorShape, e ErrorInfo) Script {
	r := &Response{Status: status, Header: http.Header{}, Pieces: []string{errorBody(shape, status, e)}}
	switch shape {
	case ErrorHTML:
		r.Header.Set("Content-Type", "text/html")
	case ErrorEmpty:
		r.Header["Content-Type"] = nil // Not even a guessed one.
	default:
		r.Header.Set("Content-Type", "application/json")
	}
	return Script{Response: r}
}

func (r Response) status() int {
	if r.Status == 0 {
		return http.StatusOK
	}
	return r.Status
}

func setHeader(h http.Header, r Response) {
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "text/event-stream")
	}
	for key, values := range r.Header {
		h[http.CanonicalHeaderKey(key)] = values
	}
}

// errorBody returns the body of an error.
func errorBody(shape ErrorShape, status int, e ErrorInfo) string {
	var b []byte
	switch shape {
	case ErrorOpenAI:
		b = append(appendErrorMembers([]byte(`{"error":{`), e), "}}"...)
	case ErrorString:
		b = append(appendString([]byte(`{"error":`), e.Message), '}')
	case ErrorFlatBody:
		b = append(appendErrorMembers([]byte(`{"object":"error",`), e), '}')
	case ErrorDetail:
		b = append(b, `{"detail":[{"type":`...)
		b = appendString(b, e.Type)
		b = append(b, `,"loc":["body",`...)
		b = appendString(b, e.Param)
		b = append(b, `],"msg":`...)
		b = appendString(b, e.Message)
		b = append(b, "}]}"...)
	case ErrorGemini:
		b = append(b, `[{"error":{"code":`...)
		b = appendInt(b, status)
		b = append(b, `,"message":`...)
		b = appendString(b, e.Message)
		b = append(b, `,"status":`...)
		b = appendString(b, e.Type)
		b = append(b, "}}]"...)
	case ErrorHTML:
		b = append(b, "<html>\r\n<head><title>"+http.StatusText(status)+"</title></head>\r\n<body>\r\n<center><h1>"...)
		b = append(appendInt(b, status), " "+http.StatusText(status)+"</h1></center>\r\n</body>\r\n</html>\r\n"...)
	}
	return string(b)
}

// appendErrorMembers writes OpenAI's four members without braces.
func appendErrorMembers(b []byte, e ErrorInfo) []byte {
	b = append(b, `"message":`...)
	b = appendString(b, e.Message)
	b = append(b, `,"type":`...)
	b = appendStringOrNull(b, e.Type)
	b = append(b, `,"param":`...)
	b = appendStringOrNull(b, e.Param)
	b = append(b, `,"code":`...)
	return appendCode(b, e.Code)
}
