package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// yamlLists returns every list of words in a document by its key.
func yamlLists(t *testing.T, text string) map[string][]string {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	lists := map[string][]string{}
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		for i, c := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 1 && c.Kind == yaml.SequenceNode {
				var words []string
				if c.Decode(&words) == nil {
					lists[n.Content[i-1].Value] = words
				}
			}
			walk(c)
		}
	}
	walk(&doc)
	return lists
}

func environmentOf(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

var someTokens = map[string]string{"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1", "HOLYSHEEP_API_KEY": "k"}

// What `bobbin config` prints is a configuration that works, and says the
// defaults.
func TestDefaultConfigText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bobbin.yaml")
	if err := os.WriteFile(path, []byte(defaultConfigText), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loadConfig(path, environmentOf(someTokens))
	if err != nil {
		t.Fatal(err)
	}
	want := defaultConfig()
	want.file = path
	want.Slack.BotToken, want.Slack.AppToken = "xoxb-1", "xapp-1"
	everyone := []string{"*"}
	want.Access = accessConfig{Users: &everyone, Channels: &everyone, Admins: []string{}}
	want.Chat.Channels = map[string]channelConfig{}
	p := c.LLM.Providers
	c.LLM.Providers = nil
	if !reflect.DeepEqual(c, want) {
		t.Errorf("the printed defaults are not the defaults:\n%+v\nwant\n%+v", c, want)
	}
	if len(p) != 1 || p[0].Name != "holysheep" || p[0].RequestsPerMinute != 60 || p[0].Breaker.Failures != 5 || *p[0].Temperature != 0.7 {
		t.Errorf("providers %+v", p)
	}
}

// The defaults the text states for a provider are those of the code.
func TestEnvironmentIsEnough(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := loadConfig("", environmentOf(map[string]string{
		"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1", "OPENAI_API_KEY": "sk-1",
		"OPENAI_BASE_URL": "https://api.holysheep.ai/v1", "OPENAI_MODEL": "step-2-chat"}))
	if err != nil {
		t.Fatal(err)
	}
	p := c.LLM.Providers
	if len(p) != 1 || p[0].Name != "api.holysheep.ai" || p[0].Model != "step-2-chat" || p[0].APIKey != "sk-1" {
		t.Errorf("providers %+v", p)
	}
}

// Moving to another gateway is three lines.
func TestMoveIsThreeLines(t *testing.T) {
	before := "llm:\n  providers:\n    - base_url: https://relay.example.com/v1\n      api_key: ${OLD}\n      model: step-2-chat\n"
	after := strings.NewReplacer("https://relay.example.com/v1", "https://api.holysheep.ai/v1", "${OLD}", "${NEW}", "step-2-chat", "step-2").Replace(before)
	changed := 0
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	for i := range a {
		if a[i] != b[i] {
			changed++
		}
	}
	if changed != 3 {
		t.Fatalf("%d lines changed", changed)
	}
	for _, text := range []string{before, after} {
		path := filepath.Join(t.TempDir(), "bobbin.yaml")
		os.WriteFile(path, []byte(text), 0o600)
		if _, err := loadConfig(path, environmentOf(map[string]string{"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1", "OLD": "o", "NEW": "n"})); err != nil {
			t.Error(err)
		}
	}
}

// Whatever the file holds: an answer, no panic.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(defaultConfigText))
	f.Add([]byte("a: &x [*x]\n"))
	f.Add([]byte("llm: {providers: [{price: {input: .nan}}]}"))
	f.Add([]byte("slack: {bot_token: ${A}${B}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := defaultConfig()
		if err := decodeConfig(text, "f", environmentOf(someTokens), &c); err == nil {
			c.check()
		} else if bytes.Contains([]byte(err.Error()), []byte("panic")) {
			t.Error(err)
		}
	})
}
