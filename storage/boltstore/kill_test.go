package boltstore

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bobbin-bot/bobbin/storage"
)

// killPath tells the test binary that it is the process to be killed.
const killPath = "BOLTSTORE_KILL_PATH"

// TestKill kills a process that writes as fast as it can, at moments of chance,
// and looks for everything that it said was stored.
func TestKill(t *testing.T) {
	if path := os.Getenv(killPath); path != "" {
		writeUntilKilled(path, os.Getenv("BOLTSTORE_KILL_ROUND"))
		return
	}
	path := filepath.Join(t.TempDir(), "bobbin.db")
	rng := rand.New(rand.NewPCG(1, 1))
	acked := make(map[string]bool)
	const rounds = 12
	for round := range rounds {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), killPath+"="+path, fmt.Sprint("BOLTSTORE_KILL_ROUND=", round))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := rng.IntN(400); lines.Scan(); n-- {
			id, ok := strings.CutPrefix(lines.Text(), "stored ")
			if !ok {
				t.Errorf("round %d: the process said %q", round, lines.Text())
			}
			acked[id] = ok
			if n == 0 {
				cmd.Process.Kill() // what is in the pipe still counts
			}
		}
		cmd.Wait()

		s := openTest(t, path)
		for id := range acked {
			if _, err := s.Turn(t.Context(), id); err != nil {
				t.Errorf("round %d: turn %s was acknowledged: %v", round, id, err)
			}
			fresh, err := s.Once(t.Context(), []storage.DedupeKey{{Kind: "event", Value: id}}, benchStart)
			if fresh || err != nil {
				t.Errorf("round %d: the key of turn %s: fresh %v, %v: it would be answered twice", round, id, fresh, err)
			}
		}
		verify(t, s)
		closeTest(t, s)
	}
	if len(acked) < rounds {
		t.Errorf("only %d turns were acknowledged in %d rounds", len(acked), rounds)
	}
}

func writeUntilKilled(path, round string) {
	s, err := Open(path, Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	ctx := context.Background()
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprint(round, "-", worker, "-", i)
				turn := storage.Turn{ID: id, Key: damagedKey(worker), Text: id, ReceivedAt: benchStart}
				if fresh, err := s.Accept(ctx, turn, []storage.DedupeKey{{Kind: "event", Value: id}}); !fresh || err != nil {
					fmt.Println("accept", fresh, err)
					os.Exit(1)
				}
				fmt.Println("stored", id)
			}
		})
	}
	wg.Wait()
}
