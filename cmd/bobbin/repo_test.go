package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bobbin-bot/bobbin/bot"
)

const module = "github.com/bobbin-bot/bobbin"

// goPackage is what `go list -json` tells of a package.
type goPackage struct {
	ImportPath string
	Dir        string
	Doc        string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Doc,GoFiles,Imports,Deps", "./...")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := dec.Decode(&p); err == io.EOF {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// rule says what a package of ours must not import, and why.
type rule struct {
	pkg    string // path below the module; a trailing /... means all below too
	not    []string
	except []string
	why    string
}

const drivers = "go.etcd.io/bbolt"

var rules = []rule{
	{"storage", []string{module + "/...", drivers}, nil,
		"the model and the contract must be usable without any backend, and by any embedder"},
	{"storage/boltstore", []string{module + "/..."}, []string{module + "/storage"},
		"a store knows the contract and its driver: nothing above it, and no other store"},
	{"storage/storagetest", []string{module + "/..."}, []string{module + "/storage"},
		"a conformance suite that knows a backend would bend to it"},
	{"llm", []string{module + "/...", "log", "log/slog"}, nil,
		"policies work for any provider, and an embedder decides what is logged"},
	{"llm/openai", []string{module + "/..."}, []string{module + "/llm"},
		"an adapter turns one wire protocol into llm's types and knows nothing else"},
	{"llm/llmsim/...", []string{module + "/...", "github.com/openai/...", "testing"}, []string{module + "/llm/llmsim/memnet"},
		"a simulator that shares code with what it tests proves nothing; it is linked into the binary, so no testing"},
	{"bot/slacksim", []string{module + "/...", "github.com/slack-go/...", "testing"}, nil,
		"a simulator that shares code with what it tests proves nothing; it is linked into the binary, so no testing"},
	{"bot", []string{module + "/...", drivers, "github.com/openai/..."}, []string{module + "/llm", module + "/storage"},
		"the bot works with any Provider and any Store, and has no idea of simulators"},
	{"...", []string{module + "/cmd/..."}, nil,
		"cmd wires; what is worth importing belongs in a library package"},
}

func TestImportRules(t *testing.T) {
	packages := listPackages(t)
	used := map[string]bool{}
	for _, p := range packages {
		for _, r := range rules {
			if !matches(p.ImportPath, join(module, r.pkg)) {
				continue
			}
			used[r.pkg] = true
			for _, imported := range p.Imports {
				if anyMatches(imported, r.not) && !anyMatches(imported, r.except) {
					t.Errorf("%s imports %s, but %s", p.ImportPath, imported, r.why)
				}
			}
		}
	}
	for _, r := range rules {
		if !used[r.pkg] {
			t.Errorf("the rule for %s matches no package", r.pkg)
		}
	}
}

func join(a, b string) string { return a + "/" + b }

func matches(path, pattern string) bool {
	prefix, all := strings.CutSuffix(pattern, "/...")
	return path == prefix || all && strings.HasPrefix(path, prefix+"/")
}

func anyMatches(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(path, p) })
}

// The binary must not carry test machinery.
func TestBinaryLinksNoTesting(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.ImportPath == module+"/cmd/bobbin" && slices.Contains(p.Deps, "testing") {
			t.Error("cmd/bobbin links package testing, which registers test flags and runs at start")
		}
	}
}

// A newcomer reads the package's comment first.
func TestEveryPackageIsDocumented(t *testing.T) {
	for _, p := range listPackages(t) {
		if len(p.GoFiles) > 0 && len(p.Doc) < 20 {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// The customer fixed what stands at the top.
func TestTopLevel(t *testing.T) {
	want := []string{"LICENSE", "README.md", "bot", "cmd", "go.mod", "go.sum", "llm", "manifest.yaml", "storage"}
	entries, err := os.ReadDir(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && e.Name() != "bobbin" && e.Name() != "bobbin.yaml" && !strings.HasPrefix(e.Name(), "bobbin.db") {
			got = append(got, e.Name())
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("top level is %v, want %v and dotfiles", got, want)
	}
}

// A file that nobody can hold in the head wants to be two.
func TestFileSizes(t *testing.T) {
	for _, p := range listPackages(t) {
		files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(text, []byte("\n")); n > 600 {
				t.Errorf("%s has %d lines, want 600 at most", f, n)
			}
		}
	}
}

func TestManifestFileIsCurrent(t *testing.T) {
	want, err := bot.Manifest(bot.ManifestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("..", "..", "manifest.yaml"))
	if err != nil || string(got) != want {
		t.Errorf("manifest.yaml is not what the code needs (%v); run: go run ./cmd/bobbin manifest > manifest.yaml", err)
	}
}

// scopeOf is the bot scope each Web API method needs, from Slack's reference.
var scopeOf = map[string][]string{
	"chat.startStream": {"chat:write"}, "chat.appendStream": {"chat:write"}, "chat.stopStream": {"chat:write"},
	"chat.update": {"chat:write"}, "chat.delete": {"chat:write"}, "chat.postMessage": {"chat:write"}, "chat.postEphemeral": {"chat:write"},
	"assistant.threads.setStatus": {"chat:write"},
	"conversations.replies":       {"channels:history", "groups:history", "im:history", "mpim:history"},
	"conversations.history":       {"channels:history", "groups:history", "im:history", "mpim:history"},
	"users.info":                  {"users:read"},
	"conversations.open":          {"im:write"},
	"files.getUploadURLExternal":  {"files:write"}, "files.completeUploadExternal": {"files:write"},
	"views.publish": nil, // the Home tab needs none
	"response_url":  nil, // comes with a command or a click
}

// scopeOfEvent is the scope each event subscription needs.
var scopeOfEvent = map[string]string{
	"app_mention": "app_mentions:read", "message.channels": "channels:history", "message.groups": "groups:history",
	"app_home_opened": "", // needs none
	"message.im":      "im:history", "message.mpim": "mpim:history", "reaction_added": "reactions:read",
}

// agentEvents come with the agent view alone.
var agentEvents = map[string]string{"agent_session_stopped": "assistant:write"}

// The manifest asks for the scopes the code uses, and for no other.
func TestManifestMatchesTheCode(t *testing.T) {
	t.Run("plain", func(t *testing.T) { checkManifest(t, bot.ManifestOptions{}, scopeOfEvent) })
	t.Run("agent view", func(t *testing.T) {
		all := maps.Clone(scopeOfEvent)
		maps.Copy(all, agentEvents)
		checkManifest(t, bot.ManifestOptions{AgentView: true}, all)
	})
}

func checkManifest(t *testing.T, o bot.ManifestOptions, scopeOfEvent map[string]string) {
	manifest, err := bot.Manifest(o)
	if err != nil {
		t.Fatal(err)
	}
	lists := yamlLists(t, manifest)
	needed := map[string]bool{"commands": true}
	for _, method := range webMethods(t) {
		scopes, known := scopeOf[method]
		if !known {
			t.Errorf("bot calls %s, whose scopes this test does not know", method)
		}
		for _, s := range scopes {
			needed[s] = true
		}
	}
	for _, event := range lists["bot_events"] {
		scope, known := scopeOfEvent[event]
		if !known {
			t.Errorf("the manifest subscribes to %s, which intake does not handle", event)
		}
		if scope != "" {
			needed[scope] = true
		}
	}
	if len(lists["bot_events"]) != len(scopeOfEvent) {
		t.Errorf("the manifest subscribes to %v, want all that intake handles", lists["bot_events"])
	}
	for scope := range needed {
		if !slices.Contains(lists["bot"], scope) {
			t.Errorf("the code needs the scope %s; the manifest does not ask for it", scope)
		}
	}
	for _, scope := range lists["bot"] {
		if !needed[scope] {
			t.Errorf("the manifest asks for %s, which nothing uses", scope)
		}
	}
}

// webMethods reads the Web API methods from the bot's constants.
func webMethods(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "bot", "slackcall.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var methods []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "method") && len(spec.Values) == 1 {
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
				methods = append(methods, strings.Trim(lit.Value, `"`))
			}
		}
		return true
	})
	if len(methods) < 8 {
		t.Fatalf("found only %v", methods)
	}
	return methods
}
