package openai_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/llm/openai"
)

// counting is a listener that knows how many connections are open.
type counting struct {
	net.Listener
	open atomic.Int64
}

func (l *counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.open.Add(1)
	return &countedConn{Conn: c, open: &l.open}, nil
}

type countedConn struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

func (c *countedConn) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// Ten thousand people press Stop, at every moment there is: nothing is left of
// it, neither here nor at the server.
func TestCancelledStreamsLeaveNothingBehind(t *testing.T) {
	const streams, workers = 10_000, 16
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &counting{Listener: inner}
	sim := llmsim.New(llmsim.Options{JournalSize: 100, Answer: func(r llmsim.Request) llmsim.Script {
		// The question says how the answer stalls.
		after, hold := 0, false
		fmt.Sscan(r.Messages[0].Content, &after, &hold)
		return llmsim.Script{Text: strings.Repeat("word ", 10), HoldHeaders: hold, Fault: llmsim.Fault{Kind: llmsim.Stall, After: after}}
	}})
	base := sim.Start(l)
	transport := openai.Transport(5 * time.Second)
	adapter, err := openai.New(openai.Options{Name: "sim", BaseURL: base, Model: llmsim.DefaultModel, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	throttled := llm.Throttle(adapter, llm.ThrottleOptions{Concurrency: workers - 4, MaxWait: time.Minute})
	p := llm.Fallback([]llm.Provider{llm.Breaker(llm.Retry(throttled, llm.RetryOptions{Max: 2}), llm.BreakerOptions{})}, llm.FallbackOptions{})

	baseline := runtime.NumGoroutine()
	var done, mostOpen, mostGoroutines atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 11))
			for done.Add(1) <= streams {
				stopOne(t, rng, p)
				raise(&mostOpen, l.open.Load())
				raise(&mostGoroutines, int64(runtime.NumGoroutine()))
			}
		})
	}
	wg.Wait()
	if s := throttled.State(); s.Running != 0 || s.Waiting != 0 {
		t.Errorf("the throttle still counts %+v", s)
	}
	if n := mostOpen.Load(); n > 4*workers {
		t.Errorf("up to %d connections for %d callers: they pile up", n, workers)
	}
	if n := mostGoroutines.Load(); n > int64(baseline)+40*workers {
		t.Errorf("up to %d goroutines, %d at first: they pile up", n, baseline)
	}
	transport.CloseIdleConnections()
	sim.Close()
	if l.open.Load() != 0 {
		t.Errorf("%d connections are open after the end", l.open.Load())
	}
	// Goroutines of net/http end a moment after their connection.
	deadline := time.After(5 * time.Second)
	for runtime.NumGoroutine() > baseline {
		select {
		case <-deadline:
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d at first:\n%s", runtime.NumGoroutine(), baseline, stacks[:runtime.Stack(stacks, true)])
		default:
			runtime.Gosched()
		}
	}
	t.Logf("%d streams, at most %d connections and %d goroutines", streams, mostOpen.Load(), mostGoroutines.Load())
}

// stopOne asks and stops after some deltas, or before there are any.
func stopOne(t *testing.T, rng *rand.Rand, p llm.Provider) {
	after := rng.IntN(4)
	req := llm.Request{Messages: []llm.Message{{Role: llm.RoleUser, Content: fmt.Sprint(after, rng.IntN(2) == 0)}}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	leave := rng.IntN(2) == 0 && after > 0
	if !leave {
		time.AfterFunc(time.Duration(rng.IntN(2000))*time.Microsecond, cancel)
	}
	for d, err := range p.Stream(ctx, req) {
		if err != nil && ctx.Err() == nil {
			t.Errorf("a stream ended by itself: %v", err)
		}
		if leave && d.Text != "" {
			return
		}
	}
}

func raise(most *atomic.Int64, n int64) {
	for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
	}
}
