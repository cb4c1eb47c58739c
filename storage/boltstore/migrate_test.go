package boltstore

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/bobbin-bot/bobbin/storage"
)

func boltTest(t testing.TB, path string) *bolt.DB {
	t.Helper()
	db, err := bolt.Open(path, 0o600, Options{}.withDefaults().bolt(time.Second, nil))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// toLayout2 makes a file what layout 2 would have made of the same calls: no
// cubes, budgets and lists, totals of eleven numbers, and calls that do not say
// their thread and whether they were a fallback.
func toLayout2(t testing.TB, path string) {
	t.Helper()
	db := boltTest(t, path)
	if err := db.Update(func(tx *bolt.Tx) error {
		var errs []error
		rewrite := func(b bucket, encode func(key, payload []byte) *encoder) {
			in := tx.Bucket(bucketNames[b])
			records := make(map[string][]byte)
			c := in.Cursor()
			for k, record := c.First(); k != nil; k, record = c.Next() {
				payload, err := unseal(b, k, record)
				errs = append(errs, err)
				if e := encode(k, payload); e != nil {
					records[string(k)] = e.seal(b, k)
				}
			}
			for k, record := range records {
				errs = append(errs, in.Put([]byte(k), record))
			}
		}
		rewrite(bucketLedger, func(_, payload []byte) *encoder {
			r, err := decodeLedgerRow(payload)
			errs = append(errs, err)
			e := newEncoder(0)
			e.usageRow(&r)
			return e
		})
		rewrite(bucketUsage, func(key, payload []byte) *encoder {
			total, err := decodeUsageTotal(key, payload)
			errs = append(errs, err)
			e := newEncoder(0)
			for _, n := range total.Sums() {
				if n != &total.Fallbacks {
					e.int(*n)
				}
			}
			return e
		})
		rewrite(bucketThread, func(key, payload []byte) *encoder {
			thread, part, _ := splitThread(key)
			if part != partTurn {
				return nil
			}
			r := keyReader{decoder{b: key[len(thread)+1:]}}
			turn, err := decodeTurn(storage.ConversationKey{}, r.string(), payload)
			errs = append(errs, err)
			e, more := encodeTurn(&turn), newEncoder(0)
			for i := range turn.Calls {
				more.usageMore(&turn.Calls[i])
			}
			e.b = e.b[:len(e.b)-len(more.b[recordHeader:])]
			return e
		})
		for b := bucketCube; b < bucketCount; b++ {
			errs = append(errs, tx.DeleteBucket(bucketNames[b]))
		}
		key := []byte("schema")
		errs = append(errs, tx.Bucket(bucketNames[bucketMeta]).Put(key, metaNumber(key, 2)))
		return errors.Join(errs...)
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// withoutNews are rows as layout 2 knew them.
func withoutNews(rows []storage.UsageRow) []storage.UsageRow {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].ThreadTS, rows[i].Fallback = "", false
	}
	return rows
}

// wantTotals compares what is known of rows from before there were histograms.
func wantTotals(t *testing.T, s *Store, what string, rows []storage.UsageRow) {
	t.Helper()
	rng := rand.New(rand.NewPCG(8, 8))
	for range max(10, 200_000/len(rows)) {
		q := randomQuery(rng, 200)
		got, err := s.Usage(t.Context(), q)
		want := addUp(q, withoutNews(rows))
		for i := range want {
			want[i].FirstToken, want[i].Duration = storage.Histogram{}, storage.Histogram{}
		}
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%s: %+v: %v\n\tgot  %+v\n\twant %+v", what, q, err, got, want)
		}
	}
}

// layout2 is a file of layout 2 with usage of 200 days and everything of fill.
func layout2(t *testing.T) (path string, rows []storage.UsageRow, lists map[string]string) {
	t.Helper()
	path = imageFile(t, fill(t))
	s := openTest(t, path)
	for n := 45; n > 0; { // only the usage of which the rows are known
		var err error
		if n, err = s.Purge(t.Context(), storage.Before{Usage: benchStart.AddDate(1, 0, 0)}, 45); err != nil {
			t.Fatal(err)
		}
	}
	rows = usageRows(rand.New(rand.NewPCG(4, 4)), 600, 200)
	if err := s.RecordUsage(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	lists = listAnswers(t, s)
	closeTest(t, s)
	toLayout2(t, path)
	return path, rows, lists
}

// listAnswers are what the lists say. The usage of turns is left out.
func listAnswers(t *testing.T, s *Store) map[string]string {
	all := answers(t, s)
	maps.DeleteFunc(all, func(question, _ string) bool {
		return !strings.HasPrefix(question, "conversations of") && !strings.HasPrefix(question, "verdicts")
	})
	return all
}

func TestMigrate(t *testing.T) {
	path, rows, lists := layout2(t)
	if r, err := Verify(t.Context(), path, nil); err != nil {
		t.Errorf("Verify of the old file: %v\n%q", err, r.Problems)
	}
	for _, what := range []string{"taken over", "opened again"} {
		s := openTest(t, path)
		wantTotals(t, s, what, rows)
		if got := listAnswers(t, s); !maps.Equal(got, lists) {
			t.Errorf("%s: lists\n\tgot  %v\n\twant %v", what, got, lists)
		}
		got, _, err := s.Calls(t.Context(), storage.UsageQuery{}, "", 1000)
		if err != nil || len(got) != len(rows) || got[0].ThreadTS != "" || got[0].TurnID == "" {
			t.Errorf("%s: %d calls, %v", what, len(got), err)
		}
		if list, err := s.Reservations(t.Context(), benchStart.AddDate(1, 0, 0)); err != nil || len(list) > 0 {
			t.Errorf("%s: reservations %v, %v", what, list, err)
		}
		closeTest(t, s)
		if r, err := Verify(t.Context(), path, nil); err != nil {
			t.Errorf("Verify of the file that was %s: %v\n%q", what, err, r.Problems)
		}
	}
	s := openTest(t, path)
	more := usageRows(rand.New(rand.NewPCG(5, 5)), 100, 10)
	if err := s.RecordUsage(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	q := storage.UsageQuery{By: storage.ByUser}
	totals, err := s.Usage(t.Context(), q)
	newer := storage.Sum(addUp(q, more))
	if all := storage.Sum(totals); err != nil || all.Calls != int64(len(rows)+len(more)) || all.Duration != newer.Duration {
		t.Errorf("after more calls: %+v, %v", all, err)
	}
	for limit, n := 500, 500; n == limit; {
		if n, err = s.Purge(t.Context(), storage.Before{Usage: benchStart.AddDate(1, 0, 0)}, limit); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.read(t.Context(), func(v view) error {
		for _, b := range []bucket{bucketUsage, bucketCube} {
			if k, _ := v.cursor(b).First(); k != nil {
				t.Errorf("%s has %q when all usage has expired", b, k)
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	verify(t, s)
}

// What an interrupted migration has left is not used, by nobody.
func TestMigrateInterrupted(t *testing.T) {
	path, rows, lists := layout2(t)
	for _, steps := range []int{1, 2, 3} {
		db := boltTest(t, path)
		m := migration{db: db, old: bucketCube, progress: func(int64, int64) {}}
		for _, step := range []func() error{m.begin, m.cubes, m.lists}[:steps] {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Update(func(tx *bolt.Tx) error { // as if it had stopped half way
			wrong := storage.UsageTotal{UserID: "U3", Day: storage.DayOf(benchStart), Calls: 7}
			key := cubeUserDays.key(&wrong)
			c := tx.Bucket(bucketNames[bucketMine]).Cursor()
			if k, _ := c.First(); k != nil {
				if err := c.Delete(); err != nil {
					return err
				}
			}
			return tx.Bucket(bucketNames[bucketCube]).Put(key, encodeUsageTotal(&wrong).seal(bucketCube, key))
		}); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if r, err := Verify(t.Context(), path, nil); err != nil {
			t.Errorf("Verify after %d steps: %v\n%q", steps, err, r.Problems)
		}
		image, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s := openTest(t, imageFile(t, image))
		wantTotals(t, s, fmt.Sprint("after ", steps, " steps"), rows)
		if got := listAnswers(t, s); !maps.Equal(got, lists) {
			t.Errorf("after %d steps: lists\n\tgot  %v\n\twant %v", steps, got, lists)
		}
		closeTest(t, s)
	}
}

// More usage than fits into one transaction, in the order of users and not of
// days, which is where a migration could take the square of the time.
func TestMigrateMuch(t *testing.T) {
	path := filepath.Join(memoryDir(t), "bobbin.db")
	rows := usageRows(rand.New(rand.NewPCG(4, 4)), 40_000, 60)
	for i := range rows {
		rows[i].UserID = fmt.Sprintf("U%07d", i*7919%10_000)
	}
	old, err := newBuilder(path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.discard()
	var made batch
	totals := addUp(storage.UsageQuery{}, rows)
	for i := range totals {
		made.put(bucketUsage, cubeTotals.key(&totals[i]), encodeUsageTotal(&totals[i]))
	}
	if err := made.flush(old.put); err != nil {
		t.Fatal(err)
	}
	if _, err := old.finish(nil); err != nil {
		t.Fatal(err)
	}
	toLayout2(t, path)
	begun := time.Now()
	var calls, last int64
	s, err := Open(path, Options{Progress: func(done, all int64) {
		if all != int64(len(totals)) || done < last || calls == 0 && done > 0 {
			t.Errorf("progress %d: %d of %d after %d, of %d totals", calls, done, all, last, len(totals))
		}
		calls, last = calls+1, done
	}})
	took := time.Since(begun)
	if err != nil || calls < 3 || last != int64(len(totals)) {
		t.Fatalf("opened: %v; %d calls of Progress, the last with %d of %d totals", err, calls, last, len(totals))
	}
	wantTotals(t, s, "taken over", rows)
	closeTest(t, s)
	if r, err := Verify(t.Context(), path, nil); err != nil {
		t.Errorf("%v\n%q", err, r.Problems)
	}
	t.Logf("%d totals taken over in %v", len(totals), took)
	if took > time.Minute {
		t.Errorf("%d totals took %v", len(totals), took)
	}
}

// The tools for files at rest know the old layout too.
func TestToolsOnLayout2(t *testing.T) {
	path, rows, lists := layout2(t)
	for name, work := range map[string]func(to string) error{
		"Compact": func(to string) error { _, err := Compact(t.Context(), path, to, nil); return err },
		"Salvage": func(to string) error { _, err := Salvage(t.Context(), path, to, nil); return err },
		"BackupFile": func(to string) error {
			var b bytes.Buffer
			_, err := BackupFile(t.Context(), path, &b)
			return errors.Join(err, os.WriteFile(to, b.Bytes(), 0o600))
		},
	} {
		to := filepath.Join(t.TempDir(), "new.db")
		if err := work(to); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r, err := Verify(t.Context(), to, nil); err != nil {
			t.Errorf("Verify after %s: %v\n%q", name, err, r.Problems)
		}
		s := openTest(t, to)
		if name == "Salvage" { // makes histograms of rows
			if got, err := s.Usage(t.Context(), storage.UsageQuery{By: storage.ByUser}); err != nil || !slices.Equal(got, addUp(storage.UsageQuery{By: storage.ByUser}, withoutNews(rows))) {
				t.Errorf("usage after %s: %+v, %v", name, got, err)
			}
		} else {
			wantTotals(t, s, name, rows)
		}
		if got := listAnswers(t, s); !maps.Equal(got, lists) {
			t.Errorf("%s: lists\n\tgot  %v\n\twant %v", name, got, lists)
		}
		closeTest(t, s)
	}
}

// A damaged total would be missing in the cubes without anybody being told.
func TestMigrateDamaged(t *testing.T) {
	path, _, _ := layout2(t)
	damage := func(b bucket) (image []byte) {
		image, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		db := boltTest(t, path)
		defer db.Close()
		var record []byte
		if err := db.View(func(tx *bolt.Tx) error {
			c := tx.Bucket(bucketNames[b]).Cursor()
			k, r := c.First()
			if b == bucketThread {
				k, r = c.Next() // a turn
			}
			record = slices.Concat(k, r)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return flipEverywhere(image, record, 8*len(record)-1)
	}
	if _, err := tryImage(t, damage(bucketUsage)); !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), "layout 2") {
		t.Errorf("Open with a damaged total: %v, want ErrCorrupt and why", err)
	}
	s, err := tryImage(t, damage(bucketThread))
	if err != nil {
		t.Fatalf("Open with a damaged turn: %v, want it left to whoever reads it", err)
	}
	closeTest(t, s)
}
