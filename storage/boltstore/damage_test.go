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
func fill(t testing.TB) []byte {
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
		turn := storage.Turn{ID: id, Key: damagedKey(i), TS: fmt.Sprintf("17000001%02d.000100", i), Text: string(text), ReceivedAt: at}
		if fresh, err := s.Accept(ctx, turn, []storage.DedupeKey{{Kind: "event", Value: id}}); !fresh || err != nil {
			t.Fatal(fresh, err)
		}
		if i%4 == 0 {
			continue // stays open
		}
		l, err := s.Acquire(ctx, turn.Key, "w", at, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Finish(ctx, l, storage.Result{
			TurnID: id, From: storage.StateReceived, At: at, Answer: "re: " + turn.Text[:len(text)/2],
			Messages: []storage.Message{{TurnID: id, Role: storage.RoleUser, Text: turn.Text}, {TurnID: id, Role: storage.RoleAssistant, Text: "re"}},
			Usage:    []storage.UsageRow{{TurnID: id, UserID: fmt.Sprint("U", i%7), ChannelID: turn.Key.ChannelID, Model: "m", At: at.AddDate(0, 0, i%5), InputTokens: int64(i)}},
		}); err != nil {
			t.Fatal(err)
		}
		if i%4 == 1 {
			continue // stays final
		}
		if _, err := s.Advance(ctx, l, storage.Change{TurnID: id, From: storage.StateFinal, To: storage.StateDone, At: at}); err != nil {
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
	for _, q := range []storage.UsageQuery{{}, {From: day + 1}, {To: day + 1}, {From: day + 2, To: day + 3}, {UserID: "U3"}} {
		totals, err := s.Usage(ctx, q)
		say(fmt.Sprintf("usage %+v", q), totals, err)
	}
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
	switch p := rng.IntN(pages); rng.IntN(10) {
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
	default:
		at := rng.IntN(len(data))
		data[at] ^= 1 << rng.IntN(8)
		return data, fmt.Sprintf("bit of byte %d of page %d flipped", at%pageSize, at/pageSize)
	}
}

// damageSuite compares what a damaged file says with what was stored.
type damageSuite struct {
	data []byte
	want map[string]string
}

func newDamageSuite(t testing.TB) damageSuite {
	d := damageSuite{data: fill(t)}
	path := filepath.Join(t.TempDir(), "bobbin.db")
	if err := os.WriteFile(path, d.data, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, path)
	d.want = answers(t, s)
	closeTest(t, s)
	return d
}

// run reports whether the damage was noticed.
func (d damageSuite) run(t testing.TB, dir string, seed uint64) (noticed bool) {
	t.Helper()
	data, what := harm(d.data, seed)
	path := filepath.Join(dir, fmt.Sprint(seed, ".db"))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(path)
	s, err := Open(path, Options{})
	if err != nil {
		if !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("seed %d, %s: Open: %v, want success or ErrCorrupt", seed, what, err)
		}
		return true
	}
	got := answers(t, s)
	for question, answer := range got {
		if want := d.want[question]; answer != want {
			t.Errorf("seed %d, %s: wrong data instead of ErrCorrupt\n\tquestion %s\n\tgot  %.300s\n\twant %.300s", seed, what, question, answer, want)
		}
	}
	writes(t, s)
	s.Close()
	return len(got) < len(d.want)
}

func TestDamage(t *testing.T) {
	d := newDamageSuite(t)
	dir := t.TempDir()
	const n = 200
	noticed := 0
	for seed := range uint64(n) {
		if d.run(t, dir, seed) {
			noticed++
		}
	}
	t.Logf("%d pages: %d of %d faults were noticed, the others were in unused space", len(d.data)/pageSize, noticed, n)
	if noticed < n/4 {
		t.Errorf("only %d of %d faults had an effect: the test does not hit what is stored", noticed, n)
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

func FuzzDamage(f *testing.F) {
	d := newDamageSuite(f)
	f.Add(uint64(1000))
	f.Fuzz(func(t *testing.T, seed uint64) { d.run(t, t.TempDir(), seed) })
}
