package boltstore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/bobbin-bot/bobbin/storage"
)

// What workers do at the same time to one turn of one conversation: claim it,
// lease it, move it, finish it.
type doing struct {
	what  string // accept, acquire, advance, finish, reopen
	owner string
	key   string // of accept and reopen
	lease storage.Lease
	now   int // seconds, of acquire
	from  storage.State
}

type came struct {
	ok    bool
	fence uint64
	state storage.State // after advance and reopen
}

// turnModel is what one turn is, to somebody who sees one call after the other.
type turnModel struct {
	state   storage.State // "" before it was accepted
	claimed [4]bool       // keys
	owner   string
	fence   uint64
	until   int
	started bool // it has a message: a reopened turn streams
}

const leaseSeconds = 3

var turnSpec = porcupine.Model{
	Init: func() any { return turnModel{} },
	Step: func(state, input, output any) (bool, any) {
		m, in, out := state.(turnModel), input.(doing), output.(came)
		key := 0
		if in.key != "" {
			key = int(in.key[0] - '0')
		}
		holds := m.fence > 0 && in.lease.Fence == m.fence
		switch in.what {
		case "accept":
			fresh := !m.claimed[key] && m.state == ""
			if fresh != out.ok {
				return false, m
			}
			if fresh {
				m.claimed[key], m.state = true, storage.StateReceived
			}
			return true, m
		case "acquire":
			free := m.owner == "" || m.owner == in.owner || in.now >= m.until
			if free != out.ok || free && out.fence <= m.fence {
				return false, m
			}
			if free {
				m.owner, m.fence, m.until = in.owner, out.fence, in.now+leaseSeconds
			}
			return true, m
		case "advance":
			can := holds && m.state == in.from && (in.from == storage.StateReceived || in.from == storage.StatePosting)
			if can != out.ok {
				return false, m
			}
			if can {
				m.state = map[storage.State]storage.State{storage.StateReceived: storage.StatePosting, storage.StatePosting: storage.StateStreaming}[in.from]
				m.started = true
			}
			return !can || out.state == m.state, m
		case "finish":
			can := holds && m.state == in.from && (in.from == storage.StateReceived || in.from == storage.StatePosting || in.from == storage.StateStreaming)
			if can != out.ok {
				return false, m
			}
			if can {
				m.state = storage.StateFinal
			}
			return true, m
		case "done":
			can := holds && m.state == storage.StateFinal
			if can != out.ok {
				return false, m
			}
			if can {
				m.state = storage.StateDone
			}
			return true, m
		case "reopen":
			can := !m.claimed[key] && m.state == storage.StateDone
			if can != out.ok {
				return false, m
			}
			if can {
				m.claimed[key], m.state = true, storage.StateReceived
				if m.started {
					m.state = storage.StateStreaming
				}
			}
			return !can || out.state == m.state, m
		}
		return false, m
	},
	Equal: func(a, b any) bool { return a == b },
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("%+v -> %+v", input, output)
	},
}

// However workers' calls overlap, there is an order of them in which each does
// what it would do alone: a message is claimed once, only the newest lease moves
// a turn, and a turn is finished once. Porcupine looks for that order.
func TestClaimLeaseFinishAreLinearizable(t *testing.T) {
	for seed := uint64(1); seed <= 40; seed++ {
		s, err := Open(filepath.Join(t.TempDir(), "bobbin.db"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		history, kinds := contend(t, s, seed)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		result, info := porcupine.CheckOperationsVerbose(turnSpec, history, 20*time.Second)
		if result != porcupine.Ok {
			path := filepath.Join(t.ArtifactDir(), fmt.Sprintf("seed%d.html", seed))
			t.Errorf("seed %d: %s; see %s (with -artifacts), %v", seed, result, path, porcupine.VisualizePath(turnSpec, info, path))
		}
		if seed == 1 {
			t.Logf("calls that took effect with seed 1: %v", kinds)
		}
	}
}

// contend has workers call the store at the same time.
func contend(t *testing.T, s *Store, seed uint64) (history []porcupine.Operation, took map[string]int) {
	const workers, calls = 6, 60
	start := time.Now()
	took = map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range workers {
		dice := rand.New(rand.NewPCG(seed, uint64(w)))
		wg.Go(func() {
			var lease storage.Lease
			for i := range calls {
				in := doing{owner: fmt.Sprint("worker ", w), lease: lease, now: i / 4, key: fmt.Sprint(dice.IntN(4))}
				states := []storage.State{storage.StateReceived, storage.StatePosting, storage.StateStreaming}
				in.what = []string{"accept", "acquire", "acquire", "advance", "advance", "finish", "done", "done", "reopen"}[dice.IntN(9)]
				in.from = states[dice.IntN(3)]
				called := time.Since(start)
				out, err := perform(t, s, in, &lease)
				returned := time.Since(start)
				if err != nil {
					t.Errorf("seed %d: %+v: %v", seed, in, err)
					return
				}
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: w, Input: in, Output: out, Call: called.Nanoseconds(), Return: returned.Nanoseconds()})
				if out.ok {
					took[in.what]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return history, took
}

func perform(t *testing.T, s *Store, in doing, lease *storage.Lease) (out came, err error) {
	ctx := t.Context()
	key := storage.ConversationKey{TeamID: "T", ChannelID: "C", ThreadTS: "1700000000.000100"}
	keys := []storage.DedupeKey{{Kind: "event", Value: in.key}}
	var turn storage.Turn
	switch in.what {
	case "accept":
		out.ok, err = s.Accept(ctx, storage.Turn{ID: "turn", Key: key, UserID: "U1", TS: key.ThreadTS, ReceivedAt: benchStart}, keys)
	case "acquire":
		var l storage.Lease
		if l, err = s.Acquire(ctx, key, in.owner, benchStart.Add(time.Duration(in.now)*time.Second), leaseSeconds*time.Second); err == nil {
			*lease, out.ok, out.fence = l, true, l.Fence
		}
	case "advance":
		to := map[storage.State]storage.State{storage.StateReceived: storage.StatePosting, storage.StatePosting: storage.StateStreaming, storage.StateStreaming: storage.StateReceived}[in.from]
		turn, err = s.Advance(ctx, in.lease, storage.Change{TurnID: "turn", From: in.from, To: to, Parts: []storage.Part{{TS: "1.0"}}})
		out.ok, out.state = err == nil, turn.State
	case "finish":
		_, err = s.Finish(ctx, in.lease, storage.Result{TurnID: "turn", From: in.from, At: benchStart, Answer: "a"})
		out.ok = err == nil
	case "done":
		_, err = s.Advance(ctx, in.lease, storage.Change{TurnID: "turn", From: storage.StateFinal, To: storage.StateDone})
		out.ok = err == nil
	case "reopen":
		turn, out.ok, err = s.Reopen(ctx, storage.Reopening{TurnID: "turn", Keys: keys, At: benchStart})
		out.state = turn.State
	}
	for _, refusal := range []error{storage.ErrConflict, storage.ErrFenced, storage.ErrLeased, storage.ErrNotFound} {
		if errors.Is(err, refusal) {
			return came{}, nil
		}
	}
	return out, err
}
