package bot

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// pacer is asked before every call to Slack's Web API. It keeps each method
// within Slack's documented budget in every sliding minute, and after a 429
// freezes that method for as long as Slack said: limits are counted per method
// and workspace, so other methods go on (docs.slack.dev/apis/web-api/rate-limits).
//
// What cannot be had at once waits in order: the last write of a reply first,
// whose place is reserved from the reply's beginning (see seat), then calls that
// must be made, then the first text of a reply, then the text that has waited
// longest. Text is spent freely while the minute is fresh, and the more
// sparingly the emptier it gets.
type pacer struct {
	mu       sync.Mutex
	methods  map[string]*methodBudget
	channels map[string]*channelBudget // chat.postMessage
	timer    *time.Timer               // set while only time stands before a waiting call
	seats    int                       // replies that still owe a last write
}

// call is one call to Slack, as the pacer sees it.
type call struct {
	method  string
	channel string // for chat.postMessage
	rank    rank
	since   time.Time // since when its text waits, or zero
	seat    *seat     // of the reply it is for, or nil
}

// rank orders the calls that wait for one method.
type rank int

const (
	rankFinal rank = iota // the last write of a reply
	rankMust              // must be made, sooner or later
	rankFirst             // the first text of a reply
	rankMore              // text that comes later
)

// methodBudget is what one method may do.
type methodBudget struct {
	limit    int         // calls in any 60 s
	calls    []time.Time // of the last pacerWindow, oldest first
	reserved int         // by seats
	lastMore time.Time
	frozen   time.Time
	share    float64 // of limit that is used: halved by a 429, regained with time
	touched  time.Time
	waiting  []*waiting // in order
	granted  uint64
	refused  uint64 // 429
}

type waiting struct {
	call
	granted chan struct{}
}

// callsPerMinute are Slack's budgets of the methods the bot calls.
var callsPerMinute = map[string]int{
	methodStartStream:  20,
	methodAppendStream: 100,
	methodStopStream:   20,
	methodUpdate:       50,
	methodDelete:       50,
	methodPost:         300, // "several hundred"
	methodEphemeral:    100,
	methodReplies:      50,
	methodHistory:      50,
	methodUserInfo:     100,
	methodSetStatus:    600,
	methodPublishView:  100,
	methodOpenDM:       50,
	methodUploadURL:    100,
	methodUploadDone:   100,
	methodRespond:      100, // Slack gives no number
}

const (
	// pacerWindow is Slack's minute and a second more: calls do not all need the
	// same time to Slack, which counts their arrival.
	pacerWindow = 61 * time.Second

	// Text may be written at freshRate × what is free of the minute, a second,
	// while nothing of it is spent; emptying it makes it slower by e^-spendDecay.
	// With these a crowd has spent two fifths of the minute after ten seconds, and
	// answers that last for minutes use four fifths of it.
	freshRate  = 0.0745
	spendDecay = 2.5
	// soonFree is how soon a call must leave the window for not being counted as
	// spent: who saves for what will be there in a moment writes too seldom.
	soonFree = 20 * time.Second

	// Posting: one message a second and channel, with short bursts.
	postBurst = 3

	pacerCut    = 0.5 // what a 429 leaves of a budget
	pacerRegain = 0.1 // of it that a minute gives back
	minBudget   = 2
)

func newPacer() *pacer {
	p := &pacer{methods: map[string]*methodBudget{}, channels: map[string]*channelBudget{}}
	for name, n := range callsPerMinute {
		p.methods[name] = &methodBudget{limit: n, share: 1}
	}
	return p
}

// wait returns when the call may be made, or ctx's error. The call is counted.
func (p *pacer) wait(ctx context.Context, c call) error {
	w := &waiting{c, make(chan struct{})}
	p.mu.Lock()
	p.enqueue(w)
	p.dispatch(time.Now())
	p.mu.Unlock()
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.methods[c.method]
	if i := slices.Index(m.waiting, w); i >= 0 {
		m.waiting = slices.Delete(m.waiting, i, i+1)
		p.dispatch(time.Now())
		return context.Cause(ctx)
	}
	return nil // it came at the same moment
}

// try counts a call that may as well be left out, if there is room for it now
// and nobody waits.
func (p *pacer) try(method string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, now := p.methods[method], time.Now()
	if len(m.waiting) > 0 || m.blocked(now, call{method: method, rank: rankMust}) > 0 {
		return false
	}
	m.grant(now, call{method: method, rank: rankMust})
	return true
}

func (p *pacer) enqueue(w *waiting) {
	m := p.methods[w.method]
	i, _ := slices.BinarySearchFunc(m.waiting, w, func(a, b *waiting) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), a.since.Compare(b.since), -1)
	})
	m.waiting = slices.Insert(m.waiting, i, w)
}

// dispatch grants what may go now and sets the timer for what may go later. The
// caller holds mu.
func (p *pacer) dispatch(now time.Time) {
	wake := time.Duration(math.MaxInt64)
	for _, m := range p.methods {
		for i := 0; i < len(m.waiting); {
			w := m.waiting[i]
			if d := m.blocked(now, w.call); d > 0 {
				wake = min(wake, d)
				break // whoever is behind has less right
			}
			if d := p.channelWait(now, w.call); d > 0 {
				wake = min(wake, d)
				i++ // others write to other channels
				continue
			}
			m.waiting = slices.Delete(m.waiting, i, i+1)
			m.grant(now, w.call)
			p.takeChannel(w.call)
			close(w.granted)
		}
	}
	switch {
	case wake == math.MaxInt64:
		if p.timer != nil {
			p.timer.Stop()
		}
	case p.timer == nil:
		p.timer = time.AfterFunc(wake, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.dispatch(time.Now())
		})
	default:
		p.timer.Reset(wake)
	}
}

// blocked returns how long the method has no room for c.
func (m *methodBudget) blocked(now time.Time, c call) time.Duration {
	if d := m.frozen.Sub(now); d > 0 {
		return d
	}
	used, budget := m.used(now), m.budget(now)
	room := budget - m.reserved - used
	if c.rank == rankFinal && c.seat.owes(c.method) {
		room = budget - used
	}
	if c.rank == rankMust && m.reserved >= budget {
		// After many refusals the last writes of the live replies fill the whole
		// budget, and each of them waits for a write like this one to come first.
		room = budget - used
	}
	if room <= 0 {
		return m.nextRoom(now, 1-room)
	}
	if c.rank == rankMore {
		return m.lastMore.Add(m.gap(used-m.leaving(now), budget-m.reserved)).Sub(now)
	}
	return 0
}

// leaving counts the calls that will soon have left the window.
func (m *methodBudget) leaving(now time.Time) (n int) {
	for n < len(m.calls) && now.Sub(m.calls[n]) >= pacerWindow-soonFree {
		n++
	}
	return n
}

// gap is the time between two writes of text that can wait.
func (m *methodBudget) gap(used, free int) time.Duration {
	spent := float64(used) / float64(free)
	return time.Duration(float64(time.Second) / (freshRate * float64(free) * math.Exp(-spendDecay*spent)))
}

// nextRoom returns when n calls will have left the window.
func (m *methodBudget) nextRoom(now time.Time, n int) time.Duration {
	if n > len(m.calls) {
		return time.Second // reservations fill it: one may be given back any moment
	}
	return max(time.Millisecond, m.calls[n-1].Add(pacerWindow).Sub(now))
}

// used counts the calls in the window.
func (m *methodBudget) used(now time.Time) int {
	gone := 0
	for gone < len(m.calls) && now.Sub(m.calls[gone]) >= pacerWindow {
		gone++
	}
	m.calls = slices.Delete(m.calls, 0, gone)
	return len(m.calls)
}

// budget is the limit, less what Slack has shown to be too much.
func (m *methodBudget) budget(now time.Time) int {
	if m.share < 1 {
		m.share = min(1, m.share+pacerRegain*now.Sub(m.touched).Minutes())
		m.touched = now
	}
	return max(minBudget, int(float64(m.limit)*m.share))
}

func (m *methodBudget) grant(now time.Time, c call) {
	m.calls = append(m.calls, now)
	m.granted++
	switch c.rank {
	case rankMore:
		m.lastMore = now
	case rankFinal:
		if c.seat.owes(c.method) {
			c.seat.pay(m)
		}
	}
}

// limited records a 429.
func (p *pacer) limited(method string, retryAfter time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, now := p.methods[method], time.Now()
	m.refused++
	fresh := now.After(m.frozen) // calls that were under way together are refused together
	if until := now.Add(retryAfter); until.After(m.frozen) {
		m.frozen = until
	}
	if fresh {
		m.budget(now)
		m.share, m.touched = max(m.share*pacerCut, 0.1), now
	}
	p.dispatch(now)
}

// channelBudget is what chat.postMessage may do in one channel.
type channelBudget struct {
	left float64
	at   time.Time
}

func (p *pacer) channelWait(now time.Time, c call) time.Duration {
	if c.method != methodPost {
		return 0
	}
	b := p.channels[c.channel]
	if b == nil {
		if len(p.channels) >= maxChannels {
			clear(p.channels)
		}
		b = &channelBudget{left: postBurst, at: now}
		p.channels[c.channel] = b
	}
	b.left, b.at = min(postBurst, b.left+now.Sub(b.at).Seconds()), now
	if b.left >= 1 {
		return 0
	}
	return time.Duration((1-b.left)*float64(time.Second)) + time.Millisecond
}

// maxChannels bounds what is remembered of channels that were quiet since.
const maxChannels = 10_000

func (p *pacer) takeChannel(c call) {
	if c.method == methodPost {
		p.channels[c.channel].left--
	}
}

// MethodState is a snapshot of what the pacer grants one Web API method.
type MethodState struct {
	Method   string
	Budget   int // calls a minute at present
	Used     int // in the last minute
	Reserved int // for the last writes of live replies
	Waiting  int
	Frozen   time.Time // until when Slack wants no calls; zero or past: it does
	Granted  uint64    // since the start
	Refused  uint64    // with 429, since the start
}

func (p *pacer) state() []MethodState {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	var out []MethodState
	for name, m := range p.methods {
		out = append(out, MethodState{name, m.budget(now), m.used(now), m.reserved, len(m.waiting), m.frozen, m.granted, m.refused})
	}
	slices.SortFunc(out, func(a, b MethodState) int { return cmp.Compare(a.Method, b.Method) })
	return out
}
