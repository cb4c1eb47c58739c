package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// The real binary, twice: one serves, the other copies its store. The socket of a
// process that was killed is in nobody's way, and an orderly stop takes it away.
func TestBackupOfARunningBot(t *testing.T) {
	s := newSite(t, slacksim.Options{NoLimits: true}, llmsim.Options{})
	name := filepath.Join(s.folder, "bobbin.yaml")
	config, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	config = append(config, "storage: {backup: {dir: backups}}\n"...)
	if err := os.WriteFile(name, config, 0o600); err != nil {
		t.Fatal(err)
	}
	do := func(want string, args ...string) {
		t.Helper()
		cmd := exec.Command(s.binary, args...)
		cmd.Dir = s.folder
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("bobbin %q: %v\n%s\nwant %q; the bot's log:\n%s", args, err, out, want, s.log.String())
		}
	}
	bot := s.start()
	thread, err := s.slack.Post("U0ANN", "C0GENERAL", "", "@bobbin hello")
	if err != nil {
		t.Fatal(err)
	}
	s.wait("an answer", func() bool { r := s.replies(thread); return len(r) == 1 && finished(r[0]) })
	end(bot, syscall.SIGKILL)
	s.wait("the sockets to close", func() bool { return s.slack.Sockets() == 0 })
	socket := socketPath(filepath.Join(s.folder, "bobbin.db"))
	if _, err := os.Lstat(socket); err != nil {
		t.Fatalf("a process that is killed leaves its socket: %v", err)
	}
	do("no bot is running", "db", "stats")

	bot = s.start()
	do("a bot is running on it", "db", "stats")
	do("verified: 1 conversation, 1 question, 2 messages", "backup", "copy.db")
	if err := end(bot, syscall.SIGTERM); err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, s.log.String())
	}
	if _, err := os.Lstat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket after an orderly stop: %v, want it gone", err)
	}
	do("kept as", "restore", "copy.db")
	do("1 conversation, 1 question, 2 messages", "db", "check")
	nightly, err := filepath.Glob(filepath.Join(s.folder, "backups", "bobbin-*Z.db"))
	if err != nil || len(nightly) != 1 {
		t.Errorf("backups made at the first start: %q, %v, want one", nightly, err)
	}
}
