package boltstore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// salvageTest salvages an image and opens the result.
func salvageTest(t *testing.T, image []byte) (*Store, Report) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "salvaged.db")
	r, err := Salvage(t.Context(), imageFile(t, image), to, nil)
	if err != nil {
		t.Fatal(err)
	}
	if names := namesBeside(t, to); len(names) != 1 {
		t.Errorf("files: %v, want the new store alone", names)
	}
	return openTest(t, to), r
}

// A branch page that is lost hides pages that are in order. All turns are found
// in their last version, and those that were open are not answered again.
func TestSalvageBehindABranch(t *testing.T) {
	m := newImage(t)
	clear(m.page(m.of["thread"]))
	before := openTest(t, imageFile(t, fill(t)))
	s, r := salvageTest(t, m.data)
	if r.Turns != damagedTurns || r.Messages != 90 || r.Open != 0 || r.Recovered == 0 || r.Lost != 0 {
		t.Errorf("report %+v", r)
	}
	for _, versions := range newDamageSuite(t).versions {
		last := versions[len(versions)-1]
		got, err := s.Turn(t.Context(), last.ID)
		if err != nil || !sameTurn(got, last) {
			t.Errorf("turn %s: %v, %v, want its last version, which is %s", last.ID, got.State, err, last.State)
		}
		if !last.State.Terminal() && got.State != storage.StateInterrupted {
			t.Errorf("turn %s is %s: what may be outdated must not be taken up", last.ID, got.State)
		}
	}
	if s.leases.boot <= before.leases.boot-1 {
		t.Errorf("opened the %dth time, the damaged file %d times: an old lease could pass for a new one", s.leases.boot, before.leases.boot)
	}
}

// What was deleted does not come back because something else is damaged.
func TestSalvageKeepsDeletedDeleted(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "bobbin.db")
	s := openTest(t, path)
	secret, _ := slackTurn(1)
	secret.Text = "the secret"
	kept, _ := slackTurn(2_000_000)
	for _, turn := range []storage.Turn{secret, kept} {
		if _, err := s.Accept(ctx, turn, nil); err != nil {
			t.Fatal(err)
		}
		l, err := s.Acquire(ctx, turn.Key, "w", benchStart, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Advance(ctx, l, storage.Change{TurnID: turn.ID, From: storage.StateReceived, To: storage.StateFailed, At: turn.ReceivedAt}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RecordUsage(ctx, []storage.UsageRow{{At: benchStart, UserID: "U1"}}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Purge(ctx, storage.Before{Conversations: benchStart.Add(time.Minute)}, 10); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	closeTest(t, s)
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(image, []byte("the secret")) {
		t.Fatal("the file has no old copy, so that nothing could come back")
	}
	row, _ := findRecord(t, path, bucketLedger, nil)
	salvaged, r := salvageTest(t, flipEverywhere(image, row, 100))
	if _, err := salvaged.Turn(ctx, secret.ID); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the deleted turn after a salvage because of a usage row: %v, want ErrNotFound", err)
	}
	if _, err := salvaged.Turn(ctx, kept.ID); err != nil || r.Lost != 1 {
		t.Errorf("the other turn: %v; report %+v, want one record lost", err, r)
	}
}

// Cubes and lists are made anew, whatever is left of the old ones. A reservation
// that was settled does not come back from an old page: it would count as spent.
func TestSalvageUsageAndLists(t *testing.T) {
	ctx := t.Context()
	path := imageFile(t, fill(t))
	s := openTest(t, path)
	for i := range 100 { // more than fits beside the bucket's name
		if err := s.Reserve(ctx, storage.Reservation{TurnID: fmt.Sprint("under way ", i), UserID: "U2", At: benchStart, InputTokens: 10}, nil); err != nil {
			t.Fatal(err)
		}
	}
	want := answers(t, s)
	if err := s.Reserve(ctx, storage.Reservation{TurnID: "settled", UserID: "U1", At: benchStart, InputTokens: 1000}, nil); err != nil {
		t.Fatal(err)
	}
	reading, err := s.db.Begin(false) // keeps the page from being used again
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Settle(ctx, "settled", nil); err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(path)
	if err := errors.Join(err, reading.Rollback()); err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)
	if !bytes.Contains(image, reservationKey("settled")) {
		t.Fatal("the file has no old copy, so that nothing could come back")
	}
	m := newImageOf(t, image)
	for _, name := range []string{"cube", "mine", "verdict"} {
		if m.of[name] != 0 { // else it is in the page of the buckets
			clear(m.page(m.of[name]))
		}
	}
	if m.of["cube"] == 0 || m.of["budget"] == 0 {
		t.Fatal("no pages to damage")
	}
	salvaged, r := salvageTest(t, m.data)
	if got := answers(t, salvaged); !maps.Equal(got, want) || r.Lost != 0 {
		for question, answer := range want {
			if got[question] != answer {
				t.Errorf("%s:\n\tgot  %.300s\n\twant %.300s", question, got[question], answer)
			}
		}
		t.Errorf("report %+v", r)
	}
	clear(m.page(m.of["budget"]))
	salvaged, _ = salvageTest(t, m.data)
	if list, err := salvaged.Reservations(ctx, benchStart.AddDate(1, 0, 0)); err != nil || len(list) > 0 {
		t.Errorf("reservations that were found by searching: %+v, %v", list, err)
	}
	verify(t, salvaged)
}

func TestSalvageRefuses(t *testing.T) {
	noise := make([]byte, 8<<20)
	rng := rand.New(rand.NewPCG(7, 7))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	newer := imageFile(t, fill(t))
	setSchema(t, newer, schema+1)
	good := imageFile(t, fill(t))
	for _, c := range []struct {
		name, from, to string
		want           error
		text           string
	}{
		{"noise", imageFile(t, noise), "", storage.ErrCorrupt, "no record of a store"},
		{"zeroes", imageFile(t, make([]byte, 1<<20)), "", storage.ErrCorrupt, "no record of a store"},
		{"nothing", imageFile(t, nil), "", storage.ErrCorrupt, "no record of a store"},
		{"a newer version", newer, "", storage.ErrSchema, "up to"},
		{"no such file", good + ".none", "", fs.ErrNotExist, "no such file"},
		{"a folder", filepath.Dir(good), "", nil, "not a file"},
		{"onto a file", good, good, fs.ErrExist, "exists"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.to == "" {
				c.to = filepath.Join(t.TempDir(), "new.db")
			}
			_, err := Salvage(t.Context(), c.from, c.to, nil)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want %v that says %q", err, c.want, c.text)
			}
			if names := namesBeside(t, c.to); len(names) > 0 && !slices.Equal(names, []string{"bobbin.db"}) {
				t.Errorf("files left: %v", names)
			}
		})
	}
}

// Watermarks come through a salvage: without them what was said while the bot was
// away would not be read.
func TestSalvageKeepsWatermarks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bobbin.db")
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []storage.Watermark{{ChannelID: "C1", TS: "5.000000", Shared: true}}
	if err := errors.Join(s.SetWatermarks(t.Context(), want), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Salvage(t.Context(), path, path+".new", nil); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(path+".new", Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, err := s.Watermarks(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("watermarks %v, %v, want %v", got, err, want)
	}
}
