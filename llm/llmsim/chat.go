package llmsim

import (
	"net/http"
	"slices"
	"strings"
)

// Enqueue adds scripts. Each is played once, first come first served, for
// requests that are admitted; then Options.Answer is asked again.
func (s *Server) Enqueue(scripts ...Script) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, scripts...)
}

// serveChat answers POST /v1/chat/completions.
func (s *Server) serveChat(w http.ResponseWriter, r *http.Request) {
	req, refusal := readRequest(w, r)
	ctx := r.Context()
	p := &player{server: s, w: w, req: req, start: req.At, entry: s.journal.add(req)}
	defer p.end(ctx)

	down := s.state()
	switch {
	case down.Refuse:
		p.outcome("down refuse")
		panic(http.ErrAbortHandler)
	case down.Hang:
		p.outcome("down hang")
		hang(ctx)
	case down.Status != 0:
		p.script = down.refusal()
	case !s.authorised(r):
		p.script = BadKey()
	case refusal != nil:
		p.script = *refusal
	case !slices.Contains(s.opts.Models, req.Model):
		p.script = UnknownModel(req.Model)
	default:
		p.script = s.admit(p)
	}
	if err := p.play(ctx); err != nil {
		panic(http.ErrAbortHandler) // The connection is no good any more.
	}
}

// admit returns the script to play for a request that is well formed: the next
// one in the queue, what Answer says, or a refusal of the server's limits.
func (s *Server) admit(p *player) Script {
	for _, name := range s.opts.Reject {
		if p.req.hasParam(name) {
			return RejectedParam(name)
		}
	}
	refusal, ok := s.limits.admit(p.start)
	p.header = s.limits.header(p.start)
	if !ok {
		return refusal
	}
	p.admitted = true
	if script, ok := s.next(); ok {
		return script
	}
	return s.opts.Answer(p.req)
}

func (s *Server) next() (Script, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return Script{}, false
	}
	script := s.queue[0]
	s.queue = s.queue[1:]
	return script, true
}

// authorised reports whether the request has the right key.
func (s *Server) authorised(r *http.Request) bool {
	key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return s.opts.APIKey == "" || key == s.opts.APIKey
}
