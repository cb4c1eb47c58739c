package openai_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/llm/llmsim/memnet"
	"github.com/bobbin-bot/bobbin/llm/openai"
)

// result is a stream read to its end.
type result struct {
	text, reasoning string
	attempts        []llm.Attempt
	response        *llm.Response
	limit           *llm.RateLimit
	err             error
	took            time.Duration
}

func read(ctx context.Context, p llm.Provider, req llm.Request) result {
	var r result
	begun := time.Now()
	for d, err := range p.Stream(ctx, req) {
		if err != nil {
			r.err = err
			break
		}
		r.text += d.Text
		r.reasoning += d.Reasoning
		if d.RateLimit != nil {
			r.limit = d.RateLimit
		}
		if d.Attempt != nil {
			r.attempts = append(r.attempts, *d.Attempt)
		}
		if d.Response != nil {
			r.response = d.Response
		}
	}
	r.took = time.Since(begun)
	return r
}

var hello = llm.Request{System: "Be brief.", Messages: []llm.Message{{Role: llm.RoleUser, Content: "Hello?"}}}

// withModel runs f in a bubble with a provider for a simulated server.
func withModel(t *testing.T, so llmsim.Options, change func(*openai.Options), f func(*testing.T, *llmsim.Server, *openai.Provider)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(so)
		l := memnet.Listen()
		o := openai.Options{Name: "sim", BaseURL: "http://sim.test/v1", APIKey: "sk-test", Model: llmsim.DefaultModel}
		sim.Start(l)
		transport := &http.Transport{DialContext: l.DialContext}
		o.Transport = transport
		if change != nil {
			change(&o)
		}
		p, err := openai.New(o)
		if err != nil {
			t.Fatal(err)
		}
		f(t, sim, p)
		transport.CloseIdleConnections()
		sim.Close()
	})
}

// Every way in which servers were seen to differ. A whole answer is read whole;
// a broken one is never taken for whole; and no clock is waited out for nothing.
func TestWireQuirks(t *testing.T) {
	const text = "Hello — this is the answer, with ünïcode and\nlines."
	for _, q := range append(llmsim.Quirks(), llmsim.Refusals()...) {
		t.Run(q.Name, func(t *testing.T) {
			withModel(t, llmsim.Options{}, nil, func(t *testing.T, sim *llmsim.Server, p *openai.Provider) {
				sim.Enqueue(q.Play(text))
				r := read(t.Context(), p, hello)
				if len(r.attempts) != 1 && !strings.HasPrefix(q.Name, "4") {
					t.Errorf("%d attempts reported, want each call once", len(r.attempts))
				}
				switch {
				case q.Verdict == llmsim.Complete || q.Verdict == llmsim.Told && r.err == nil:
					if r.err != nil || r.text != text || r.response == nil {
						t.Fatalf("%s: got %q, error %v; want the whole answer", q.Source, r.text, r.err)
					}
					if r.reasoning != "" && strings.Contains(r.text, r.reasoning) {
						t.Errorf("the reasoning %q got into the answer", r.reasoning)
					}
					if r.took > 10*time.Second {
						t.Errorf("a whole answer took %v of waiting", r.took)
					}
				case q.Verdict == llmsim.Broken && r.err == nil && !learned(q.Name):
					t.Fatalf("%s: the broken answer %q was taken for whole", q.Source, r.text)
				}
				if r.err != nil {
					e, ok := errors.AsType[*llm.Error](r.err)
					if !ok || e.Class == "" || e.Provider != "sim" {
						t.Errorf("error %v (%T); want an *llm.Error with class and provider", r.err, r.err)
					}
				}
			})
		})
	}
}

// The table of all quirks and what becomes of them is in testdata, for people to
// read: go test ./llm/openai -run Golden -update.
func TestWireGolden(t *testing.T) {
	var out strings.Builder
	for _, q := range append(llmsim.Quirks(), llmsim.Refusals()...) {
		withModel(t, llmsim.Options{}, nil, func(t *testing.T, sim *llmsim.Server, p *openai.Provider) {
			sim.Enqueue(q.Play("Hello, this is the answer."))
			r := read(t.Context(), p, hello)
			fmt.Fprintf(&out, "%-38s", q.Name)
			if r.err != nil {
				e, _ := errors.AsType[*llm.Error](r.err)
				fmt.Fprintf(&out, "%s after %v, %d bytes of text\n", e.Class, r.took.Round(time.Second), len(r.text))
				return
			}
			u := r.response.Usage
			fmt.Fprintf(&out, "whole, %q, %d in (%d cached), %d out (%d reasoning)", r.response.FinishReason,
				u.InputTokens, u.CachedInputTokens, u.OutputTokens, u.ReasoningTokens)
			if u.Estimated {
				out.WriteString(", estimated")
			}
			if r.limit != nil {
				fmt.Fprintf(&out, ", left %d requests and %d tokens", r.limit.Requests.Remaining, r.limit.Tokens.Remaining)
			}
			if n := len(sim.Requests()); n > 1 {
				fmt.Fprintf(&out, ", %d requests", n)
			}
			out.WriteString("\n")
		})
	}
	const file = "testdata/wire.golden"
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || string(want) != out.String() {
		t.Errorf("%s differs (%v); got:\n%s", file, err, out.String())
	}
}

var update = flag.Bool("update", false, "write the golden files")

// learned names the refusals that are cured by leaving the parameter out; the
// simulator answers the second request well.
func learned(name string) bool {
	for _, param := range []string{"max_tokens", "max_completion_tokens", "temperature", "stream_options"} {
		if strings.HasSuffix(name, " "+param) {
			return true
		}
	}
	return false
}

// The class decides who tries again; the words are for the operator.
func TestErrorClasses(t *testing.T) {
	for _, c := range []struct {
		name   string
		script llmsim.Script
		class  llm.Class
		says   string
		after  time.Duration
	}{
		{"wrong key", llmsim.BadKey(), llm.ClassAuth, "", 0},
		{"forbidden", llmsim.Forbidden(), llm.ClassAuth, "", 0},
		{"no balance", llmsim.NoBalance(), llm.ClassQuota, "", 0},
		{"quota as 429", llmsim.QuotaExhausted(), llm.ClassQuota, "", 0},
		{"rate limit", llmsim.RateLimited(7 * time.Second), llm.ClassRate, "", 7 * time.Second},
		{"overloaded", llmsim.Overloaded(3 * time.Second), llm.ClassServer, "", 3 * time.Second},
		{"unknown model, OpenAI", llmsim.UnknownModel("x"), llm.ClassModel, "", 0},
		{"unknown model, StepFun's 400", llmsim.StepFunUnknownModel("x"), llm.ClassModel, "", 0},
		{"context, OpenAI", llmsim.ContextTooLong(100, 200), llm.ClassContext, "", 0},
		{"context, vLLM", llmsim.VLLMContextTooLong(100, 200), llm.ClassContext, "", 0},
		{"context, in-band", llmsim.SGLangContextTooLong(100, 200), llm.ClassContext, "", 0},
		{"moderation, Azure", llmsim.ContentBlocked(), llm.ClassContent, "", 0},
		{"moderation, StepFun", llmsim.Moderated(), llm.ClassContent, "", 0},
		{"string error", llmsim.Refusal(429, llmsim.ErrorString, llmsim.ErrorInfo{Message: "slow down"}), llm.ClassRate, "slow down", 0},
		{"flat error", llmsim.Refusal(500, llmsim.ErrorFlatBody, llmsim.ErrorInfo{Message: "it broke"}), llm.ClassServer, "it broke", 0},
		{"detail", llmsim.Refusal(422, llmsim.ErrorDetail, llmsim.ErrorInfo{Message: "field required"}), llm.ClassRequest, "field required", 0},
		{"array", llmsim.Refusal(503, llmsim.ErrorGemini, llmsim.ErrorInfo{Message: "high demand"}), llm.ClassServer, "high demand", 0},
		{"web page with 404", llmsim.Refusal(404, llmsim.ErrorHTML, llmsim.ErrorInfo{}), llm.ClassProtocol, "base_url", 0},
		{"key repeated in the error", llmsim.Refusal(401, llmsim.ErrorOpenAI, llmsim.ErrorInfo{Message: "wrong key sk-verysecret1234"}), llm.ClassAuth, "[redacted]", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			withModel(t, llmsim.Options{}, nil, func(t *testing.T, sim *llmsim.Server, p *openai.Provider) {
				sim.Enqueue(c.script)
				r := read(t.Context(), p, hello)
				e, ok := errors.AsType[*llm.Error](r.err)
				if !ok || e.Class != c.class || e.RetryAfter != c.after || !strings.Contains(e.Error(), c.says) {
					t.Errorf("got %v (%+v), want class %s, retry after %v, saying %q", r.err, e, c.class, c.after, c.says)
				}
				if strings.Contains(r.err.Error(), "verysecret") {
					t.Errorf("the error shows the key: %v", r.err)
				}
			})
		})
	}
}

// Three clocks; comments do not stop them.
func TestClocks(t *testing.T) {
	comments := llmsim.Framing{Ping: llmsim.KeepAliveComment, PingEvery: time.Second}
	words := "one two three four five six"
	for _, c := range []struct {
		name   string
		script llmsim.Script
		class  llm.Class
		within time.Duration
		text   string
	}{
		{"no first token", llmsim.Script{FirstToken: time.Hour, Text: words}, llm.ClassTimeout, 12 * time.Second, ""},
		{"no first token but comments", llmsim.Script{FirstToken: time.Hour, Text: words, Framing: comments}, llm.ClassTimeout, 12 * time.Second, ""},
		{"not even headers", llmsim.Script{FirstToken: time.Hour, Text: words, HoldHeaders: true}, llm.ClassTimeout, 12 * time.Second, ""},
		{"silence in the middle", llmsim.Script{Text: words, Fault: llmsim.Fault{Kind: llmsim.Stall, After: 2}}, llm.ClassTruncated, 30 * time.Second, "one two"},
		{"silence with comments", llmsim.Script{Text: words, Fault: llmsim.Fault{Kind: llmsim.Stall, After: 2}, Framing: comments}, llm.ClassTruncated, 30 * time.Second, "one two"},
		{"an answer without end", llmsim.Script{Text: strings.Repeat("word ", 1000), Gap: time.Second}, llm.ClassTruncated, 180 * time.Second, "word word"},
	} {
		t.Run(c.name, func(t *testing.T) {
			withModel(t, llmsim.Options{}, nil, func(t *testing.T, sim *llmsim.Server, p *openai.Provider) {
				sim.Enqueue(c.script)
				r := read(t.Context(), p, hello)
				if llm.ClassOf(r.err) != c.class || r.took != c.within || !strings.HasPrefix(r.text, c.text) {
					t.Errorf("%v after %v with %q; want class %s after %v", r.err, r.took, r.text, c.class, c.within)
				}
			})
		})
	}
	t.Run("slow but alive", func(t *testing.T) {
		withModel(t, llmsim.Options{}, nil, func(t *testing.T, sim *llmsim.Server, p *openai.Provider) {
			sim.Enqueue(llmsim.Script{Text: words, FirstToken: 11 * time.Second, Gap: 29 * time.Second})
			if r := read(t.Context(), p, hello); r.err != nil || r.text != words {
				t.Errorf("%q, %v", r.text, r.err)
			}
		})
	})
	t.Run("reasoning counts as life", func(t *testing.T) {
		withModel(t, llmsim.Options{}, nil, func(t *testing.T, sim *llmsim.Server, p *openai.Provider) {
			sim.Enqueue(llmsim.Script{Reasoning: "let me see and think", Text: words, Gap: 15 * time.Second, FirstToken: 5 * time.Second})
			if r := read(t.Context(), p, hello); r.err != nil || r.text != words {
				t.Errorf("%q, %v", r.text, r.err)
			}
		})
	})
}

// The clock for connecting runs out before that for the first token, and the
// class says that nobody was there.
func TestConnectTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen() // takes connections, and never says a word of TLS
		transport := openai.Transport(5 * time.Second)
		transport.DialContext = l.DialContext
		var accepted net.Conn
		done := make(chan struct{})
		go func() { defer close(done); accepted, _ = l.Accept() }()
		p, err := openai.New(openai.Options{BaseURL: "https://sim.test/v1", Model: "m", Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		if r := read(t.Context(), p, hello); llm.ClassOf(r.err) != llm.ClassConnect || r.took != 5*time.Second {
			t.Errorf("%v after %v, want class connect after 5 s", r.err, r.took)
		}
		<-done
		accepted.Close()
	})
}

// Usage is the last that was reported, never a sum; without a report it is an
// estimate and says so.
func TestUsage(t *testing.T) {
	for _, name := range []string{"usage cumulative", "usage cumulative then null", "stepfun", "cached at top", "cached hit and miss", "cached in details"} {
		for _, q := range llmsim.Quirks() {
			if q.Name != name {
				continue
			}
			withModel(t, llmsim.Options{}, nil, func(t *testing.T, sim *llmsim.Server, p *openai.Provider) {
				sim.Enqueue(q.Play("some words of an answer"))
				r := read(t.Context(), p, hello)
				got, billed := r.response.Usage, sim.Billed()
				if got.InputTokens != int64(billed.PromptTokens) || got.OutputTokens != int64(billed.CompletionTokens) ||
					got.CachedInputTokens != int64(billed.CachedTokens) || got.Estimated {
					t.Errorf("%s: recorded %+v, billed %+v", name, got, billed)
				}
			})
		}
	}
	withModel(t, llmsim.Options{}, nil, func(t *testing.T, sim *llmsim.Server, p *openai.Provider) {
		sim.Enqueue(llmsim.Script{Text: "some words", UsageIn: llmsim.UsageNever})
		if u := read(t.Context(), p, hello).response.Usage; !u.Estimated || u.InputTokens == 0 || u.OutputTokens == 0 {
			t.Errorf("usage %+v, want an estimate marked as such", u)
		}
	})
}

// An answer without text is none, however well it ended.
func TestEmptyAnswer(t *testing.T) {
	for name, script := range map[string]llmsim.Script{
		"nothing":        {},
		"reasoning only": {Reasoning: "let me see", FinishReason: "length"},
		"a tool call":    {ToolCalls: []llmsim.ToolCall{{ID: "1", Name: "f", Arguments: "{}"}}},
		"white space":    {Text: " \n "},
	} {
		withModel(t, llmsim.Options{}, nil, func(t *testing.T, sim *llmsim.Server, p *openai.Provider) {
			sim.Enqueue(script)
			r := read(t.Context(), p, hello)
			e, ok := errors.AsType[*llm.Error](r.err)
			if !ok || e.Code != llm.EmptyAnswer || e.Class != llm.ClassProtocol || !strings.Contains(e.Message, "finish_reason") {
				t.Errorf("%s: %v; want an error that a fallback may answer, with the finish_reason", name, r.err)
			}
		})
	}
}

// What a server refuses is left out from then on, after one refusal.
func TestRefusedParametersAreLearned(t *testing.T) {
	temperature := 0.5
	for _, param := range []string{"stream_options", "max_tokens", "temperature"} {
		withModel(t, llmsim.Options{Reject: []string{param}}, func(o *openai.Options) {
			o.MaxOutputTokens, o.Temperature = 100, &temperature
		}, func(t *testing.T, sim *llmsim.Server, p *openai.Provider) {
			for range 3 {
				if r := read(t.Context(), p, hello); r.err != nil {
					t.Errorf("%s: %v", param, r.err)
				}
			}
			if n := len(sim.Requests()); n != 4 {
				t.Errorf("%s: %d requests for 3 questions, want one refusal", param, n)
			}
			last := sim.Requests()[3]
			if strings.Contains(string(last.Body), `"`+param+`"`) {
				t.Errorf("%s is still sent: %s", param, last.Body)
			}
			if param == "max_tokens" && last.MaxTokens != 100 {
				t.Errorf("the limit was dropped instead of being sent as max_completion_tokens: %s", last.Body)
			}
		})
	}
}

// Leaving the loop, or cancelling, ends the request at the server.
func TestLeavingEndsTheRequest(t *testing.T) {
	for _, how := range []string{"break", "cancel"} {
		withModel(t, llmsim.Options{}, nil, func(t *testing.T, sim *llmsim.Server, p *openai.Provider) {
			sim.Enqueue(llmsim.Script{Text: strings.Repeat("word ", 100), Gap: time.Second})
			ctx, cancel := context.WithCancelCause(t.Context())
			stop := errors.New("the person pressed stop")
			var last error
			var attempt *llm.Attempt
			for d, err := range p.Stream(ctx, hello) {
				last = err
				if d.Attempt != nil {
					attempt = d.Attempt
				}
				if d.Text == "" {
					continue
				}
				if how == "break" {
					break
				}
				cancel(stop)
			}
			synctest.Wait()
			if got := sim.Requests()[0].Outcome; got != "cancelled" {
				t.Errorf("%s: the server's outcome is %q, want cancelled", how, got)
			}
			if how == "cancel" && (!errors.Is(last, stop) || attempt == nil || attempt.Outcome() != "cancelled" || !attempt.Usage.Estimated) {
				t.Errorf("cancel: error %v, attempt %+v; want the cause, and an estimate in the ledger", last, attempt)
			}
			cancel(nil)
		})
	}
}

// The environment's OpenAI settings belong to nobody's requests but OpenAI's.
func TestEnvironmentIsNotRead(t *testing.T) {
	for _, name := range []string{"OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS"} {
		t.Setenv(name, "X-Canary: from-the-environment")
	}
	sim := llmsim.New(llmsim.Options{APIKey: "sk-test"})
	defer sim.Close()
	l := memnet.Listen()
	sim.Start(l)
	p, err := openai.New(openai.Options{BaseURL: "http://sim.test/v1", APIKey: "sk-test", Model: llmsim.DefaultModel,
		Transport: &http.Transport{DialContext: l.DialContext}})
	if err != nil {
		t.Fatal(err)
	}
	if r := read(t.Context(), p, hello); r.err != nil {
		t.Fatal(r.err)
	}
	for name, values := range sim.Requests()[0].Header {
		if strings.Contains(strings.Join(values, " "), "from-the-environment") {
			t.Errorf("header %s: %v came from the environment", name, values)
		}
	}
}

func TestBaseURLMistakes(t *testing.T) {
	for url, hint := range map[string]string{
		"":                   "missing",
		"api.example.com/v1": "want https://HOST/v1",
		"https://api.example.com/v1/chat/completions":  "use https://api.example.com/v1",
		"https://api.example.com/v1/chat/completions/": "use https://api.example.com/v1",
		"https://api.example.com/v1/models":            "use https://api.example.com/v1",
		"https://key@api.example.com/v1":               "api_key",
		"https://api.example.com/v1?key=1":             "plain URL",
		"ftp://api.example.com":                        "want https://HOST/v1",
	} {
		if _, err := openai.New(openai.Options{BaseURL: url, Model: "m"}); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("base_url %q: error %v, want a hint with %q", url, err, hint)
		}
	}
}

func TestModels(t *testing.T) {
	withModel(t, llmsim.Options{Models: []string{"a", "b"}}, func(o *openai.Options) { o.Model = "a" }, func(t *testing.T, sim *llmsim.Server, p *openai.Provider) {
		got, err := p.Models(t.Context())
		if err != nil || strings.Join(got, " ") != "a b" {
			t.Errorf("%v, %v", got, err)
		}
		sim.SetDown(llmsim.Down{Status: 401})
		if _, err := p.Models(t.Context()); llm.ClassOf(err) != llm.ClassAuth {
			t.Errorf("error %v, want class auth", err)
		}
	})
}

// Strict servers refuse two messages of one role in a row.
func TestMessagesAlternate(t *testing.T) {
	withModel(t, llmsim.Options{}, nil, func(t *testing.T, sim *llmsim.Server, p *openai.Provider) {
		req := llm.Request{System: "S", Messages: []llm.Message{
			{Role: llm.RoleUser, Content: "a"}, {Role: llm.RoleUser, Content: "b"},
			{Role: llm.RoleAssistant, Content: "c"}, {Role: llm.RoleUser, Content: "d"}}}
		read(t.Context(), p, req)
		var got []string
		for _, m := range sim.Requests()[0].Messages {
			got = append(got, m.Role+" "+m.Content)
		}
		if want := []string{"system S", "user a\n\nb", "assistant c", "user d"}; !slices.Equal(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
		if len(req.Messages) != 4 || req.Messages[0].Content != "a" {
			t.Error("the caller's messages were changed")
		}
	})
}

// A caller whose time has run out blames the server only if it had a fair part
// of it.
func TestTooLate(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		class llm.Class
	}{{time.Second, llm.ClassCancelled}, {7 * time.Second, llm.ClassTimeout}, {20 * time.Second, llm.ClassTimeout}} {
		withModel(t, llmsim.Options{}, nil, func(t *testing.T, sim *llmsim.Server, p *openai.Provider) {
			sim.SetDown(llmsim.Down{Hang: true})
			ctx, cancel := context.WithTimeoutCause(t.Context(), c.after, llm.ErrTooLate)
			defer cancel()
			r := read(ctx, p, hello)
			if llm.ClassOf(r.err) != c.class || c.after < 12*time.Second && !errors.Is(r.err, llm.ErrTooLate) {
				t.Errorf("after %v: %v, want class %q", c.after, r.err, c.class)
			}
		})
	}
}

// The Recorder sees the calls that the consumer walked away from, with an
// estimate of what they cost; and the headers' limits.
func TestRecorderSeesAll(t *testing.T) {
	var attempts []llm.Attempt
	var limits []llm.RateLimit
	rec := recorderFunc(func(e llm.Event) {
		if e.Attempt != nil {
			attempts = append(attempts, *e.Attempt)
		}
		if e.RateLimit != nil {
			limits = append(limits, *e.RateLimit)
		}
	})
	withModel(t, llmsim.Options{RequestsPerMinute: 100}, func(o *openai.Options) { o.Recorder = rec }, func(t *testing.T, sim *llmsim.Server, p *openai.Provider) {
		sim.Enqueue(llmsim.Script{Text: strings.Repeat("word ", 100), Gap: time.Second})
		for d := range p.Stream(t.Context(), hello) {
			if d.Text != "" {
				break
			}
		}
	})
	if len(attempts) != 1 || attempts[0].Outcome() != "cancelled" || !attempts[0].Usage.Estimated || attempts[0].Usage.OutputTokens == 0 {
		t.Errorf("recorded %+v, want the cancelled call with an estimate", attempts)
	}
	if want := (llm.Quota{Limit: 100, Remaining: 99, Reset: time.Minute}); len(limits) != 1 || limits[0].Requests != want || limits[0].Provider != "sim" {
		t.Errorf("limits %+v, want %+v", limits, want)
	}
}

type recorderFunc func(llm.Event)

func (f recorderFunc) Record(_ context.Context, e llm.Event) { f(e) }

// The Estimator learns from usage, and stands in where there is none.
func TestEstimatorIsTaughtAndAsked(t *testing.T) {
	var e llm.Estimator
	long := llm.Request{Messages: []llm.Message{{Role: llm.RoleUser, Content: strings.Repeat("x", 20_000)}}}
	withModel(t, llmsim.Options{}, func(o *openai.Options) { o.Estimator = &e }, func(t *testing.T, sim *llmsim.Server, p *openai.Provider) {
		for range 5 {
			read(t.Context(), p, long) // the simulator counts a quarter of a token a byte
		}
		sim.Enqueue(llmsim.Script{Text: "answer", UsageIn: llmsim.UsageNever})
		u := read(t.Context(), p, long).response.Usage
		if billed := sim.Requests()[5].Billed.PromptTokens; !u.Estimated || u.InputTokens < int64(billed)*95/100 || u.InputTokens > int64(billed)*105/100 {
			t.Errorf("estimated %+v, billed %d", u, billed)
		}
	})
}
