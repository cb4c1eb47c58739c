package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bobbin-bot/bobbin/llm"
)

const (
	maxBatchLine     = 32 << 20 // bytes
	maxBatchMistakes = 20       // shown
)

// batchLine is one prompt of the input.
type batchLine struct {
	number int             // in the file, from 1
	id     json.RawMessage // a string or a number as it was written; nil if none
	req    llm.Request
	key    string // equal for equal requests, see requestKey
}

// requestKey names a request: results are found again by it. What it is made of
// must stay as it is, or nobody's half-finished batch can be resumed.
func requestKey(r llm.Request) string {
	request := struct { // of its own: llm.Request may get more fields
		Model, System   string
		Messages        [][2]string
		MaxOutputTokens int
		Temperature     *float64
	}{r.Model, r.System, nil, r.MaxOutputTokens, r.Temperature}
	for _, m := range r.Messages {
		request.Messages = append(request.Messages, [2]string{string(m.Role), m.Content})
	}
	text, _ := json.Marshal(request)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// readBatchInput reads and checks all of the prompts. The error, if any, names
// every mistake.
func readBatchInput(name string, stdin io.Reader) ([]batchLine, error) {
	r := stdin
	if name != standardStream {
		f, err := os.Open(name)
		if err != nil {
			return nil, usageError{fmt.Errorf("read prompts: %w", err)}
		}
		defer f.Close()
		r = f
	}
	lines, err := parseBatchInput(name, r)
	if _, ok := errors.AsType[usageError](err); err != nil && !ok {
		return nil, fmt.Errorf("read prompts: %w", err)
	}
	return lines, err
}

func parseBatchInput(name string, r io.Reader) ([]batchLine, error) {
	if name == standardStream {
		name = "stdin"
	}
	var lines []batchLine
	var wrong []string
	count := 0
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 64<<10), maxBatchLine+2) // and a line break
	n := 0
	for scanner.Scan() {
		n++
		text := scanner.Bytes()
		if n == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		line, mistakes := parseBatchLine(text)
		line.number = n
		lines = append(lines, line)
		count += len(mistakes)
		for _, m := range mistakes[:min(len(mistakes), maxBatchMistakes-len(wrong))] {
			wrong = append(wrong, fmt.Sprintf("%s: line %d: %s", name, n, m))
		}
	}
	switch err := scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, usageError{fmt.Errorf("%s: line %d: longer than 32 MiB", name, n+1)}
	case err != nil:
		return nil, err
	case count == 1:
		return nil, usageError{errors.New(wrong[0])}
	case count > 0:
		list := strings.Join(wrong, "\n  ")
		if more := count - len(wrong); more > 0 {
			list += fmt.Sprintf("\n  and %d more", more)
		}
		return nil, usageError{fmt.Errorf("%d mistakes in the prompts:\n  %s", count, list)}
	case len(lines) == 0:
		return nil, usageError{fmt.Errorf(`%s: no prompts; want lines such as {"prompt": "What is a bobbin?"}, see: bobbin batch --help`, name)}
	}
	return lines, nil
}

// ownKeys and bodyKeys are what a line may say: in our form, and in the body of
// OpenAI's. ignoredKeys change nothing about an answer that is streamed once;
// everything else in a body would, and is refused rather than left out.
func ownKeys() []string {
	return []string{"prompt", "messages", "id", "system", "model", "max_output_tokens", "temperature"}
}

func bodyKeys() []string {
	return []string{"model", "messages", "max_tokens", "max_completion_tokens", "temperature"}
}

func ignoredKeys() []string {
	return []string{"stream", "stream_options", "user", "metadata", "store", "service_tier", "safety_identifier"}
}

func envelopeKeys() []string { return []string{"custom_id", "method", "url", "body"} }

// parseBatchLine reads one line and returns what is wrong with it.
func parseBatchLine(text []byte) (batchLine, []string) {
	var l batchLine
	p := lineParser{l: &l}
	switch {
	case bytes.IndexByte(text, 0) >= 0:
		p.fail("not UTF-8 text; save the file as UTF-8")
		return l, p.wrong
	case !utf8.Valid(text):
		p.fail("not valid UTF-8")
		return l, p.wrong
	}
	fields := p.object("", text)
	if fields == nil {
		return l, p.wrong
	}
	if slices.ContainsFunc(envelopeKeys(), func(k string) bool { return fields[k] != nil }) {
		p.envelope(fields)
	} else {
		p.known("", fields, ownKeys())
		p.id("id", fields["id"])
		p.request("", fields, "max_output_tokens")
	}
	slices.Sort(p.wrong) // keys of an object come in no order
	l.key = requestKey(l.req)
	return l, p.wrong
}
