package llmsim

import (
	"net/http"
	"slices"
)

// serveModels answers GET /v1/models.
func (s *Server) serveModels(w http.ResponseWriter, r *http.Request) {
	s.journal.listed()
	if !s.admitLookup(w, r) {
		return
	}
	b := []byte(`{"object":"list","data":[`)
	for i, id := range s.opts.Models {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.appendModel(b, id)
	}
	sendJSON(w, append(b, "]}"...))
}

// serveModel answers GET /v1/models/{id}. An id may have slashes in it.
func (s *Server) serveModel(w http.ResponseWriter, r *http.Request) {
	if !s.admitLookup(w, r) {
		return
	}
	id := r.PathValue("id")
	if !slices.Contains(s.opts.Models, id) {
		sendResponse(w, UnknownModel(id))
		return
	}
	sendJSON(w, s.appendModel(nil, id))
}

// admitLookup answers the request itself when the server is down or the key
// is wrong.
func (s *Server) admitLookup(w http.ResponseWriter, r *http.Request) bool {
	down := s.state()
	switch {
	case down.Refuse:
		panic(http.ErrAbortHandler)
	case down.Hang:
		hang(r.Context())
	case down.Status != 0:
		sendResponse(w, down.refusal())
		return false
	case !s.authorised(r):
		sendResponse(w, BadKey())
		return false
	}
	return true
}

func (s *Server) appendModel(b []byte, id string) []byte {
	b = append(b, `{"id":`...)
	b = appendString(b, id)
	b = append(b, `,"object":"model","created":`...)
	b = appendInt(b, s.started.Unix())
	return append(b, `,"owned_by":"llmsim"}`...)
}

// serveUnknown answers whatever has no handler.
func serveUnknown(w http.ResponseWriter, r *http.Request) {
	sendResponse(w, Refusal(http.StatusNotFound, ErrorOpenAI, ErrorInfo{
		Message: "Invalid URL (" + r.Method + " " + r.URL.Path + ")",
		Type:    "invalid_request_error",
	}))
}

func sendJSON(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

// sendResponse sends a refusal that nobody plays: one piece, at once.
func sendResponse(w http.ResponseWriter, script Script) {
	r := script.Response
	setHeader(w.Header(), *r)
	w.WriteHeader(r.status())
	for _, piece := range r.Pieces {
		w.Write([]byte(piece))
	}
}
