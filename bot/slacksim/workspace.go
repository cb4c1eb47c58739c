package slacksim

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// ErrClosed is returned by the verbs of a workspace after [Workspace.Close].
var ErrClosed = errors.New("slacksim: workspace closed")

// Workspace is a Slack workspace with one app installed. Make one with [New].
// All methods are safe for concurrent use.
type Workspace struct {
	opt  Options
	seed uint64
	born time.Time
	done chan struct{} // closed by Close
	wg   sync.WaitGroup

	// mu guards everything below. Nothing is written to a network, and no
	// function of the caller runs, while it is held.
	mu      sync.Mutex
	closed  bool
	changed chan struct{} // closed at the next change; nil while nobody waits
	alarms  map[*alarm]struct{}
	rng     *rand.Rand
	lastTS  int64 // microseconds
	lastID  int
	baseURL string // how the app reached us last, for response_url

	people   map[string]Person
	peopleID []string // in the order of Options, the bot last
	channels map[string]*channel
	chanID   []string // in order of creation

	ephemerals []*message
	ephByTS    map[tsKey]*message
	statuses   map[tsKey]*status
	hooks      map[string]*hook
	homes      map[string]*homeView
	uploads    map[string]*upload // by the end of their URL, until they are completed
	files      map[string]*upload // by file id, once completed

	sockets   []*socket            // in rotation, oldest first
	conns     map[*socket]struct{} // all that are not closed yet
	tickets   map[string]time.Time
	pending   map[string]*pending // by each envelope id sent for it
	dropAcks  int
	linkOff   bool // Socket Mode is switched off
	noTwins   bool
	shuffle   bool
	streaming bool
	charts    bool

	faults     []*activeFault
	faultsMade uint64
	meters     map[string]meter   // by method
	buckets    map[string]*bucket // of chat.postMessage, by channel

	calls      journal[Call]
	deliveries journal[*Delivery]
	feed       feed
	readers    map[*http.ResponseController]struct{} // pages that follow the feed
	controls   []*Control
	switches   map[string]func() // clears the fault of a built-in toggle
}

type tsKey struct{ channel, ts string }

// New makes a workspace. It starts no goroutine; Close is still needed once the
// workspace has been served or used.
func New(o Options) *Workspace {
	o = o.withDefaults()
	seed := o.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	w := &Workspace{
		opt:       o,
		seed:      seed,
		born:      time.Now(),
		done:      make(chan struct{}),
		alarms:    map[*alarm]struct{}{},
		rng:       rand.New(rand.NewPCG(seed, seed)),
		people:    map[string]Person{},
		channels:  map[string]*channel{},
		ephByTS:   map[tsKey]*message{},
		statuses:  map[tsKey]*status{},
		hooks:     map[string]*hook{},
		homes:     map[string]*homeView{},
		uploads:   map[string]*upload{},
		files:     map[string]*upload{},
		tickets:   map[string]time.Time{},
		conns:     map[*socket]struct{}{},
		readers:   map[*http.ResponseController]struct{}{},
		pending:   map[string]*pending{},
		streaming: !o.NoStreaming,
		charts:    !o.NoCharts,
		meters:    map[string]meter{},
		buckets:   map[string]*bucket{},
		switches:  map[string]func(){},
	}
	w.calls.size = callSize
	for _, p := range append(o.People, o.Bot) {
		w.people[p.ID] = p
		w.peopleID = append(w.peopleID, p.ID)
	}
	for _, c := range o.Channels {
		w.addChannel(&channel{Channel: c})
	}
	for _, p := range o.People {
		w.addChannel(&channel{Channel: Channel{ID: dmID(p.ID)}, im: p.ID})
	}
	w.controls = w.builtinControls()
	for _, c := range o.Controls {
		w.controls = append(w.controls, &c)
	}
	return w
}

// Close drops all sockets and feeds, stops all timers and waits until every
// goroutine of the workspace has ended. Calling it again does nothing. It must
// not be called from a Control's Set.
func (w *Workspace) Close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.done)
		for a := range w.alarms {
			a.stop()
		}
		for s := range w.conns {
			s.cut()
		}
		for rc := range w.readers {
			_ = rc.SetWriteDeadline(past)
		}
		w.touch()
	}
	w.mu.Unlock()
	w.wg.Wait()
}

// join counts the calling goroutine among those Close waits for. If it returns
// true the caller owes a w.wg.Done.
func (w *Workspace) join() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.wg.Add(1)
	return true
}

// ServeHTTP answers Slack's Web API under /api/, Socket Mode under /link/,
// response URLs under /response/, uploads of the app under /upload/, the page
// under / with uploaded files under /files/, and its API under /sim/.
func (w *Workspace) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, "/api/"):
		w.serveAPI(rw, r, strings.TrimPrefix(path, "/api/"))
	case strings.HasPrefix(path, "/link/"):
		w.serveLink(rw, r)
	case strings.HasPrefix(path, "/response/"):
		w.serveResponseURL(rw, r, strings.TrimPrefix(path, "/response/"))
	case strings.HasPrefix(path, "/upload/"):
		w.serveUpload(rw, r, strings.TrimPrefix(path, "/upload/"))
	case !w.opt.AnyHost && !loopbackHost(r.Host):
		sendError(rw, http.StatusForbidden, "this host name is not served here")
	case strings.HasPrefix(path, "/sim/"):
		w.serveSim(rw, r, strings.TrimPrefix(path, "/sim/"))
	case strings.HasPrefix(path, "/files/"):
		w.serveFile(rw, r, strings.TrimPrefix(path, "/files/"))
	default:
		serveWeb(rw, r)
	}
}

// Wait returns nil once ok returns true. It calls ok at once and again after
// each change of the workspace, without a lock held, so ok may use the readers.
// It returns the cause of ctx when that ends first, or [ErrClosed].
func (w *Workspace) Wait(ctx context.Context, ok func() bool) error {
	for {
		w.mu.Lock()
		next := w.nextChange()
		w.mu.Unlock()
		if ok() {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		case <-w.done:
			return ErrClosed
		}
	}
}

// nextChange returns a channel that is closed at the next change.
func (w *Workspace) nextChange() <-chan struct{} {
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.changed
}

// touch wakes everybody who waits for a change.
func (w *Workspace) touch() {
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}
