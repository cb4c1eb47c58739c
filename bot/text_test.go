package bot

import (
	"testing"
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
