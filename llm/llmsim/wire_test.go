package llmsim_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// A bubble begins at 2000-01-01 UTC.
const head = `{"id":"c1","object":"chat.completion.chunk","created":946684800,"model":"step-2-chat","choices":[`

// choice is the JSON of a chunk around a delta and a finish reason.
func choice(delta, finish string) string {
	return head + `{"index":0,"delta":` + delta + `,"finish_reason":` + finish + `}]}`
}

var (
	opening = choice(`{"role":"assistant","content":""}`, "null")
	hi      = choice(`{"content":"Hi"}`, "null")
	stop    = choice(`{}`, `"stop"`)
)

func TestPlainStream(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		got := s.play(llmsim.Script{ID: "c1", Text: "Hi <you> & “me”\n\x01"})
		wantBody(t, "the zero Framing is what OpenAI sends", got.body,
			"data: "+opening+"\n\ndata: "+hi+"\n\n"+
				"data: "+choice(`{"content":" <you>"}`, "null")+"\n\n"+
				"data: "+choice(`{"content":" &"}`, "null")+"\n\n"+
				"data: "+choice(`{"content":" “me”"}`, "null")+"\n\n"+
				"data: "+choice(`{"content":"\n\u0001"}`, "null")+"\n\n"+
				"data: "+stop+"\n\ndata: [DONE]\n\n")
		if got.status != 200 || got.header.Get("Content-Type") != "text/event-stream; charset=utf-8" || got.err != nil {
			t.Errorf("status %d, %q, %v", got.status, got.header.Get("Content-Type"), got.err)
		}
	})
}

func TestFraming(t *testing.T) {
	event := func(end string) string {
		return strings.Join([]string{"data: " + opening, "data: " + hi, "data: " + stop, "data: [DONE]", ""}, end)
	}
	tests := []struct {
		name    string
		framing llmsim.Framing
		want    string
	}{
		{"crlf", llmsim.Framing{LineEnd: "\r\n"}, event("\r\n\r\n")},
		{"cr", llmsim.Framing{LineEnd: "\r"}, event("\r\r")},
		{"single newline", llmsim.Framing{NoBlankLine: true}, event("\n")},
		{"no final blank", llmsim.Framing{NoFinalBlank: true}, strings.TrimSuffix(event("\n\n"), "\n")},
		{"no done", llmsim.Framing{NoDone: true}, strings.TrimSuffix(event("\n\n"), "data: [DONE]\n\n")},
		{"neither", llmsim.Framing{NoDone: true, NoFinalBlank: true}, strings.TrimSuffix(event("\n\n"), "\ndata: [DONE]\n\n")},
		{"bom", llmsim.Framing{BOM: true}, "\xef\xbb\xbf" + event("\n\n")},
		{"no space", llmsim.Framing{NoSpace: true}, strings.ReplaceAll(event("\n\n"), "data: ", "data:")},
		{"split", llmsim.Framing{SplitEvery: 1}, event("\n\n")},
		{"lines", llmsim.Framing{
			Before:  []string{llmsim.ProcessingLine, llmsim.RetryLine},
			Between: []string{llmsim.EmptyData, llmsim.KeepAliveData},
			After:   []string{llmsim.BareComment},
		}, ": OPENROUTER PROCESSING\n\nretry: 3000\n\n" +
			"data: " + opening + "\n\ndata: " + hi + "\n\ndata:\n\ndata: keep-alive\n\n" +
			"data: " + stop + "\n\n:\n\ndata: [DONE]\n\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
				got := s.play(llmsim.Script{ID: "c1", Text: "Hi", Framing: test.framing})
				wantBody(t, test.name, got.body, test.want)
				if o := s.last().Outcome; got.err != nil || o != "ok" {
					t.Errorf("body ended with %v, outcome %q: a quirk of framing is no failure", got.err, o)
				}
			})
		})
	}
}

func TestSplitCutsRunes(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		s.Enqueue(llmsim.Script{Text: "ü", Framing: llmsim.Framing{SplitEvery: 1, SplitGap: time.Second}})
		resp, err := s.post(t.Context(), stream)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		buf := make([]byte, 100)
		for cut := false; ; {
			n, err := resp.Body.Read(buf)
			cut = cut || string(buf[:n]) == "\xc3" // The first half of ü.
			if err == io.EOF && !cut {
				t.Error("no read of the client ended within a rune")
			}
			if err != nil {
				return
			}
		}
	})
}

func TestFaults(t *testing.T) {
	begun := "data: " + opening + "\n\ndata: " + hi + "\n\n"
	moody := &llmsim.ErrorInfo{Message: "moody", Type: "overloaded_error", Code: 529}
	tests := []struct {
		fault llmsim.Fault
		after string // what follows the first delta
		err   error
	}{
		{llmsim.Fault{Kind: llmsim.Cut}, "", io.ErrUnexpectedEOF},
		{llmsim.Fault{Kind: llmsim.EndEarly}, "", nil},
		{llmsim.Fault{Kind: llmsim.ErrorObject, Error: moody},
			`data: {"error":{"message":"moody","type":"overloaded_error","param":null,"code":529}}` + "\n\n", nil},
		{llmsim.Fault{Kind: llmsim.ErrorObject, Done: true},
			`data: {"error":{"message":"The server had an error while processing your request.","type":"server_error","param":null,"code":500}}` + "\n\ndata: [DONE]\n\n", nil},
		{llmsim.Fault{Kind: llmsim.ErrorChunk, Error: moody},
			`data: {"id":"c1","object":"chat.completion.chunk","created":946684800,"model":"step-2-chat","error":{"code":529,"message":"moody","metadata":{"error_type":"overloaded_error"}},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}` + "\n\n", nil},
		{llmsim.Fault{Kind: llmsim.ErrorEvent, Error: moody},
			"event: error\n" + `data: {"message":"moody","type":"overloaded_error","param":null,"code":529}` + "\n\n", nil},
		{llmsim.Fault{Kind: llmsim.ErrorLine, Error: moody},
			`error: {"message":"moody","type":"overloaded_error","param":null,"code":529}` + "\n\n", nil},
		{llmsim.Fault{Kind: llmsim.ErrorFlat, Error: moody},
			`data: {"object":"error","message":"moody","type":"overloaded_error","param":null,"code":529}` + "\n\n", nil},
		{llmsim.Fault{Kind: llmsim.Malformed},
			`data: {"id":"c1","object":"chat.completion.chunk","created":946684800,"model":"step-` + "\n\n", nil},
	}
	for _, test := range tests {
		t.Run(test.fault.Kind.String(), func(t *testing.T) {
			bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
				test.fault.After = 1
				got := s.play(llmsim.Script{ID: "c1", Text: "Hi there", Fault: test.fault})
				wantBody(t, "one delta, then the fault", got.body, begun+test.after)
				if !errors.Is(got.err, test.err) {
					t.Errorf("body ended with %v, want %v", got.err, test.err)
				}
				r := s.last()
				if want := "fault " + test.fault.Kind.String(); r.Outcome != want || r.Deltas != 1 {
					t.Errorf("journal has %q after %d deltas, want %q after 1", r.Outcome, r.Deltas, want)
				}
			})
		})
	}
}

func TestFaultAfterLastDelta(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		got := s.play(llmsim.Script{ID: "c1", Text: "Hi", Fault: llmsim.Fault{Kind: llmsim.EndEarly, After: 99}})
		wantBody(t, "a fault after more deltas than there are comes after the last",
			got.body, "data: "+opening+"\n\ndata: "+hi+"\n\n")
		got = s.play(llmsim.Script{ID: "c1", Text: "Hi", Fault: llmsim.Fault{Kind: llmsim.Cut}})
		wantBody(t, "a fault after 0 deltas comes before the role", got.body, "")
		if !errors.Is(got.err, io.ErrUnexpectedEOF) {
			t.Errorf("cut connection gave %v, want io.ErrUnexpectedEOF", got.err)
		}
	})
}

func TestRawIsExact(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		script := llmsim.Raw("\xff\x00data", ": {\n", "\n")
		script.Gap = time.Second
		script.Framing = llmsim.Framing{BOM: true, LineEnd: "\r"}
		start := time.Now()
		got := s.play(script)
		wantBody(t, "raw bytes", got.body, "\xff\x00data: {\n\n")
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("3 pieces took %v, want a Gap between each two", d)
		}
		script.Fault = llmsim.Fault{Kind: llmsim.Cut, After: 1}
		if got := s.play(script); got.body != "\xff\x00data" || !errors.Is(got.err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after one piece: %q, %v", got.body, got.err)
		}
		if o := s.last().Outcome; o != "fault cut" {
			t.Errorf("outcome %q", o)
		}
	})
}
