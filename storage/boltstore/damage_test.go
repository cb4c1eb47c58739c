package boltstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/bobbin-bot/bobbin/storage"
)

const (
	damagedThreads = 12
	damagedTurns   = 60
)

// damagedKey spreads turns over threads.
func damagedKey(n int) storage.ConversationKey {
	return storage.ConversationKey{TeamID: "T1", ChannelID: fmt.Sprint("C", n%3), ThreadTS: fmt.Sprintf("17000000%02d.000100", n%damagedThreads)}
}

// fill writes a store with a bit of everything, closes it and returns the part
// of the file that is in use.
func fill(t testing.TB) []byte { return fillNoting(t, func(storage.Turn) {}) }

// fillNoting tells of every version of every turn.
func fillNoting(t testing.TB, note func(storage.Turn)) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bobbin.db")
	s := openTest(t, path)
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range damagedTurns {
		id, at := fmt.Sprintf("turn-%03d", i), benchStart.Add(time.Duration(i)*time.Minute)
		text := make([]byte, rng.IntN(2000))
		if i == damagedTurns/2 {
			text = make([]byte, 5*pageSize)
		}
		for j := range text {
			text[j] = byte('a' + rng.IntN(26))
		}
		turn := storage.Turn{ID: id, Key: damagedKey(i), UserID: fmt.Sprint("U", i%7), TS: fmt.Sprintf("17000001%02d.000100", i), Text: string(text), ReceivedAt: at}
		if fresh, err := s.Accept(ctx, turn, []storage.DedupeKey{{Kind: "event", Value: id}}); !fresh || err != nil {
			t.Fatal(fresh, err)
		}
		turn.State = storage.StateReceived
		note(turn)
		if i%4 == 0 { // stays open
			if err := s.Reserve(ctx, storage.Reservation{TurnID: id, UserID: turn.UserID, ChannelID: turn.Key.ChannelID, At: at, InputTokens: int64(i)}, nil); err != nil {
				t.Fatal(err)
			}
			continue
		}
		l, err := s.Acquire(ctx, turn.Key, "w", at, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		turn, err = s.Finish(ctx, l, storage.Result{
			TurnID: id, From: storage.StateReceived, At: at, Answer: "re: " + turn.Text[:len(text)/2],
			Messages: []storage.Message{{TurnID: id, Role: storage.RoleUser, Text: turn.Text}, {TurnID: id, Role: storage.RoleAssistant, Text: "re"}},
			Usage: []storage.UsageRow{{
				TurnID: id, UserID: turn.UserID, ChannelID: turn.Key.ChannelID, Model: "m", At: at.AddDate(0, 0, 3*(i%5)), InputTokens: int64(i),
				Outcome: []string{storage.OutcomeOK, "timeout"}[i%2], FirstToken: time.Duration(i) * time.Second, Duration: time.Duration(2*i) * time.Second,
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		note(turn)
		if i%4 == 1 {
			continue // stays final
		}
		if turn, err = s.Advance(ctx, l, storage.Change{TurnID: id, From: storage.StateFinal, To: storage.StateDone, At: at}); err != nil {
			t.Fatal(err)
		}
		note(turn)
		if i%3 == 0 {
			if err := s.SetFeedback(ctx, id, fmt.Sprint("U", i%4), 1-i%2*2, at); err != nil {
				t.Fatal(err)
			}
			if turn, err = s.Turn(ctx, id); err != nil {
				t.Fatal(err)
			}
			note(turn)
		}
	}
	for i := range 5 {
		if err := s.Lift(ctx, storage.Lift{Scope: storage.ScopeUser, ID: fmt.Sprint("U", i), Day: storage.DayOf(benchStart) + storage.Day(i), By: "U1", At: benchStart}); err != nil {
			t.Fatal(err)
		}
	}
	var size int64
	if err := s.db.View(func(tx *bolt.Tx) error { size = tx.Size(); return nil }); err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data[:size]
}

// answers asks a store everything a reader can ask and returns what it said.
// Answers of ErrCorrupt are left out.
func answers(t testing.TB, s *Store) map[string]string {
	t.Helper()
	ctx := context.Background()
	all := make(map[string]string)
	say := func(question string, v any, err error) {
		switch {
		case err == nil || errors.Is(err, storage.ErrNotFound):
			all[question] = fmt.Sprintf("%+v %v", v, err)
		case !errors.Is(err, storage.ErrCorrupt):
			t.Errorf("%s: %v, want an answer or ErrCorrupt", question, err)
		}
	}
	keys, err := s.OpenConversations(ctx)
	say("open conversations", keys, err)
	for i := range damagedTurns + 1 {
		id := fmt.Sprintf("turn-%03d", i)
		turn, err := s.Turn(ctx, id)
		say(id, turn, err)
	}
	for i := range damagedThreads + 1 {
		key := damagedKey(i)
		if i == damagedThreads {
			key.TeamID = "unknown"
		}
		open, err := s.Open(ctx, key)
		say("open "+key.String(), open, err)
		for _, limit := range []int{0, 1, 3} {
			h, err := s.History(ctx, key, limit)
			say(fmt.Sprint("history ", key, limit), h, err)
		}
	}
	day := storage.DayOf(benchStart)
	for _, q := range []storage.UsageQuery{
		{}, {From: day + 1}, {To: day + 1}, {From: day + 3, To: day + 6}, {UserID: "U3"},
		{By: storage.ByUser}, {By: storage.ByUser, From: day + 1}, {By: storage.ByChannel, To: day + 8}, {By: storage.ByDay | storage.ByModel}, {By: storage.ByDay, UserID: "U4", From: day + 3},
		{By: storage.ByDay, ChannelID: "C1", To: day + 9}, {By: storage.ByUser, ChannelID: "C2"},
	} {
		totals, err := s.Usage(ctx, q)
		say(fmt.Sprintf("usage %+v", q), totals, err)
		for after, page := "", 0; page == 0 || after != ""; page++ {
			rows, next, err := s.Calls(ctx, q, after, 20)
			if err == nil {
				for i := range rows {
					rows[i].Price = nil // a pointer
				}
			}
			say(fmt.Sprintf("calls %+v, page %d", q, page), rows, err)
			after = next
		}
	}
	for i := range 8 {
		user := fmt.Sprint("U", i)
		mine, err := s.Conversations(ctx, user, 2+i)
		say("conversations of "+user, mine, err)
		limits := []storage.Limit{{Scope: storage.ScopeUser, ID: user, Period: storage.PerDay}, {Scope: storage.ScopeChannel, ID: fmt.Sprint("C", i), Period: storage.PerMonth}, {Scope: storage.ScopeWorkspace, Period: storage.PerDay}}
		spent, err := s.Spent(ctx, limits, benchStart.AddDate(0, 0, i))
		say("spent by "+user, spent, err)
	}
	for _, value := range []int{1, -1} {
		for _, limit := range []int{3, 100} {
			verdicts, err := s.Verdicts(ctx, value, benchStart.Add(20*time.Minute), limit)
			say(fmt.Sprint("verdicts ", value, limit), verdicts, err)
		}
	}
	reserved, err := s.Reservations(ctx, benchStart.AddDate(1, 0, 0))
	say("reservations", reserved, err)
	return all
}

// writes does what a bot does after a restart; it must work or say why not.
func writes(t testing.TB, s *Store) {
	t.Helper()
	ctx := context.Background()
	check := func(what string, err error) {
		t.Helper()
		if err != nil && !errors.Is(err, storage.ErrCorrupt) && !errors.Is(err, storage.ErrFailed) {
			t.Errorf("%s: %v, want success, ErrCorrupt or ErrFailed", what, err)
		}
	}
	for i := range damagedThreads {
		turn := storage.Turn{ID: fmt.Sprint("new-", i), Key: damagedKey(i), Text: "new", ReceivedAt: benchStart}
		_, err := s.Accept(ctx, turn, []storage.DedupeKey{{Kind: "event", Value: turn.ID}})
		check("accept", err)
	}
	for i := 0; i < damagedTurns; i += 4 {
		l, err := s.Acquire(ctx, damagedKey(i), "w", benchStart, time.Hour)
		check("acquire", err)
		_, err = s.Finish(ctx, l, storage.Result{
			TurnID: fmt.Sprintf("turn-%03d", i), From: storage.StateReceived, At: benchStart, Messages: []storage.Message{{Text: "x"}},
			Usage: []storage.UsageRow{{At: benchStart}},
		})
		check("finish", err)
	}
	for i := range damagedTurns {
		id := fmt.Sprintf("turn-%03d", i)
		if err := s.SetFeedback(ctx, id, "U1", 1-i%3, benchStart); !errors.Is(err, storage.ErrNotFound) {
			check("feedback", err)
		}
		err := s.Reserve(ctx, storage.Reservation{TurnID: id, UserID: "U1", At: benchStart}, []storage.Limit{{Scope: storage.ScopeUser, ID: "U1", Period: storage.PerMonth, Tokens: 1 << 40}})
		check("reserve", err)
		check("settle", s.Settle(ctx, id, []storage.UsageRow{{UserID: "U1", At: benchStart}}))
	}
	check("lift", s.Lift(ctx, storage.Lift{Scope: storage.ScopeWorkspace, Day: storage.DayOf(benchStart)}))
	later := benchStart.AddDate(1, 0, 0)
	_, err := s.Purge(ctx, storage.Before{Conversations: later, Usage: later, Dedupe: later}, 100)
	check("purge", err)
}

// harm changes a copy of a file in a way that the seed decides, and says how.
func harm(data []byte, seed uint64) ([]byte, string) {
	rng := rand.New(rand.NewPCG(seed, 0))
	data = slices.Clone(data)
	pages := len(data) / pageSize
	page := func(n int) []byte { return data[n*pageSize : (n+1)*pageSize] }
	random := func(b []byte) {
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
	}
	switch p := rng.IntN(pages); rng.IntN(13) {
	case 0:
		clear(page(p))
		return data, fmt.Sprintf("page %d zeroed", p)
	case 1:
		n := rng.IntN(len(data))
		return data[:n], fmt.Sprintf("cut off after %d of %d bytes", n, len(data))
	case 2:
		q := rng.IntN(pages)
		tmp := slices.Clone(page(p))
		copy(page(p), page(q))
		copy(page(q), tmp)
		return data, fmt.Sprintf("pages %d and %d swapped", p, q)
	case 3, 4: // where the structure is, which takes few of the bytes
		at := p*pageSize + rng.IntN(256)
		data[at] ^= 1 << rng.IntN(8)
		return data, fmt.Sprintf("bit of byte %d of page %d flipped", at%pageSize, p)
	case 5:
		at := p*pageSize + rng.IntN(64)/8*8
		binary.NativeEndian.PutUint64(data[at:], rng.Uint64N(uint64(2*pages)))
		return data, fmt.Sprintf("number at %d of page %d changed", at%pageSize, p)
	case 6:
		random(page(p))
		return data, fmt.Sprintf("page %d is random", p)
	case 7: // what a meta page says, or all of it
		n := []int{80, pageSize}[rng.IntN(2)]
		random(page(p % 2)[:n])
		return data, fmt.Sprintf("%d bytes of meta page %d are random", n, p%2)
	case 8:
		random(data[:2*pageSize])
		return data, "both meta pages are random"
	default:
		at := rng.IntN(len(data))
		data[at] ^= 1 << rng.IntN(8)
		return data, fmt.Sprintf("bit of byte %d of page %d flipped", at%pageSize, at/pageSize)
	}
}

// bbolt goes back to the older of its two meta pages when the newer is damaged.
// After a clean stop that must not lose anything.
func TestDamagedMetaPages(t *testing.T) {
	d := newDamageSuite(t)
	for _, pages := range [][]int{{0}, {1}, {0, 1}} {
		data := slices.Clone(d.data)
		for _, p := range pages {
			clear(data[p*pageSize : (p+1)*pageSize])
		}
		path := filepath.Join(t.TempDir(), "bobbin.db")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, Options{})
		if len(pages) == 2 {
			if !errors.Is(err, storage.ErrCorrupt) {
				t.Errorf("Open without any meta page: %v, want ErrCorrupt", err)
			}
			continue
		}
		if err != nil {
			t.Errorf("Open without meta page %d: %v", pages[0], err)
			continue
		}
		if got := answers(t, s); !maps.Equal(got, d.want) {
			t.Errorf("without meta page %d the store has not what was stored", pages[0])
		}
		closeTest(t, s)
	}
}

// Pages that the file does not have any more fault when they are read.
func TestCutOffWhileOpen(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a mapped file cannot be cut off there")
	}
	path := filepath.Join(t.TempDir(), "bobbin.db")
	if err := os.WriteFile(path, fill(t), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, path)
	if err := os.Truncate(path, 2*pageSize); err != nil {
		t.Fatal(err)
	}
	if got := answers(t, s); len(got) != 0 {
		t.Errorf("answers from a file without pages: %v", got)
	}
	turn, keys := slackTurn(1)
	if fresh, err := s.Accept(t.Context(), turn, keys); fresh || !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("Accept: %v, %v, want ErrCorrupt", fresh, err)
	}
	s.Close() // must not hang
}
