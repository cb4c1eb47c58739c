package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// output collects what a command prints and can be waited for.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func newOutput() *output { return &output{changed: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.changed <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// wait blocks until the pattern is printed and returns its first group.
func (o *output) wait(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(20 * time.Second)
	for {
		if m := re.FindStringSubmatch(o.String()); m != nil {
			return m[len(m)-1]
		}
		select {
		case <-o.changed:
		case <-deadline:
			t.Fatalf("%q was not printed:\n%s", pattern, o)
		}
	}
}

type runningDemo struct {
	url, dashboard string
	log            *output
}

func (d *runningDemo) waitForLog(t *testing.T, pattern string) {
	t.Helper()
	d.log.wait(t, pattern)
}

// startDemo runs `bobbin demo` on free ports until the test ends.
func startDemo(t *testing.T, args ...string) *runningDemo {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stdout, stderr := newOutput(), newOutput()
	done := make(chan int)
	go func() {
		done <- run(ctx, append([]string{"demo", "--verbose", "--listen", "127.0.0.1:0", "--dashboard", "127.0.0.1:0"}, args...), environmentOf(nil), stdout, stderr)
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-done; code != exitOK && !strings.Contains(stderr.String(), context.Canceled.Error()) {
			t.Errorf("the demo ended with code %d:\n%s", code, stderr)
		}
	})
	return &runningDemo{stdout.wait(t, `ready: +(http://\S+)`), stdout.wait(t, `view: +(http://\S+)`), stderr}
}

// The demo serves its page and health, and leaves nothing behind.
func TestDemoServesItsPage(t *testing.T) {
	d := startDemo(t)
	res, err := http.Get(d.url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 || !strings.Contains(string(body), "<title>") {
		t.Errorf("status %d, %v:\n%.300s", res.StatusCode, err, body)
	}
}
