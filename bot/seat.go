package bot

import "time"

// seat is a live reply's right to a last write. It keeps a place in the minute
// of the method that will end the reply, so that no other reply's progress can
// use it up. It belongs to the goroutine that writes the reply; what it
// reserves is guarded by the pacer's lock.
type seat struct {
	p       *pacer
	last    string // the method that is reserved; "" for none
	granted string // a method whose next call has been waited for already
}

// sit is the beginning of a reply. leave must be called.
func (p *pacer) sit() *seat {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seats++
	return &seat{p: p}
}

func (s *seat) leave() {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.seats--
	s.release()
	s.p.dispatch(time.Now())
}

// liveReplies counts the seats that are taken.
func (p *pacer) liveReplies() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seats
}

// open decides how a reply shows its first text: methodStartStream, methodPost
// for a message that is edited, or "" for not before it is whole. It takes the
// pool that has more room for each reply that writes from it.
func (s *seat) open(streams bool) string {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	now := time.Now()
	s.release()
	defer s.p.dispatch(now) // after the new reservation: nobody may slip in between
	free := func(method string) int {
		m := s.p.methods[method]
		if now.Before(m.frozen) {
			return 0
		}
		return m.budget(now) - m.used(now) - m.reserved
	}
	// Whoever writes from a pool has reserved its last method.
	share := func(pool, last string) float64 {
		return float64(free(pool)) / float64(s.p.methods[last].reserved+1)
	}
	mayStream := streams && free(methodStartStream) > 0 && free(methodStopStream) > 0 && free(methodAppendStream) > 0
	mayEdit := free(methodUpdate) > 1 // the last edit, and one before
	switch {
	case mayStream && (!mayEdit || share(methodAppendStream, methodStopStream) >= share(methodUpdate, methodUpdate)):
		s.reserve(methodStopStream)
		return methodStartStream
	case mayEdit:
		s.reserve(methodUpdate)
		return methodPost
	}
	return ""
}

// endsWith moves the reservation to another method: a stream that was refused
// or has broken will be ended by an edit.
func (s *seat) endsWith(method string) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if s.last != method {
		s.release()
		s.reserve(method)
		s.p.dispatch(time.Now())
	}
}

func (s *seat) reserve(method string) {
	s.last = method
	s.p.methods[method].reserved++
}

func (s *seat) release() {
	if s.last != "" {
		s.p.methods[s.last].reserved--
		s.last = ""
	}
}

// owes reports whether the seat has reserved a call of the method. A nil seat
// has not. The caller holds the pacer's lock, as for pay.
func (s *seat) owes(method string) bool { return s != nil && s.last == method }

func (s *seat) pay(m *methodBudget) {
	m.reserved--
	s.last = ""
}

// owesStop reports whether the reply is to be a native stream.
func (s *seat) owesStop() bool {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	return s.owes(methodStopStream)
}

// use consumes a call that has been waited for. Slack may have refused the method
// since: then it is to be waited for again.
func (s *seat) use(method string) bool {
	if s == nil || s.granted != method {
		return false
	}
	s.granted = ""
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	return !time.Now().Before(s.p.methods[method].frozen)
}
