package bot

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// SocketState is how one of the Socket Mode connections does. The connection
// itself changes every few hours; the counts go on.
type SocketState struct {
	Number    int
	Connected bool
	Since     time.Time // of the latest greeting; zero if there was none
	LastHeard time.Time // anything received, pings included; zero while not connected

	Received    int64 // envelopes
	Redelivered int64 // of these, with retry_attempt > 0
	Unknown     int64 // of these, of a type that we do not know
	Unreadable  int64 // frames that are no JSON or have no envelope id
	Acked       int64 // acknowledgements written
	AcksFailed  int64 // acknowledgements that no connection took

	// Reconnects counts the connections that were replaced, by reason: those of
	// Slack's disconnect frames ("warning", "refresh_requested",
	// "link_disabled", "too_many_websockets"), "age" for one that we replaced
	// in time, "silent" for one on which nothing came in, "write" for one that
	// took no acknowledgement, "lost" for one that ended without a word.
	Reconnects map[string]int64
	OpenFailed int64 // tries that led to no connection

	// OfApp is how many connections Slack said the app had at the greeting. More
	// than ours and those being replaced means that another program uses the
	// same app token and gets a share of the messages.
	OfApp int
}

// Sockets tells how the Socket Mode connections do, one entry for each that is
// configured. It may be called at any time.
func (b *Bot) Sockets() []SocketState { return b.sockets.states() }

// sockets are the connections of a Bot.
type sockets struct {
	places chan struct{} // one for each connection, those that are opened or left included
	intake chan struct{} // one for each envelope that is being taken in
	rush   rush

	// changed is told how many are open whenever that changes and, when one has
	// gone, when it was last heard. It is called under mu: in that order.
	changed func(open int, heard time.Time)

	mu       sync.Mutex
	state    []SocketState // by number
	open     []*socket     // in the order of their greetings
	another  chan struct{} // closed when one is added
	reported map[string]time.Time
	rotation time.Time // no replacement for age before this
}

func (s *sockets) init(connections int) {
	s.places, s.intake = make(chan struct{}, maxSockets), make(chan struct{}, atOnce)
	s.another, s.reported = make(chan struct{}), map[string]time.Time{}
	for i := range connections {
		s.state = append(s.state, SocketState{Number: i, Reconnects: map[string]int64{}})
	}
}

func (s *sockets) change(number int, f func(*SocketState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.state[number])
}

func (s *sockets) add(c *socket, ofApp int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state[c.number].Since, s.state[c.number].OfApp = c.greeted, ofApp
	s.open = append(s.open, c)
	close(s.another)
	s.another = make(chan struct{})
	s.changed(len(s.open), time.Time{})
}

func (s *sockets) remove(c *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.open)
	if s.open = slices.DeleteFunc(s.open, func(o *socket) bool { return o == c }); len(s.open) < n {
		s.changed(len(s.open), c.lastHeard())
	}
}

// list returns the open connections, the newest first, and a channel that is
// closed when there is another.
func (s *sockets) list() (open []*socket, another <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	open = slices.Clone(s.open)
	slices.Reverse(open)
	return open, s.another
}

// count returns how many places have a connection.
func (s *sockets) count() (n int) {
	for _, st := range s.states() {
		if st.Connected {
			n++
		}
	}
	return n
}

func (s *sockets) states() []SocketState {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.Clone(s.state)
	for i := range out {
		out[i].Reconnects = maps.Clone(out[i].Reconnects)
	}
	for _, c := range s.open {
		st := &out[c.number]
		st.Connected = true
		if heard := c.lastHeard(); heard.After(st.LastHeard) {
			st.LastHeard = heard
		}
	}
	return out
}

// turn returns how long to wait before a connection is replaced for its age, so
// that no two are replaced together.
func (s *sockets) turn(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := max(0, s.rotation.Sub(now))
	s.rotation = now.Add(wait + stagger)
	return wait
}

// mayReport allows one report a minute of each kind.
func (s *sockets) mayReport(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if last, ok := s.reported[what]; ok && now.Sub(last) < hopelessPause {
		return false
	}
	s.reported[what] = now
	return true
}
