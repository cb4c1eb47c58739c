package bot

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pacer is asked before every call to Slack's Web API. It keeps each method
// within Slack's documented budget in every sliding minute, and after a 429
// freezes that method for as long as Slack said: limits are counted per method
// and workspace, so other methods go on (docs.slack.dev/apis/web-api/rate-limits).
type pacer struct {
	mu       sync.Mutex
	methods  map[string]*methodBudget
	channels map[string]*rate.Limiter // chat.postMessage: one a second and channel
	live     int                      // replies that still owe a last write
}

type methodBudget struct {
	limiter *rate.Limiter
	frozen  time.Time
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
	methodUserInfo:     100,
	methodSetStatus:    600,
}

func newPacer() *pacer {
	p := &pacer{methods: map[string]*methodBudget{}, channels: map[string]*rate.Limiter{}}
	for name, n := range callsPerMinute {
		// Half as burst and half as rate never exceed n in any 60 s.
		p.methods[name] = &methodBudget{limiter: rate.NewLimiter(rate.Limit(float64(n)/120), n/2)}
	}
	return p
}

// replyBegins and replyEnds count the replies whose last edit must find room.
func (p *pacer) replyBegins() { p.mu.Lock(); p.live++; p.mu.Unlock() }
func (p *pacer) replyEnds()   { p.mu.Lock(); p.live--; p.mu.Unlock() }

func (p *pacer) liveReplies() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.live
}

// try takes a place for a call that may as well be left out. It leaves enough
// edits for the last one of each live reply.
func (p *pacer) try(method string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, now := p.methods[method], time.Now()
	if now.Before(m.frozen) {
		return false
	}
	if method == methodUpdate && m.limiter.TokensAt(now) < float64(1+p.live) {
		return false
	}
	return m.limiter.AllowN(now, 1)
}

// wait returns when a call that must be made may be made, or ctx's error.
func (p *pacer) wait(ctx context.Context, method, channelID string) error {
	for {
		d := p.reserve(method, channelID)
		if d <= 0 {
			return nil
		}
		t := time.NewTimer(d)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		}
	}
}

// reserve takes a place now and returns 0, or says how long until it is worth
// asking again.
func (p *pacer) reserve(method, channelID string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, now := p.methods[method], time.Now()
	if d := m.frozen.Sub(now); d > 0 {
		return d
	}
	limits := []*rate.Limiter{m.limiter}
	if method == methodPost {
		if p.channels[channelID] == nil {
			p.channels[channelID] = rate.NewLimiter(1, 3)
		}
		limits = append(limits, p.channels[channelID])
	}
	for _, l := range limits {
		if missing := 1 - l.TokensAt(now); missing > 0 {
			return time.Duration(missing/float64(l.Limit())*float64(time.Second)) + time.Millisecond
		}
	}
	for _, l := range limits {
		l.AllowN(now, 1)
	}
	return 0
}

// limited records a 429.
func (p *pacer) limited(method string, retryAfter time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.methods[method]
	if until := time.Now().Add(retryAfter); until.After(m.frozen) {
		m.frozen = until
	}
}
