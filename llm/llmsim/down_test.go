package llmsim_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

func TestDown(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		models := func() (int, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			return s.get(ctx, "/models")
		}
		chat := func() (int, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			resp, err := s.post(ctx, stream)
			if err != nil {
				return 0, err
			}
			defer resp.Body.Close()
			io.Copy(io.Discard, resp.Body)
			return resp.StatusCode, nil
		}
		tests := []struct {
			name    string
			down    llmsim.Down
			status  int
			err     error
			took    time.Duration
			outcome string
		}{
			{"healthy", llmsim.Down{}, 200, nil, 0, "ok"},
			{"refuse", llmsim.Down{Refuse: true}, 0, io.EOF, 0, "down refuse"},
			{"hang", llmsim.Down{Hang: true}, 0, context.DeadlineExceeded, 5 * time.Second, "down hang"},
			{"status", llmsim.Down{Status: 503}, 503, nil, 0, "status 503"},
			{"recovered", llmsim.Down{}, 200, nil, 0, "ok"},
		}
		for _, test := range tests {
			s.SetDown(test.down)
			for what, call := range map[string]func() (int, error){"chat": chat, "models": models} {
				start := time.Now()
				status, err := call()
				if status != test.status || !errors.Is(err, test.err) || time.Since(start) != test.took {
					t.Errorf("%s, %s: %d, %v after %v; want %d, %v after %v", test.name, what, status, err, time.Since(start), test.status, test.err, test.took)
				}
			}
			synctest.Wait()
			if r := s.last(); r.Outcome != test.outcome || r.Ended.IsZero() {
				t.Errorf("%s: outcome %q, ended %v; want %q", test.name, r.Outcome, r.Ended, test.outcome)
			}
		}
	})
}

func TestDownKeepsTheQueue(t *testing.T) {
	bubble(t, llmsim.Options{RequestsPerMinute: 1}, func(t *testing.T, s *sim) {
		s.Enqueue(llmsim.QuotaExhausted())
		s.SetDown(llmsim.Down{Status: 500, RetryAfter: 1500 * time.Millisecond})
		got := s.ask(stream)
		if got.status != 500 || got.header.Get("Retry-After") != "2" || got.header.Get("Retry-After-Ms") != "1500" {
			t.Errorf("status %d, header %v", got.status, got.header)
		}
		s.SetDown(llmsim.Down{})
		if got := s.ask(stream); got.status != 429 || got.header.Get("Retry-After") != "" {
			t.Errorf("status %d: a server that is down must neither play scripts nor count requests", got.status)
		}
	})
}

func TestRefuseCutsRunningAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		down    llmsim.Down
		err     error
		outcome string
	}{
		"refuse": {llmsim.Down{Refuse: true}, io.ErrUnexpectedEOF, "closed"},
		"hang":   {llmsim.Down{Hang: true}, nil, "ok"},
		"status": {llmsim.Down{Status: 503}, nil, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
				s.Enqueue(llmsim.Script{Text: "a b", Gap: time.Minute})
				time.AfterFunc(time.Second, func() { s.SetDown(test.down) })
				got := s.ask(stream)
				synctest.Wait()
				if r := s.last(); !errors.Is(got.err, test.err) || r.Outcome != test.outcome {
					t.Errorf("body ended with %v, outcome %q; want %v, %q", got.err, r.Outcome, test.err, test.outcome)
				}
			})
		})
	}
}
