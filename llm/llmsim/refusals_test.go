package llmsim_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

func TestErrorShapes(t *testing.T) {
	info := llmsim.ErrorInfo{Message: `too "many"`, Type: "slow_down", Param: "p", Code: "c1"}
	for shape, want := range map[llmsim.ErrorShape]string{
		llmsim.ErrorOpenAI:   `application/json {"error":{"message":"too \"many\"","type":"slow_down","param":"p","code":"c1"}}`,
		llmsim.ErrorString:   `application/json {"error":"too \"many\""}`,
		llmsim.ErrorFlatBody: `application/json {"object":"error","message":"too \"many\"","type":"slow_down","param":"p","code":"c1"}`,
		llmsim.ErrorDetail:   `application/json {"detail":[{"type":"slow_down","loc":["body","p"],"msg":"too \"many\""}]}`,
		llmsim.ErrorGemini:   `application/json [{"error":{"code":429,"message":"too \"many\"","status":"slow_down"}}]`,
		llmsim.ErrorHTML:     "text/html <html>\r\n<head><title>Too Many Requests</title></head>\r\n<body>\r\n<center><h1>429 Too Many Requests</h1></center>\r\n</body>\r\n</html>\r\n",
		llmsim.ErrorEmpty:    " ",
	} {
		bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
			got := s.play(llmsim.Refusal(http.StatusTooManyRequests, shape, info))
			wantBody(t, fmt.Sprint("shape ", shape), got.header.Get("Content-Type")+" "+got.body, want)
			if got.status != 429 || s.last().Outcome != "status 429" {
				t.Errorf("status %d, outcome %q", got.status, s.last().Outcome)
			}
		})
	}
}

func TestErrorCodes(t *testing.T) {
	for code, want := range map[any]string{nil: "null", 400: "400", "x": `"x"`} {
		bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
			got := s.play(llmsim.Refusal(400, llmsim.ErrorOpenAI, llmsim.ErrorInfo{Code: code}))
			wantBody(t, "code", got.body, `{"error":{"message":"","type":null,"param":null,"code":`+want+`}}`)
		})
	}
}

func TestHeadersOfARefusal(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		script := llmsim.RateLimited(1200 * time.Millisecond)
		script.FirstToken = time.Minute
		script.Header = http.Header{"x-ratelimit-reset-tokens": {"2m59.56s"}}
		start := time.Now()
		got := s.play(script)
		for key, want := range map[string]string{"Retry-After": "2", "retry-after-ms": "1200", "X-RateLimit-Reset-Tokens": "2m59.56s"} {
			if h := got.header.Get(key); h != want {
				t.Errorf("%s is %q, want %q", key, h, want)
			}
		}
		if d := time.Since(start); d != time.Minute {
			t.Errorf("refused after %v, want FirstToken", d)
		}
		script = llmsim.Overloaded(0)
		script.Response.Header.Set("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT")
		if h := s.play(script).header; h.Get("Retry-After") != "Wed, 21 Oct 2026 07:28:00 GMT" || h.Get("Retry-After-Ms") != "" {
			t.Errorf("header %v: a script's own headers must be sent as they are", h)
		}
	})
}

// A header on a normal answer, as servers report their limits.
func TestHeadersOfAnAnswer(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		for _, body := range []string{stream, whole} {
			s.Enqueue(llmsim.Script{Text: "x", Header: http.Header{"X-Ratelimit-Remaining-Tokens": {"-1"}}})
			if got := s.ask(body); got.header.Get("x-ratelimit-remaining-tokens") != "-1" || got.status != 200 {
				t.Errorf("status %d, header %v", got.status, got.header)
			}
		}
	})
}
