package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bobbin-bot/bobbin/llm"
)

// All mistakes, each with its place and what to do.
func TestBatchInputMistakes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", `no prompts; want lines such as {"prompt": "What is a bobbin?"}`},
		{"\n  \n", "no prompts"},
		{"Hello", "line 1: not a JSON object; want a line such as"},
		{"null", "line 1: not a JSON object"},
		{"[\n", "line 1: a list; want one JSON object a line"},
		{"\n\n{\"prompt\":\n", "line 3: not a JSON object on one line"},
		{`{"prompt":"a"} {"prompt":"b"}`, "not a JSON object on one line"},
		{`{"promt":"a"}`, `promt: unknown key; did you mean "prompt"?`},
		{`{"prompt":" "}`, "prompt: empty"},
		{`{"prompt":7}`, "prompt: want a text"},
		{`{"prompt":"a","messages":[]}`, `both "prompt" and "messages"`},
		{`{"id":1}`, `no "prompt" and no "messages"`},
		{`{"id":{},"prompt":"a"}`, "id: want a text or a number"},
		{`{"prompt":"a","temperature":2.5}`, "temperature: want a number from 0 to 2"},
		{`{"prompt":"a","max_output_tokens":0}`, "max_output_tokens: want a whole number"},
		{`{"prompt":"a","max_output_tokens":1.5}`, "max_output_tokens: want a whole number"},
		{`{"messages":{}}`, "messages: want a list"},
		{`{"messages":[]}`, "messages: no message of the user"},
		{`{"messages":[{"role":"assistant","content":"a"}]}`, "messages: no message of the user"},
		{`{"messages":[{"role":"tool","content":"a"}]}`, `messages[0].role: "tool": want system, user or assistant`},
		{`{"messages":[{"role":"user"}]}`, "messages[0].content: want a text"},
		{`{"messages":[{"role":"user","content":"a"},{"role":"system","content":"b"}]}`, "messages[1]: system comes after other messages"},
		{`{"system":"s","messages":[{"role":"system","content":"b"},{"role":"user","content":"a"}]}`, "messages[0]: a second system text"},
		{`{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, `a part of type "image_url"`},
		{`{"custom_id":"a"}`, "body: missing"},
		{`{"body":[]}`, "body: want an object"},
		{`{"body":{},"method":"GET","url":"/v1/embeddings"}`, "url: \"/v1/embeddings\": only /v1/chat/completions"},
		{`{"body":{"messages":[{"role":"user","content":"a"}],"tools":[]}}`, "body.tools: would be ignored"},
		{"{\"prompt\":\"\xff\"}", "not valid UTF-8"},
		{"\xff\xfe{\x00\"\x00", "not UTF-8 text; save the file as UTF-8"},
	} {
		_, err := parseBatchInput("p.jsonl", strings.NewReader(c.text))
		if _, ok := err.(usageError); !ok || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "p.jsonl") {
			t.Errorf("%s\n has %v\nwant %s", c.text, err, c.want)
		}
	}
	_, err := parseBatchInput("p.jsonl", strings.NewReader(strings.Repeat("{}\n", 25)))
	if text := err.Error(); !strings.Contains(text, "25 mistakes") || !strings.Contains(text, "line 20:") || strings.Contains(text, "line 21:") || !strings.HasSuffix(text, "and 5 more") {
		t.Errorf("25 mistakes:\n%s", text)
	}
}

func TestBatchInput(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	text := "\ufeff" + `{"prompt":"a","id":null}` + "\r\n\n" +
		`{"id":12345678901234567890,"system":"s","prompt":"a","model":"m","max_output_tokens":5,"temperature":0}` + "\n" +
		`{"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}` + "\n" +
		`{"body":{"messages":[{"role":"user","content":"a"}],"max_tokens":5,"max_completion_tokens":6,"stream":false,"user":"u"}}` + "\n" +
		`{"prompt":"` + long + `"}` // no line break at the end
	lines, err := parseBatchInput("-", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range lines {
		system, _ := json.Marshal(l.req.System)
		got = append(got, fmt.Sprintf("%d id=%s system=%s model=%s max=%d %d×%.4s", l.number, l.id, system, l.req.Model, l.req.MaxOutputTokens, len(l.req.Messages), l.req.Messages[0].Content))
	}
	want := []string{
		`1 id= system="" model= max=0 1×a`,
		`3 id=12345678901234567890 system="s" model=m max=5 1×a`,
		`4 id= system="s" model= max=0 1×ab`,
		`5 id= system="" model= max=6 1×a`,
		`6 id= system="" model= max=0 1×xxxx`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	_, err = parseBatchInput("p.jsonl", strings.NewReader("{}\n"+strings.Repeat(long, 33)))
	if err == nil || !strings.Contains(err.Error(), "p.jsonl: line 2: longer than 32 MiB") {
		t.Errorf("too long: %v", err)
	}
}

// The key of a request must never change: half-finished batches are resumed by
// later versions.
func TestRequestKey(t *testing.T) {
	zero := 0.0
	got := requestKey(llm.Request{Model: "m", System: "s", Messages: []llm.Message{{Role: llm.RoleUser, Content: "hi"}}, MaxOutputTokens: 5, Temperature: &zero})
	if want := "98b138effc3e46d3"; got != want {
		t.Errorf("key %s, want %s", got, want)
	}
}

// Whatever a line is, it is a request or a mistake, and never both.
func FuzzBatchLine(f *testing.F) {
	for _, seed := range []string{
		``, `{"prompt":"a"}`, `{"id":1,"messages":[{"role":"user","content":[{"type":"text","text":"b"}]}],"temperature":1e400}`,
		`{"custom_id":"x","body":{"messages":[{"role":"developer","content":"s"}],"max_tokens":-1}}`, `[`, `{"":null}`, "{\"\xff\":\"\"}", `{"prompt":"a","prompt":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l, wrong := parseBatchLine(text)
		if len(wrong) > 0 {
			for _, w := range wrong {
				if !utf8.ValidString(w) || w == "" {
					t.Errorf("mistake %q", w)
				}
			}
			return
		}
		if len(l.req.Messages) == 0 || l.id != nil && !json.Valid(l.id) {
			t.Errorf("accepted: %+v", l)
		}
		for _, m := range l.req.Messages {
			if strings.TrimSpace(m.Content) == "" {
				t.Errorf("accepted an empty message: %+v", l)
			}
		}
		if again, _ := parseBatchLine(text); again.key != l.key {
			t.Error("the key is not stable")
		}
	})
}
