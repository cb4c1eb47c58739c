package llmsim_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/llm/llmsim/memnet"
)

// sim is a server in a synctest bubble with a plain HTTP client, so that tests
// see bytes and no client's opinion of them.
type sim struct {
	*llmsim.Server
	t      *testing.T
	base   string
	client *http.Client
}

// bubble runs a test against a new server in fake time.
func bubble(t *testing.T, opts llmsim.Options, test func(*testing.T, *sim)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		inBubble(t, opts, func(s *sim) { test(t, s) })
	})
}

// inBubble is for tests that are in a bubble already.
func inBubble(t *testing.T, opts llmsim.Options, test func(*sim)) {
	s := &sim{Server: llmsim.New(opts), t: t}
	l := memnet.Listen()
	s.base = s.Start(l)
	transport := &http.Transport{DialContext: l.DialContext}
	s.client = &http.Client{Transport: transport}
	defer s.Close()
	defer transport.CloseIdleConnections()
	test(s)
}

const (
	asking  = `{"model":"step-2-chat","messages":[{"role":"user","content":"Hello there"}]`
	stream  = asking + `,"stream":true}`
	counted = asking + `,"stream":true,"stream_options":{"include_usage":true}}`
	whole   = asking + `}`
)

// post sends a request and returns the response with its body unread.
func (s *sim) post(ctx context.Context, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", s.base+"/chat/completions", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer secret")
	return s.client.Do(req)
}

// reply is a response that was read to its end.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // of the request, when status is 0, or of the body
}

// ask sends a request and reads all of the answer.
func (s *sim) ask(body string) reply {
	resp, err := s.post(s.t.Context(), body)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode, header: resp.Header}
	var b bytes.Buffer
	_, r.err = io.Copy(&b, resp.Body)
	r.body = b.String()
	return r
}

// play plays one script for a streamed request.
func (s *sim) play(script llmsim.Script) reply {
	s.t.Helper()
	s.Enqueue(script)
	return s.ask(stream)
}

// last returns the newest entry of the journal.
func (s *sim) last() llmsim.Request {
	s.t.Helper()
	all := s.Requests()
	if len(all) == 0 {
		s.t.Fatal("the journal is empty")
	}
	return all[len(all)-1]
}

// wantBody compares exact bytes and shows them escaped.
func wantBody(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// bodyWithoutComments leaves out the comment events of a stream.
func (r reply) bodyWithoutComments() string {
	events := strings.SplitAfter(r.body, "\n\n")
	return strings.Join(slices.DeleteFunc(events, func(e string) bool { return strings.HasPrefix(e, ":") }), "")
}
