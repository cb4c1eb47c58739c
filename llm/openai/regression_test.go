package openai_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/openai"
)

// trip answers requests by function.
type trip func(path string, body string) (status int, header http.Header, answer io.ReadCloser)

func (f trip) RoundTrip(req *http.Request) (*http.Response, error) {
	var sent []byte
	if req.Body != nil {
		sent, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	status, header, answer := f(req.URL.Path, string(sent))
	if header == nil {
		header = http.Header{"Content-Type": {"application/json"}}
		if status == 200 {
			header.Set("Content-Type", "text/event-stream")
		}
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)), Header: header, Body: answer,
		Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, nil
}

func text(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }

func events(list ...string) io.ReadCloser {
	return text("data: " + strings.Join(list, "\n\ndata: ") + "\n\n")
}

func providerOf(t *testing.T, f trip, change func(*openai.Options)) *openai.Provider {
	t.Helper()
	o := openai.Options{Name: "p", BaseURL: "http://p.test/v1", APIKey: "sk-test", Model: "m", Transport: f}
	if change != nil {
		change(&o)
	}
	p, err := openai.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const (
	chunkA    = `{"choices":[{"index":0,"delta":{"content":"Hello"}}]}`
	chunkB    = `{"choices":[{"index":0,"delta":{"content":" there"}}]}`
	chunkStop = `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
)

// slowly plays events with pauses before them, until ctx ends.
func slowly(pause time.Duration, list ...string) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		for _, e := range list {
			time.Sleep(pause)
			if _, err := io.WriteString(w, "data: "+e+"\n\n"); err != nil {
				return
			}
		}
		w.Close()
	}()
	return r
}

// closing makes a pipe end with the request's context, as a connection does.
type closing struct {
	f trip
}

func (c closing) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := c.f.RoundTrip(req)
	if err == nil {
		if pr, ok := res.Body.(*io.PipeReader); ok {
			context.AfterFunc(req.Context(), func() { pr.CloseWithError(req.Context().Err()) })
		}
	}
	return res, err
}

// A consumer that takes its time over the first piece is not the provider's
// failure: the first token came in time.
func TestSlowConsumerIsNotATimeout(t *testing.T) {
	for _, c := range []struct {
		name           string
		before, during time.Duration
	}{
		{"token after 11.9 s, consumer 200 ms", 11900 * time.Millisecond, 200 * time.Millisecond},
		{"token after 1 s, consumer 12 s", time.Second, 12 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := trip(func(string, string) (int, http.Header, io.ReadCloser) {
					return 200, nil, slowly(c.before, chunkA, chunkB, chunkStop, "[DONE]")
				})
				p := providerOf(t, nil, func(o *openai.Options) { o.Transport = closing{f} })
				n := 0
				for d, err := range p.Stream(t.Context(), hello) {
					if err != nil {
						t.Errorf("after %d pieces of text: %v", n, err)
						break
					}
					if d.Text != "" {
						if n++; n == 1 {
							time.Sleep(c.during)
						}
					}
				}
				time.Sleep(10 * time.Minute) // the server's goroutine ends
			})
		})
	}
}

// The same for silence: the server was not silent, the consumer was busy.
func TestSlowConsumerIsNotSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := trip(func(string, string) (int, http.Header, io.ReadCloser) {
			return 200, nil, slowly(time.Second, chunkA, chunkB, chunkA, chunkStop, "[DONE]")
		})
		p := providerOf(t, nil, func(o *openai.Options) { o.Transport = closing{f} })
		n := 0
		for d, err := range p.Stream(t.Context(), hello) {
			if err != nil {
				t.Errorf("after %d pieces of text: %v", n, err)
				break
			}
			if d.Text != "" {
				if n++; n == 2 {
					time.Sleep(31 * time.Second)
				}
			}
		}
		time.Sleep(10 * time.Minute)
	})
}

// Texts that providers really send.
func TestClasses(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   llm.Class
	}{
		{"OpenAI, rate limit of a free account", 429, `{"error":{"message":"Rate limit reached for gpt-4o-mini in organization org-x on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s. Visit https://platform.openai.com/account/rate-limits to learn more. You can increase your rate limit by adding a payment method to your account at https://platform.openai.com/account/billing.","type":"requests","param":null,"code":"rate_limit_exceeded"}}`, llm.ClassRate},
		{"OpenRouter, flagged input", 403, `{"error":{"code":403,"message":"Your chosen model requires moderation and your input was flagged","metadata":{"reasons":["violence"],"flagged_input":"...","provider_name":"OpenAI"}}}`, llm.ClassContent},
		{"200, JSON, vendor code", 200, `{"error":{"code":"1302","message":"rate limit reached, please slow down"}}`, llm.ClassRate},
		{"200, JSON, vendor code for a model", 200, `{"error":{"code":"1211","message":"the model does not exist"}}`, llm.ClassModel},
	} {
		p := providerOf(t, func(string, string) (int, http.Header, io.ReadCloser) {
			return c.status, http.Header{"Content-Type": {"application/json"}}, text(c.body)
		}, nil)
		if r := read(t.Context(), p, hello); llm.ClassOf(r.err) != c.want {
			t.Errorf("%s: class %q, want %q", c.name, llm.ClassOf(r.err), c.want)
		}
	}
}

// A value that is refused says nothing about the parameter. A probe, which asks
// for one token, must not unlearn max_tokens for everybody.
func TestARefusedValueIsNotARefusedParameter(t *testing.T) {
	var last string
	p := providerOf(t, func(_, body string) (int, http.Header, io.ReadCloser) {
		last = body
		n := gjson.Get(body, "max_tokens")
		switch {
		case gjson.Get(body, "max_completion_tokens").Exists():
			return 400, nil, text(`{"error":{"message":"max_completion_tokens: extra fields not permitted","type":"invalid_request_error","param":"max_completion_tokens"}}`)
		case n.Exists() && n.Int() < 16:
			return 400, nil, text(`{"error":{"message":"Invalid 'max_tokens': integer below minimum value. Expected a value >= 16, but got 1 instead.","type":"invalid_request_error","param":"max_tokens","code":"integer_below_min_value"}}`)
		}
		return 200, nil, events(chunkA, chunkStop, "[DONE]")
	}, func(o *openai.Options) { o.MaxOutputTokens = 500 })
	if r := read(t.Context(), p, hello); r.err != nil || gjson.Get(last, "max_tokens").Int() != 500 {
		t.Fatalf("%v, sent %s", r.err, last)
	}
	probe := hello
	probe.MaxOutputTokens, probe.Probe = 1, true
	read(t.Context(), p, probe)
	read(t.Context(), p, hello)
	if gjson.Get(last, "max_tokens").Int() != 500 {
		t.Errorf("after one probe the limit of 500 is no longer sent: %s", last)
	}
}

// An empty report is no report.
func TestEmptyUsageIsNoUsage(t *testing.T) {
	for _, c := range []struct {
		name   string
		chunks []string
	}{
		{"empty object", []string{chunkA, chunkStop, `{"choices":[],"usage":{}}`, "[DONE]"}},
		{"zeros", []string{chunkA, chunkStop, `{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}`, "[DONE]"}},
		{"an empty one after a good one", []string{chunkA, `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":2}}`, `{"choices":[],"usage":{}}`, "[DONE]"}},
	} {
		p := providerOf(t, func(string, string) (int, http.Header, io.ReadCloser) { return 200, nil, events(c.chunks...) }, nil)
		r := read(t.Context(), p, hello)
		if u := r.response.Usage; u.InputTokens == 0 || u.OutputTokens == 0 {
			t.Errorf("%s: %+v: text came, and it is booked as exactly nothing", c.name, u)
		}
	}
}

// The final usage counts, even if a chunk without anything comes before it.
func TestFinalUsageAfterAnEmptyChunk(t *testing.T) {
	p := providerOf(t, func(string, string) (int, http.Header, io.ReadCloser) {
		return 200, nil, events(
			`{"choices":[{"index":0,"delta":{"content":"Hello"}}],"usage":{"prompt_tokens":7,"completion_tokens":1}}`,
			chunkB, chunkStop, `{"choices":[]}`, `{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":50}}`, "[DONE]")
	}, nil)
	if r := read(t.Context(), p, hello); r.response.Usage.OutputTokens != 50 {
		t.Errorf("%+v, want the last report's 50", r.response.Usage)
	}
}

// A key that may chat but not list models is well: the breaker must close again.
func TestKeyThatMayNotListModels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		p := providerOf(t, func(path, _ string) (int, http.Header, io.ReadCloser) {
			switch {
			case down.Load():
				return 503, nil, text(`{"error":{"message":"overloaded"}}`)
			case strings.HasSuffix(path, "/models"):
				return 403, nil, text(`{"error":{"message":"You have insufficient permissions for this operation. Missing scopes: api.model.read.","type":"invalid_request_error","param":null,"code":null}}`)
			}
			return 200, nil, events(chunkA, chunkStop, "[DONE]")
		}, nil)
		b := llm.Breaker(p, llm.BreakerOptions{Ping: p.Ping})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { b.Run(ctx) })
		for range 5 {
			read(ctx, b, hello)
		}
		down.Store(false)
		time.Sleep(time.Hour)
		if r := read(ctx, b, hello); r.err != nil {
			t.Errorf("the provider has been back for an hour: %v", r.err)
		}
		cancel()
		wg.Wait()
	})
}

// One absurd report must not become a negative cost.
func TestAbsurdUsage(t *testing.T) {
	price, _ := llm.PerMillion(0.42, 0.1, 0.42)
	for _, n := range []string{"9000000000000000000", "5000000000000000000", "1e18", "3e17", "30000000000000000"} {
		p := providerOf(t, func(string, string) (int, http.Header, io.ReadCloser) {
			return 200, nil, events(chunkA, chunkStop, `{"choices":[],"usage":{"prompt_tokens":`+n+`,"completion_tokens":`+n+`}}`, "[DONE]")
		}, nil)
		if u := read(t.Context(), p, hello).response.Usage; price.Cost(u) < 0 {
			t.Errorf("prompt_tokens %s: %+v costs %d nano-USD", n, u, price.Cost(u))
		}
	}
}
