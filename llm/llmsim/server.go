package llmsim

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultModel is the model of a server whose Options name none.
const DefaultModel = "step-2-chat"

// Options say what kind of server this is. The zero value is a server that
// accepts any key, has one model and no limits, and answers at once.
type Options struct {
	// APIKey is the bearer token to ask for. Empty accepts any and none;
	// otherwise a wrong one gets 401 invalid_api_key.
	APIKey string

	// Models are listed by GET /v1/models; a request for another gets
	// 404 model_not_found. Empty means DefaultModel alone.
	Models []string

	// Answer says what to play when nothing is queued. It is called from many
	// goroutines at once. Nil means DefaultAnswer.
	Answer func(Request) Script

	// RequestsPerMinute limits the completions admitted in any 60 s; the next
	// one gets 429 with a Retry-After that is true. 0 means no limit.
	RequestsPerMinute int

	// Concurrency limits the completions that run at one time; the next one
	// gets 429. 0 means no limit.
	Concurrency int

	// Reject names request parameters that this server never accepts, as strict
	// servers do: "stream_options", "max_tokens", "max_completion_tokens",
	// "temperature" or any other. A request that has one gets RejectedParam.
	Reject []string

	// JournalSize is how many requests the journal keeps: the newest ones. 0 keeps
	// all. Billed counts all in any case.
	JournalSize int
}

// Server is a model server. It is an [http.Handler] for
//
//	POST /v1/chat/completions
//	GET  /v1/models
//	GET  /v1/models/{id}
//
// and safe for concurrent use. Any number of them run in one process.
type Server struct {
	opts    Options
	mux     *http.ServeMux
	started time.Time

	journal journal
	limits  limits

	answers atomic.Int64 // numbers the ids

	mu       sync.Mutex
	queue    []Script
	down     Down
	running  map[*http.Request]context.CancelCauseFunc
	servers  []*http.Server
	closed   bool
	handlers sync.WaitGroup
	serving  sync.WaitGroup // goroutines of Start
}

// Causes that end a handler from the server's side.
var (
	errClosed  = errors.New("llmsim: server closed")
	errRefused = errors.New("llmsim: connection refused")
)

// New returns a server that plays scripts. In a synctest bubble, call it inside
// the bubble. Call Close when done with it.
func New(opts Options) *Server {
	if len(opts.Models) == 0 {
		opts.Models = []string{DefaultModel}
	}
	if opts.Answer == nil {
		opts.Answer = DefaultAnswer
	}
	s := &Server{
		opts:    opts,
		mux:     http.NewServeMux(),
		started: time.Now(),
		journal: journal{size: opts.JournalSize},
		limits:  limits{perMinute: opts.RequestsPerMinute, concurrency: opts.Concurrency},
		running: make(map[*http.Request]context.CancelCauseFunc),
	}
	s.mux.HandleFunc("POST /v1/chat/completions", s.serveChat)
	s.mux.HandleFunc("GET /v1/models", s.serveModels)
	s.mux.HandleFunc("GET /v1/models/{id...}", s.serveModel)
	s.mux.HandleFunc("/", serveUnknown)
	return s
}

// Start serves HTTP on l until Close and returns the base URL for a client,
// such as "http://127.0.0.1:4321/v1". It takes over l. A Server that is mounted
// elsewhere as a handler does not need it.
func (s *Server) Start(l net.Listener) (baseURL string) {
	srv := &http.Server{Handler: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		l.Close()
	} else {
		s.servers = append(s.servers, srv)
		s.serving.Go(func() { srv.Serve(l) }) // Ends by Close, with nothing to report.
	}
	return "http://" + l.Addr().String() + "/v1"
}

// Close ends running answers by closing their connections, refuses new ones,
// and returns when all handlers and all goroutines of Start have ended. It may
// be called more than once.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for _, cancel := range s.running {
		cancel(errClosed)
	}
	servers := s.servers
	s.servers = nil
	s.mu.Unlock()

	for _, srv := range servers {
		srv.Close()
	}
	s.handlers.Wait()
	s.serving.Wait()
}

// ServeHTTP answers one request. It ends as soon as the client goes away.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)

	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	s.handlers.Add(1)
	s.running[r] = cancel
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.running, r)
		s.mu.Unlock()
		s.handlers.Done()
	}()

	defer unblockWrites(ctx, w)()
	s.mux.ServeHTTP(w, r.WithContext(ctx))
}

// unblockWrites makes a write that waits for a slow reader fail once ctx ends:
// otherwise Close would wait for the reader. The caller must call stop before
// the handler returns, as w is not valid after it.
func unblockWrites(ctx context.Context, w http.ResponseWriter) (stop func()) {
	done := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(done)
		// An error means that w cannot have deadlines; then nobody can help.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now())
	})
	return func() {
		if !cancel() {
			<-done
		}
	}
}

// nextID numbers the answers, so that a run is the same each time.
func (s *Server) nextID() string {
	return "chatcmpl-" + strconv.FormatInt(s.answers.Add(1), 10)
}
