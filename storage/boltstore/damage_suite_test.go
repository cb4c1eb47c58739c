package boltstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// damageSuite compares what a damaged file says with what was stored.
type damageSuite struct {
	data []byte
	want map[string]string
	// For what a salvage may say: all versions of each turn, the messages of
	// each conversation, the totals.
	versions map[string][]storage.Turn
	messages map[storage.ConversationKey][]storage.Message
	totals   map[string]storage.UsageTotal
	reserved []storage.Reservation
}

func newDamageSuite(t testing.TB) damageSuite {
	d := damageSuite{versions: make(map[string][]storage.Turn), messages: make(map[storage.ConversationKey][]storage.Message), totals: make(map[string]storage.UsageTotal)}
	d.data = fillNoting(t, func(turn storage.Turn) { d.versions[turn.ID] = append(d.versions[turn.ID], turn) })
	s := openTest(t, imageFile(t, d.data))
	d.want = answers(t, s)
	for i := range damagedThreads {
		h, err := s.History(context.Background(), damagedKey(i), 0)
		if err != nil {
			t.Fatal(err)
		}
		d.messages[damagedKey(i)] = h.Messages
	}
	var err error
	if d.reserved, err = s.Reservations(context.Background(), benchStart.AddDate(1, 0, 0)); err != nil || len(d.reserved) == 0 {
		t.Fatal(d.reserved, err)
	}
	totals, err := s.Usage(context.Background(), storage.UsageQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, total := range totals {
		d.totals[string(cubeTotals.key(&total))] = total
	}
	closeTest(t, s)
	return d
}

// outcome counts what became of damaged files.
type outcome struct {
	detected, refused, opened, noticed, served int
	nothing, salvaged, turns, messages         int
	slowest                                    time.Duration
}

// run has a damaged file verified, opened, asked, written to and salvaged.
func (d damageSuite) run(t testing.TB, dir string, seed uint64, o *outcome) {
	t.Helper()
	begun := time.Now()
	defer func() { o.slowest = max(o.slowest, time.Since(begun)) }()
	data, what := harm(d.data, seed)
	path := filepath.Join(dir, fmt.Sprint(seed, ".db"))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(path)
	r, verified := Verify(context.Background(), path, nil)
	if verified != nil {
		o.detected++
		if !errors.Is(verified, storage.ErrCorrupt) || len(r.Problems) == 0 {
			t.Errorf("seed %d, %s: Verify: %v, %q, want success or ErrCorrupt and why", seed, what, verified, r.Problems)
		}
	}
	d.salvage(t, path, fmt.Sprintf("seed %d, %s", seed, what), verified == nil, o)
	s, err := Open(path, Options{})
	if err != nil {
		o.refused++
		if !errors.Is(err, storage.ErrCorrupt) || verified == nil {
			t.Errorf("seed %d, %s: Open: %v, want success or ErrCorrupt; Verify said %v", seed, what, err, verified)
		}
		return
	}
	o.opened++
	got := answers(t, s)
	for question, answer := range got {
		if want := d.want[question]; answer != want {
			t.Errorf("seed %d, %s: wrong data instead of ErrCorrupt\n\tquestion %s\n\tgot  %.300s\n\twant %.300s", seed, what, question, answer, want)
		}
	}
	if len(got) < len(d.want) {
		o.noticed++
		if verified == nil {
			t.Errorf("seed %d, %s: readers noticed what Verify did not", seed, what)
		}
	}
	o.served += len(got)
	writes(t, s)
	s.Close()
}

// salvage makes a new store of a damaged file. It must be in order, and what it
// says must have been stored some time.
func (d damageSuite) salvage(t testing.TB, path, what string, healthy bool, o *outcome) {
	t.Helper()
	to := path + ".salvaged"
	defer os.Remove(to)
	r, err := Salvage(context.Background(), path, to, nil)
	if err != nil {
		o.nothing++
		if !errors.Is(err, storage.ErrCorrupt) || exists(to) {
			t.Errorf("%s: Salvage: %v, want success, or ErrCorrupt and no file", what, err)
		}
		return
	}
	o.salvaged++
	s, err := Open(to, Options{})
	if err != nil {
		t.Errorf("%s: open what was salvaged: %v", what, err)
		return
	}
	defer s.Close()
	if healthy && !strings.Contains(what, "meta page") {
		if got := answers(t, s); !maps.Equal(got, d.want) || r.Lost+r.Recovered != 0 {
			t.Errorf("%s: nothing was wrong with the file, and the salvaged one is not the same (%+v)", what, r)
		}
	}
	for id, versions := range d.versions {
		turn, err := s.Turn(context.Background(), id)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			t.Errorf("%s: salvaged turn %s: %v", what, id, err)
			continue
		}
		o.turns++
		if !slices.ContainsFunc(versions, func(v storage.Turn) bool { return sameTurn(turn, v) }) {
			t.Errorf("%s: salvaged turn %s was never stored so: %.300s", what, id, fmt.Sprintf("%+v", turn))
		}
	}
	for key, messages := range d.messages {
		h, err := s.History(context.Background(), key, 0)
		if err != nil {
			t.Errorf("%s: salvaged history: %v", what, err)
		}
		o.messages += len(h.Messages)
		for _, m := range h.Messages {
			if !slices.Contains(messages, m) {
				t.Errorf("%s: salvaged message %d of %s was never stored: %.200s", what, m.Seq, key, m.Text)
			}
		}
		if _, err := s.Open(context.Background(), key); err != nil {
			t.Errorf("%s: salvaged open turns: %v", what, err)
		}
	}
	reserved, err := s.Reservations(context.Background(), benchStart.AddDate(1, 0, 0))
	if err != nil {
		t.Errorf("%s: salvaged reservations: %v", what, err)
	}
	for _, r := range reserved {
		if !slices.Contains(d.reserved, r) {
			t.Errorf("%s: salvaged reservation was never made: %+v", what, r)
		}
	}
	totals, err := s.Usage(context.Background(), storage.UsageQuery{})
	if err != nil {
		t.Errorf("%s: salvaged usage: %v", what, err)
	}
	for _, total := range totals {
		if total != d.totals[string(cubeTotals.key(&total))] {
			t.Errorf("%s: salvaged total was never stored: %+v", what, total)
		}
	}
}

// sameTurn reports whether a salvaged turn is a version of a turn, given up if
// it was not finished.
func sameTurn(got, version storage.Turn) bool {
	if got.State == storage.StateInterrupted && !version.State.Terminal() {
		version.State, version.Failure = got.State, got.Failure
	}
	version.ReceivedAt, version.UpdatedAt = version.ReceivedAt.UTC(), version.UpdatedAt.UTC()
	return fmt.Sprintf("%+v", got) == fmt.Sprintf("%+v", version)
}

func TestDamage(t *testing.T) {
	d := newDamageSuite(t)
	dir := memoryDir(t)
	const n = damagedFiles
	var all outcome
	for seed := range uint64(n) {
		d.run(t, dir, seed, &all)
	}
	t.Logf(`%d damaged files of %d pages:
	%d detected by Verify, the damage of the others was in unused space
	%d refused by Open
	%d opened, of which %d said ErrCorrupt to some questions, and gave %d answers, all of them right
	%d salvaged, with %.1f %% of all turns and %.1f %% of all messages; %d held nothing
	slowest %v for all of it`,
		n, len(d.data)/pageSize, all.detected, all.refused, all.opened, all.noticed, all.served, all.salvaged,
		100*float64(all.turns)/n/damagedTurns, 100*float64(all.messages)/n/90, all.nothing, all.slowest.Round(time.Millisecond))
	if all.detected < n/3 || all.noticed < n/50 || all.salvaged < n*9/10 {
		t.Errorf("%+v: the test does not hit what is stored", all)
	}
}

// memoryDir is a folder without fsync's price, where there is one.
func memoryDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "boltstore-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func FuzzDamage(f *testing.F) {
	d := newDamageSuite(f)
	f.Add(uint64(1000))
	f.Fuzz(func(t *testing.T, seed uint64) { d.run(t, t.TempDir(), seed, &outcome{}) })
}
