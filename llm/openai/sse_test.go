package openai

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func readAll(r io.Reader) (events []string, err error) {
	d := newDecoder(r)
	for {
		ev, err := d.next()
		if err != nil {
			return events, err
		}
		events = append(events, ev.name+"|"+string(ev.data))
	}
}

func TestDecoder(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"plain", "data: {\"a\":1}\n\ndata: [DONE]\n\n", []string{`|{"a":1}`, "|[DONE]"}},
		{"no space, CRLF", "data:{\"a\":1}\r\n\r\ndata:x\r\n\r\n", []string{`|{"a":1}`, "|x"}},
		{"CR only", "data: {\"a\":1}\r\rdata: [DONE]\r\r", []string{`|{"a":1}`, "|[DONE]"}},
		{"single newlines", "data: {\"a\":1}\ndata: {\"b\":2}\ndata: [DONE]\n", []string{`|{"a":1}`, `|{"b":2}`, "|[DONE]"}},
		{"no last blank line", "data: {\"a\":1}", []string{`|{"a":1}`}},
		{"last line cut", "data: {\"a\":", []string{`|{"a":`}},
		{"value over several lines", "data: {\"a\":\ndata: 1}\n\n", []string{"|{\"a\":\n1}"}},
		{"comments and other fields", ": ping\nretry: 3\nid: 7\n\n: x\n\ndata: {\"a\":1}\n\n", []string{`|{"a":1}`}},
		{"byte order mark", "\ufeffdata: {\"a\":1}\n\n", []string{`|{"a":1}`}},
		{"event name", "event: error\ndata: {\"m\":1}\n\ndata: {\"a\":1}\n\n", []string{`error|{"m":1}`, `|{"a":1}`}},
		{"event name without blank lines", "data: {\"a\":1}\nevent: error\ndata: {\"m\":1}\n", []string{`|{"a":1}`, `error|{"m":1}`}},
		{"error field", "error: {\"m\":1}\n\n", []string{`error|{"m":1}`}},
		{"nothing", "", nil},
		{"empty data", "data:\n\ndata: \n\n", nil},
	} {
		if got, err := readAll(strings.NewReader(c.in)); !slices.Equal(got, c.want) || err != io.EOF {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}

func TestDecoderRefusesEndlessEvents(t *testing.T) {
	endless := io.MultiReader(strings.NewReader("data: "), io.LimitReader(zeros{}, maxEvent+1<<20))
	if _, err := readAll(endless); !errors.Is(err, errTooLong) {
		t.Errorf("error %v, want errTooLong", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// However the network cuts the bytes, the events are the same.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("data: {\"a\":1}\r\n\r\ndata: [DONE]\n\n"), uint8(3))
	f.Add([]byte("\ufeffdata: x\rdata: y\r\r: c\n\nerror: {}\n"), uint8(1))
	f.Fuzz(func(t *testing.T, in []byte, n uint8) {
		want, wantErr := readAll(bytes.NewReader(in))
		for name, r := range map[string]io.Reader{
			"byte by byte": iotest.OneByteReader(bytes.NewReader(in)),
			"in pieces":    &pieces{in, int(n)%7 + 1},
		} {
			if got, err := readAll(r); !slices.Equal(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("%s: %q, %v; whole: %q, %v", name, got, err, want, wantErr)
			}
		}
		for _, ev := range want {
			name, data, _ := strings.Cut(ev, "|")
			parseChunk(event{name, []byte(data)})
		}
	})
}

type pieces struct {
	rest []byte
	n    int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.n, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

// The reasoning between <think> tags is kept out of the answer however the
// tags are cut.
func FuzzThink(f *testing.F) {
	f.Add("<think>let me see</think>\n\nThe answer", uint8(4))
	f.Add("  <think>", uint8(2))
	f.Add("no tags, but <think> later", uint8(5))
	f.Fuzz(func(t *testing.T, s string, n uint8) {
		read := func(size int) (text, reasoning string) {
			var filter thinkFilter
			for rest := s; rest != ""; {
				piece := rest[:min(size, len(rest))]
				rest = rest[len(piece):]
				a, b := filter.feed(piece)
				text, reasoning = text+a, reasoning+b
			}
			a, b := filter.flush()
			return text + a, reasoning + b
		}
		text, reasoning := read(len(s) + 1)
		gotText, gotReasoning := read(int(n)%5 + 1)
		if gotText != text || gotReasoning != reasoning {
			t.Errorf("in pieces: %q, %q; whole: %q, %q", gotText, gotReasoning, text, reasoning)
		}
		if !strings.HasPrefix(strings.TrimLeft(s, " \t\r\n"), thinkOpen) && text != s {
			t.Errorf("text without tags at its start was changed: %q became %q", s, text)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	line := `data: {"id":"chatcmpl-0123456789","object":"chat.completion.chunk","created":1700000000,"model":"step-2-chat","system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{"role":"assistant","content":" hello"},"logprobs":null,"finish_reason":null}],"usage":{"prompt_tokens":12,"completion_tokens":34,"total_tokens":46}}` + "\n\n"
	const chunks = 1000
	stream := strings.Repeat(line, chunks)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		d := newDecoder(strings.NewReader(stream))
		for {
			ev, err := d.next()
			if err != nil {
				break
			}
			if c, ok, err := parseChunk(ev); !ok || err != nil || len(c.Choices) != 1 {
				b.Fatal(c, ok, err)
			}
		}
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*chunks), "ns/chunk(budget:4000)")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(b.N*chunks), "allocs/chunk(budget:15)")
}
