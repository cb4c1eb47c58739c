package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// The real binary, twice: one answers, the other reads its ledger meanwhile, and
// reads the same when it has ended.
func TestUsageOfARunningBot(t *testing.T) {
	s := newSite(t, slacksim.Options{NoLimits: true}, llmsim.Options{})
	ask := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(s.binary, append([]string{"usage", "--since", "2000-01-01"}, args...)...)
		cmd.Dir, cmd.Stderr = s.folder, os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("bobbin usage %q: %v\n%s\nthe bot's log:\n%s", args, err, out, s.log.String())
		}
		return string(out)
	}
	bot := s.start()
	if out := ask(); !strings.Contains(out, "no calls since 2000-01-01") {
		t.Errorf("before a question: %s", out)
	}
	thread, err := s.slack.Post("U0ANN", "C0GENERAL", "", "@bobbin hello")
	if err != nil {
		t.Fatal(err)
	}
	s.wait("an answer", func() bool { r := s.replies(thread); return len(r) == 1 && finished(r[0]) })
	table, calls := ask("--by", "user"), ask("--calls", "--format", "json")
	var call callJSON
	if err := json.Unmarshal([]byte(calls), &call); err != nil || call.User != "U0ANN" || call.Channel != "C0GENERAL" || call.Thread != thread ||
		call.Outcome != "ok" || call.InputTokens == 0 || call.OutputTokens == 0 || call.Time == "" {
		t.Errorf("the call: %s, %v", calls, err)
	}
	if !strings.Contains(table, "\nU0ANN ") {
		t.Errorf("usage by user:\n%s", table)
	}
	if err := end(bot, syscall.SIGTERM); err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, s.log.String())
	}
	if again := ask("--by", "user"); again != table {
		t.Errorf("from the file:\n%s\nfrom the bot:\n%s", again, table)
	}
	if again := ask("--calls", "--format", "json"); again != calls {
		t.Errorf("from the file: %s\nfrom the bot: %s", again, calls)
	}
}
