package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// runWith runs a command against a simulated provider and returns what it
// printed and its exit code.
func runWith(t *testing.T, so llmsim.Options, down llmsim.Down, providerLine string, args ...string) (string, int) {
	t.Helper()
	sim := llmsim.New(so)
	defer sim.Close()
	base := sim.Start(loopback(t))
	sim.SetDown(down)
	providerLine = strings.ReplaceAll(providerLine, "BASE", base)
	providerLine = strings.ReplaceAll(providerLine, "ROOT", strings.TrimSuffix(base, "/v1"))
	path := filepath.Join(t.TempDir(), "bobbin.yaml")
	if err := os.WriteFile(path, []byte("llm:\n  providers:\n    - {name: sim, "+providerLine+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := newOutput()
	code := run(t.Context(), append(args, "--config", path), environmentOf(nil), out, out)
	return out.String(), code
}

// The errors everybody meets, each with its fix; no Slack tokens are needed.
func TestCheck(t *testing.T) {
	const right = "base_url: BASE, api_key: sk-right, model: step-2-chat"
	models := []string{"step-1-8k", "step-2-chat", "step-2-mini", "embedding-3"}
	for _, c := range []struct {
		name  string
		line  string
		down  llmsim.Down
		code  int
		wants []string
	}{
		{"all is well", right, llmsim.Down{}, exitOK, []string{"ok    configuration", "step-2-chat is one of 4 models", "step-2-chat answers"}},
		{"401", "base_url: BASE, api_key: sk-wrong, model: step-2-chat", llmsim.Down{}, exitFailure, []string{"FAIL  provider sim: sim: auth: 401", "fix: check api_key"}},
		{"429", right, llmsim.Down{Status: 429, RetryAfter: 30 * time.Second}, exitFailure, []string{"rate_limit: 429", "fix: wait 30s; set requests_per_minute"}},
		{"time-out", right + ", first_token_timeout: 1s", llmsim.Down{}, exitFailure, []string{"timeout", "fix: try again; for a slow model raise first_token_timeout"}},
		{"model not found", "base_url: BASE, api_key: sk-right, model: step-2-chap", llmsim.Down{}, exitFailure, []string{"FAIL  provider sim: step-2-chap is not one of its 4 models", "fix: set model to one of them, such as step-2-chat, step-2-mini"}},
		{"nobody listens", "base_url: http://127.0.0.1:1/v1, api_key: k, model: m", llmsim.Down{}, exitFailure, []string{"connection refused", "fix: check base_url (http://127.0.0.1:1/v1)"}},
		{"URL of the method", "base_url: BASE/chat/completions, api_key: k, model: m", llmsim.Down{}, exitUsage, []string{"leave out /chat/completions; use http://127.0.0.1:"}},
		{"no /v1", "base_url: ROOT, api_key: sk-right, model: step-2-chat", llmsim.Down{}, exitFailure, []string{"404", "fix: check base_url: it has no path, and most servers want one, such as http://127.0.0.1:"}},
		{"outage", right, llmsim.Down{Status: 503}, exitFailure, []string{"server: 503", "second provider as fallback"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			so := llmsim.Options{APIKey: "sk-right", Models: models}
			if c.name == "time-out" {
				so.Answer = func(llmsim.Request) llmsim.Script { return llmsim.Script{FirstToken: time.Hour, Text: "late"} }
			}
			got, code := runWith(t, so, c.down, c.line, "check")
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, want := range c.wants {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in:\n%s", want, got)
				}
			}
			if strings.Contains(got, "sk-wrong") || strings.Contains(got, "sk-right") {
				t.Errorf("the key is shown:\n%s", got)
			}
		})
	}
}

func TestModelsCommand(t *testing.T) {
	got, code := runWith(t, llmsim.Options{Models: []string{"b", "a"}}, llmsim.Down{}, "base_url: BASE, api_key: k, model: b", "models")
	if code != exitOK || !strings.Contains(got, "  a\n* b\n") {
		t.Errorf("exit code %d:\n%s", code, got)
	}
	got, code = runWith(t, llmsim.Options{}, llmsim.Down{Status: 401}, "base_url: BASE, api_key: k, model: b", "models")
	if code != exitFailure || !strings.Contains(got, "fix: check api_key") {
		t.Errorf("exit code %d:\n%s", code, got)
	}
}
