package llmsim

import (
	"context"
	"net/http"
)

// fail lets the script's fault happen. It returns nil when the body ends
// properly after it.
func (p *player) fail(ctx context.Context) error {
	fault := p.script.Fault
	p.outcome("fault " + fault.Kind.String())
	if !p.stream {
		return p.failWhole(ctx)
	}
	switch fault.Kind {
	case Cut:
		return errCut
	case Stall:
		return p.wire.silence(ctx)
	}
	if err := p.begin(ctx); err != nil {
		return err
	}
	if line := p.faultLine(); line != "" {
		if err := p.wire.line(ctx, line, !fault.Done); err != nil {
			return err
		}
	}
	if fault.Done {
		if err := p.wire.data(ctx, []byte("[DONE]"), true); err != nil {
			return err
		}
	}
	return p.linger(ctx)
}

// faultLine is the event that shows the fault, "" for none.
func (p *player) faultLine() string {
	e := p.faultError()
	switch p.script.Fault.Kind {
	case ErrorObject:
		return "data: " + errorBody(ErrorOpenAI, http.StatusOK, e)
	case ErrorChunk:
		b := p.appendHead(nil, p.id, "chat.completion.chunk")
		b = append(b, `,"error":{"code":`...)
		b = appendCode(b, e.Code)
		b = append(b, `,"message":`...)
		b = appendString(b, e.Message)
		b = append(b, `,"metadata":{"error_type":`...)
		b = appendString(b, e.Type)
		b = append(b, `}},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}`...)
		return "data: " + string(b)
	case ErrorEvent:
		return "event: error\ndata: " + string(appendErrorMembers([]byte{'{'}, e)) + "}"
	case ErrorLine:
		return "error: " + string(appendErrorMembers([]byte{'{'}, e)) + "}"
	case ErrorFlat:
		return "data: " + errorBody(ErrorFlatBody, http.StatusOK, e)
	case Malformed:
		chunk := p.chunk(p.choice(`{"content":"…"}`, ""), "")
		return "data: " + string(chunk[:len(chunk)/2])
	}
	return ""
}

func (p *player) faultError() ErrorInfo {
	if e := p.script.Fault.Error; e != nil {
		return *e
	}
	return ErrorInfo{
		Message: "The server had an error while processing your request.",
		Type:    "server_error",
		Code:    http.StatusInternalServerError,
	}
}
