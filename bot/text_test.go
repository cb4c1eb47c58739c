package bot

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlainText(t *testing.T) {
	for in, want := range map[string]string{
		"<@UBOT> hello":                         "hello",
		"<@UBOT|bobbin> hello":                  "hello",
		"hi <@U1>, <@UBOT>":                     "hi <@U1>,",
		"a &lt;b&gt; &amp;amp; c":               "a <b> &amp; c",
		"see <#C1|general> and <#C2>":           "see #general and #C2",
		"<!here> <!subteam^S1|@ops> <!channel>": "@here @ops @channel",
		"<https://a.example/x?y=1&amp;z=2>":     "https://a.example/x?y=1&z=2",
		"<https://a.example|the page>":          "the page (https://a.example)",
		"<http://a.example|a.example>":          "http://a.example",
		"<mailto:a@b.example|a@b.example>":      "a@b.example",
		"  spaces  ":                            "spaces",
		"not closed <http://x":                  "not closed <http://x",
		"``` if a &lt; b { <@U2> } ```":         "``` if a < b { <@U2> } ```",
	} {
		if got := plainText(in, "UBOT"); got != want {
			t.Errorf("plainText(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSanitize(t *testing.T) {
	j := wordJoiner
	for in, want := range map[string]string{
		"plain":                      "plain",
		"<!channel> <!here>":         "<" + j + "!channel> <" + j + "!here>",
		"<!subteam^S1>":              "<" + j + "!subteam^S1>",
		"<@U1> <#C1>":                "<" + j + "@U1> <" + j + "#C1>",
		"<!DOCTYPE html> <!-- x -->": "<!DOCTYPE html> <!-- x -->",
		"a < b, <b>, <":              "a < b, <b>, <",
		"<<!channel>":                "<<" + j + "!channel>",
	} {
		if got := sanitize(in, true); got != want {
			t.Errorf("sanitize(%q) = %q, want %q", in, got, want)
		}
	}
}

// However a text is cut while it streams, what was shown stays a beginning of
// what will be shown, and no control sequence survives.
func FuzzSanitize(f *testing.F) {
	for _, s := range []string{"<!channel>", "x<", "<@U1>", "<!", "<<@W<#C", "é<!here>"} {
		f.Add(s, uint8(1), uint8(2))
	}
	f.Fuzz(func(t *testing.T, s string, a, b uint8) {
		whole := sanitize(s, true)
		for _, cut := range []int{int(a), int(b)} {
			if cut > len(s) {
				continue
			}
			if part := sanitize(s[:cut], false); !strings.HasPrefix(whole, part) {
				t.Errorf("sanitize(%q) = %q is no beginning of %q", s[:cut], part, whole)
			}
		}
		for i := range whole {
			if controls(whole[i:]) && whole[i] == '<' {
				t.Errorf("a control sequence survived in %q", whole)
			}
		}
		if strings.ReplaceAll(whole, wordJoiner, "") != strings.ReplaceAll(s, wordJoiner, "") {
			t.Errorf("text was lost: %q became %q", s, whole)
		}
	})
}

// Cutting a text into messages loses nothing but line breaks at the borders,
// leaves each message within the limit and each code block whole.
func FuzzSplit(f *testing.F) {
	f.Add("para one\n\npara two\n\n```go\ncode\n```\nend", uint8(12))
	f.Add(strings.Repeat("é", 50), uint8(7))
	f.Add("~~~\n```\n~~~\n", uint8(4))
	f.Fuzz(func(t *testing.T, text string, n uint8) {
		if !utf8.ValidString(text) {
			return
		}
		limit := max(int(n), 8)
		var rebuilt strings.Builder
		for start := 0; start < len(text); {
			end := len(text)
			if end-start > limit {
				end = start + cutAt(text[start:], limit)
			}
			if end <= start || end-start > limit {
				t.Fatalf("cut [%d:%d] with limit %d", start, end, limit)
			}
			if !utf8.ValidString(text[start:end]) {
				t.Fatalf("a character was cut in two: %q", text[start:end])
			}
			part := slice(text, start, end, true)
			if fence := openFence(part); fence != "" {
				t.Errorf("message %q leaves the code block %q open", part, fence)
			}
			rebuilt.WriteString(text[start:end])
			start = end
		}
		if rebuilt.String() != text {
			t.Errorf("got %q back from %q", rebuilt.String(), text)
		}
	})
}

func TestCutAtPrefersParagraphs(t *testing.T) {
	for _, c := range []struct {
		text string
		want string
	}{
		{"one two\n\nthree four five", "one two\n\n"},
		{"one two three\nfour five six", "one two three\n"},
		{"one two three four five", "one two three "},
		{strings.Repeat("x", 40), strings.Repeat("x", 16)},
		{strings.Repeat("€", 10), strings.Repeat("€", 5)},
	} {
		if got := c.text[:cutAt(c.text, 16)]; got != c.want {
			t.Errorf("cut %q after %q, want after %q", c.text, got, c.want)
		}
	}
}

func TestParseCommand(t *testing.T) {
	for text, want := range map[string]bool{
		"help": true, "Help": true, "usage": true, "usage channel week": true, "status": true,
		"": false, "help me": false, "usage of memory": false, "what is the status": false, "status report please": false,
	} {
		if _, got := parseCommand(text); got != want {
			t.Errorf("parseCommand(%q) = %v, want %v", text, got, want)
		}
	}
}

// Bytes from outside never panic the decoder, whatever they are.
func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`{"type":"event_callback","event":{"type":"message","user":"U1","ts":"1.2","channel":"C1","text":"<@UBOT> x","files":[{"name":"a"}]}}`))
	f.Add([]byte(`{"event":{"edited":null,"hidden":true}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		cb, err := decodeCallback(raw)
		if err != nil {
			return
		}
		if cb.Event.fromPerson(identity{UserID: "UBOT"}) {
			if len(dedupeKeys(cb)) == 0 {
				t.Error("a message without a dedupe key could be answered twice")
			}
			plainText(cb.Event.Text, "UBOT")
		}
	})
}
