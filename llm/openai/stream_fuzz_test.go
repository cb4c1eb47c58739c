package openai_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/llm/openai"
)

// body answers every request with the same bytes.
type body func() io.Reader

func (b body) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Request: req, Body: io.NopCloser(b()),
		Header: http.Header{"Content-Type": {"text/event-stream"}}}, nil
}

// transcript is everything that a stream yields, in words.
func transcript(t *testing.T, b body) string {
	p, err := openai.New(openai.Options{Name: "p", BaseURL: "http://sim.test/v1", Model: "m", Transport: b})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for d, err := range p.Stream(t.Context(), hello) {
		switch {
		case err != nil:
			fmt.Fprintln(&out, "error", llm.ClassOf(err), err)
		case d.Attempt != nil:
			fmt.Fprintln(&out, "attempt", d.Attempt.Model, d.Attempt.Usage, d.Attempt.Outcome())
		case d.Response != nil:
			fmt.Fprintln(&out, "response", d.Response.FinishReason, d.Response.Usage)
		default:
			fmt.Fprintf(&out, "%q %q\n", d.Text, d.Reasoning)
		}
	}
	return out.String()
}

// However the network cuts the bytes of a stream, the deltas, the usage and the
// verdict are the same. The corpus is what the simulator sends for each quirk.
func FuzzStream(f *testing.F) {
	for _, q := range llmsim.Quirks() {
		if q.Open {
			continue // it would never end
		}
		if bytes := recording(q.Play("Hello — ünïcode,\nand lines.")); len(bytes) < 10_000 { // byte by byte takes time
			f.Add(bytes, uint8(3))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, n uint8) {
		want := transcript(t, func() io.Reader { return bytes.NewReader(in) })
		for name, b := range map[string]body{
			"byte by byte":            func() io.Reader { return iotest.OneByteReader(bytes.NewReader(in)) },
			"in pieces":               func() io.Reader { return openai.Pieces(in, int(n)%7+2) },
			"EOF with the last bytes": func() io.Reader { return iotest.DataErrReader(bytes.NewReader(in)) },
		} {
			if got := transcript(t, b); !reflect.DeepEqual(got, want) {
				t.Errorf("%s:\n%s\nwhole:\n%s", name, got, want)
			}
		}
	})
}

// recording is what the simulator sends for a script.
func recording(s llmsim.Script) []byte {
	sim := llmsim.New(llmsim.Options{})
	defer sim.Close()
	sim.Enqueue(s)
	w := httptest.NewRecorder()
	req := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(
		`{"model":"`+llmsim.DefaultModel+`","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}`))
	func() {
		defer func() { recover() }() // scripts that cut the connection end the handler this way
		sim.ServeHTTP(w, req)
	}()
	return w.Body.Bytes()
}
