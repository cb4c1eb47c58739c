package llmsim

import (
	"context"
	"net/http"
	"time"
)

// Down is how a whole server fails. The zero value is healthy. It applies to
// GET /v1/models as well, so a probe sees what a user would see.
type Down struct {
	// Refuse closes each connection without an answer, and at once those of
	// running answers: the process is gone.
	Refuse bool
	// Hang accepts requests and never answers them, not even after recovery,
	// until the client gives up. Running answers go on.
	Hang bool
	// Status answers each request with that status. Running answers go on.
	Status int
	// RetryAfter is sent with Status, in whole seconds rounded up. 0: not sent.
	RetryAfter time.Duration
}

// SetDown makes the server fail from now on, or recover with Down{}.
func (s *Server) SetDown(d Down) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = d
	if d.Refuse {
		for _, cancel := range s.running {
			cancel(errRefused)
		}
	}
}

// state returns what SetDown set last.
func (s *Server) state() Down {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down
}

// hang waits for the client to leave or the server to close.
func hang(ctx context.Context) {
	<-ctx.Done()
	panic(http.ErrAbortHandler)
}

// refusal is what Status answers.
func (d Down) refusal() Script {
	script := Refusal(d.Status, ErrorOpenAI, ErrorInfo{
		Message: "The server is currently unable to handle the request.",
		Type:    "server_error",
	})
	setRetryAfter(script.Response.Header, d.RetryAfter)
	return script
}
