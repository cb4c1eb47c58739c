package llmsim_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/llm/llmsim/memnet"
)

func TestCloseEndsRunningAnswers(t *testing.T) {
	tests := map[string]llmsim.Script{
		"waiting":  {Text: "a b", Gap: time.Hour},
		"stalled":  {Text: "a b", Fault: llmsim.Fault{Kind: llmsim.Stall, After: 1}},
		"pinging":  {Text: "a b", Gap: time.Hour, Framing: llmsim.Framing{PingEvery: time.Second}},
		"lingers":  {Text: "a b", Framing: llmsim.Framing{Linger: true}},
		"not read": {Deltas: []string{strings.Repeat("x", 2<<20)}},
	}
	for name, script := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
				s.Enqueue(script)
				resp, err := s.post(t.Context(), stream)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				time.Sleep(time.Minute)
				start := time.Now()
				s.Close()
				if d := time.Since(start); d != 0 {
					t.Errorf("Close took %v", d)
				}
				if r := s.last(); r.Ended.IsZero() {
					t.Error("Close returned before the handler")
				}
				if _, err := io.Copy(io.Discard, resp.Body); err == nil {
					t.Error("the client saw a proper end of an answer that was broken off")
				}
				if _, err := s.post(t.Context(), stream); err == nil {
					t.Error("a closed server took a request")
				}
				s.Close() // A second time does nothing.
			})
		})
	}
}

// Mounted in a server that stays open, nothing but Close can end a write that
// waits for its reader.
func TestCloseEndsBlockedWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Options{})
		l := memnet.Listen()
		web := &http.Server{Handler: s}
		go web.Serve(l)
		defer web.Close()
		transport := &http.Transport{DialContext: l.DialContext}
		defer transport.CloseIdleConnections()
		s.Enqueue(llmsim.Script{Deltas: []string{strings.Repeat("x", 2<<20)}})
		resp, err := (&http.Client{Transport: transport}).Post("http://memnet/v1/chat/completions", "application/json", strings.NewReader(stream))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		synctest.Wait()
		s.Close()
		if r := s.Requests()[0]; r.Outcome != "closed" {
			t.Errorf("outcome %q, want closed", r.Outcome)
		}
	})
}

func TestStartAfterClose(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := llmsim.New(llmsim.Options{})
	s.Close()
	base := s.Start(l)
	if _, err := http.Get(base + "/models"); err == nil {
		t.Error("a closed server served")
	}
}

// Mounted in another server, without Start, Close still ends the handlers.
func TestHandlerOverSockets(t *testing.T) {
	s := llmsim.New(llmsim.Options{})
	web := httptest.NewServer(s)
	defer web.Close()
	post := func(ctx context.Context) (string, error) {
		req, err := http.NewRequestWithContext(ctx, "POST", web.URL+"/v1/chat/completions", strings.NewReader(stream))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := web.Client().Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return string(body), err
	}
	s.Enqueue(llmsim.Script{Text: "Hi there"})
	if body, err := post(t.Context()); err != nil || !strings.HasSuffix(body, "data: [DONE]\n\n") {
		t.Errorf("got %q, %v", body, err)
	}

	s.Enqueue(llmsim.Script{Text: "Hi there", Fault: llmsim.Fault{Kind: llmsim.Cut, After: 1}})
	if body, err := post(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(body, "Hi") {
		t.Errorf("cut: got %q, %v; what was sent must arrive before the cut", body, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	s.Enqueue(llmsim.Script{Text: "never", FirstToken: time.Hour})
	done := make(chan error, 1)
	go func() { _, err := post(ctx); done <- err }()
	running := func() bool { all := s.Requests(); return len(all) == 3 }
	if err := s.Wait(t.Context(), running); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	if err := s.Wait(t.Context(), func() bool { return s.Requests()[2].Outcome == "cancelled" }); err != nil {
		t.Fatal(err)
	}

	s.Enqueue(llmsim.Script{Text: "never", FirstToken: time.Hour})
	go func() { _, err := post(t.Context()); done <- err }()
	if err := s.Wait(t.Context(), func() bool { return len(s.Requests()) == 4 }); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := <-done; err == nil {
		t.Error("the client saw a proper end of a closed server's answer")
	}
	if o := s.Requests()[3].Outcome; o != "closed" {
		t.Errorf("outcome %q, want closed", o)
	}
}

func TestManyServersAndClients(t *testing.T) {
	const servers, clients, each = 3, 10, 5
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		for i := range servers {
			wg.Go(func() {
				inBubble(t, llmsim.Options{Models: []string{fmt.Sprint("m", i)}}, func(s *sim) {
					var inner sync.WaitGroup
					for range clients {
						inner.Go(func() {
							for range each {
								body := strings.Replace(counted, llmsim.DefaultModel, fmt.Sprint("m", i), 1)
								if got := s.ask(body); got.err != nil || !strings.Contains(got.body, "[DONE]") {
									t.Errorf("status %d, %v", got.status, got.err)
								}
							}
						})
					}
					inner.Wait()
					if n := len(s.Requests()); n != clients*each {
						t.Errorf("server %d has %d requests, want %d", i, n, clients*each)
					}
					one := s.last().Billed
					if got := s.Billed().Total(); got != one.Total()*clients*each {
						t.Errorf("server %d billed %d, want %d times %d", i, got, clients*each, one.Total())
					}
				})
			})
		}
		wg.Wait()
	})
}

func BenchmarkStream(b *testing.B) {
	s := llmsim.New(llmsim.Options{JournalSize: 1})
	defer s.Close()
	script := llmsim.Script{Text: strings.Repeat("word ", 200)}
	b.ReportAllocs()
	for b.Loop() {
		s.Enqueue(script)
		r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(stream))
		s.ServeHTTP(discard{http.Header{}}, r)
	}
}

// discard is a response that goes nowhere.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
func (d discard) FlushError() error           { return nil }
