package boltstore

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// usageRows makes up n calls within days from benchStart on.
func usageRows(rng *rand.Rand, n, days int) []storage.UsageRow {
	rows := make([]storage.UsageRow, n)
	for i := range rows {
		rows[i] = storage.UsageRow{
			TurnID: fmt.Sprint("turn ", i), UserID: fmt.Sprint("U", rng.IntN(9)), ChannelID: fmt.Sprint("C", rng.IntN(4)), ThreadTS: "1.1",
			Provider: []string{"p", "q"}[rng.IntN(2)], Model: []string{"m", "n", ""}[rng.IntN(3)],
			At:          benchStart.AddDate(0, 0, rng.IntN(days)).Add(time.Duration(rng.IntN(14*3600)) * time.Second),
			InputTokens: rng.Int64N(5000), OutputTokens: rng.Int64N(500), Fallback: rng.IntN(4) == 0,
			Outcome:    []string{storage.OutcomeOK, storage.OutcomeOK, "timeout"}[rng.IntN(3)],
			FirstToken: time.Duration(rng.ExpFloat64() * 1e9), Duration: time.Duration(rng.ExpFloat64() * 1e10),
		}
		if rng.IntN(3) > 0 {
			rows[i].Price, rows[i].CostNanoUSD = &storage.Price{Input: 1}, rng.Int64N(1e9)
		}
	}
	return rows
}

// addUp is what Usage should say, from the rows.
func addUp(q storage.UsageQuery, rows []storage.UsageRow) []storage.UsageTotal {
	by := cmp.Or(q.By, storage.ByAll)
	sums := make(map[string]*storage.UsageTotal)
	for i := range rows {
		r := &rows[i]
		t := totalOf(r)
		if q.From != 0 && t.Day < q.From || q.To != 0 && t.Day > q.To {
			continue
		}
		fields := [...]*string{&t.UserID, &t.ChannelID, &t.Provider, &t.Model}
		selected := true
		for i, want := range [...]string{q.UserID, q.ChannelID, q.Provider, q.Model} {
			selected = selected && (want == "" || *fields[i] == want)
			if by&keyed[i] == 0 {
				*fields[i] = ""
			}
		}
		if by&storage.ByDay == 0 {
			t.Day = 0
		}
		if !selected {
			continue
		}
		key := string(cubeTotals.key(t))
		if sums[key] == nil {
			sums[key] = t
		}
		sums[key].Add(*r)
	}
	var totals []storage.UsageTotal
	for _, t := range sums {
		totals = append(totals, *t)
	}
	slices.SortFunc(totals, func(a, b storage.UsageTotal) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), strings.Compare(a.UserID, b.UserID), strings.Compare(a.ChannelID, b.ChannelID),
			strings.Compare(a.Provider, b.Provider), strings.Compare(a.Model, b.Model))
	})
	return totals
}

// randomQuery asks for some days from benchStart on.
func randomQuery(rng *rand.Rand, days int) storage.UsageQuery {
	q := storage.UsageQuery{By: storage.Dimension(rng.IntN(int(storage.ByAll) + 1))}
	first := storage.DayOf(benchStart)
	if rng.IntN(4) > 0 {
		q.From = first + storage.Day(rng.IntN(days+20)-10)
	}
	if rng.IntN(4) > 0 {
		q.To = max(q.From, first) + storage.Day(rng.IntN(days+20)-10)
	}
	for to, of := range map[*string]string{&q.UserID: fmt.Sprint("U", rng.IntN(9)), &q.ChannelID: fmt.Sprint("C", rng.IntN(4)), &q.Provider: "q", &q.Model: "n"} {
		if rng.IntN(3) == 0 {
			*to = of
		}
	}
	return q
}

// However rows come and go, a question is answered as if the rows were added up.
func TestCubesAreTheirRows(t *testing.T) {
	const days = 400
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 9))
		path := filepath.Join(memoryDir(t), "bobbin.db")
		var rows []storage.UsageRow
		for range 4 {
			s := openTest(t, path)
			for range 12 {
				switch rng.IntN(4) {
				case 0:
					expired := benchStart.AddDate(0, 0, rng.IntN(days/4))
					for limit, n := 40, 40; n == limit; {
						var err error
						if n, err = s.Purge(t.Context(), storage.Before{Usage: expired}, limit); err != nil {
							t.Fatal(err)
						}
					}
					rows = slices.DeleteFunc(rows, func(r storage.UsageRow) bool { return storage.DayOf(r.At) < storage.DayOf(expired) })
				default:
					more := usageRows(rng, 1+rng.IntN(80), days)
					if err := s.RecordUsage(t.Context(), more); err != nil {
						t.Fatal(err)
					}
					rows = append(rows, more...)
				}
			}
			for range 150 {
				q := randomQuery(rng, days)
				if got, err := s.Usage(t.Context(), q); err != nil || !slices.Equal(got, addUp(q, rows)) {
					t.Fatalf("seed %d: %+v from %s to %s: %v\n\tgot  %+v\n\twant %+v", seed, q, q.From, q.To, err, got, addUp(q, rows))
				}
			}
			verify(t, s)
			closeTest(t, s)
			if r, err := Verify(t.Context(), path, nil); err != nil {
				t.Errorf("%v\n%q", err, r.Problems)
			}
		}
	}
}

// A plan counts each day that was asked for once and no other, whatever it adds
// and takes away.
func TestPlanCoversEachDayOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	base := storage.DayOf(benchStart)
	for range 3000 {
		q := randomQuery(rng, 900)
		count := make(map[int64]int64) // by day; only those around what was asked for
		read := int64(0)
		for _, s := range plan(q) {
			if s.first >= s.end {
				t.Fatalf("%+v: an empty part %+v", q, s)
			}
			from, to := s.first, s.end
			if s.months > 0 {
				from, to = math.MinInt32, math.MaxInt32
				if s.first > math.MinInt32 {
					from = s.begin(s.first)
				}
				if s.end < math.MaxInt32 {
					to = s.begin(s.end)
				}
			} else if s.first > math.MinInt32 && s.end < math.MaxInt32 {
				read += s.end - s.first
			}
			for d := max(from, int64(base)-200); d < min(to, int64(base)+2000); d++ {
				count[d] += s.sign
			}
		}
		for d := base - 200; d < base+2000; d++ {
			want := int64(0)
			if (q.From == 0 || d >= q.From) && (q.To == 0 || d <= q.To) {
				want = 1
			}
			if count[int64(d)] != want {
				t.Fatalf("%+v, from %s to %s: %s is counted %d times, want %d, by %+v", q, q.From, q.To, d, count[int64(d)], want, plan(q))
			}
		}
		if by := q.By; q.UserID == "" && q.ChannelID == "" && (by == storage.ByUser || by == storage.ByChannel) && read > 2*16 {
			t.Errorf("%+v, from %s to %s: %d single days are read", q, q.From, q.To, read)
		}
	}
}

func TestCubePeriods(t *testing.T) {
	for _, c := range []struct {
		cube       *cube
		day, begin string
	}{
		{cubeUserMonths, "2026-01-31", "2026-01-01"}, {cubeUserMonths, "2026-02-01", "2026-02-01"}, {cubeUserMonths, "0000-01-01", "0000-01-01"}, {cubeUserMonths, "1969-12-31", "1969-12-01"},
		{cubeUserQuarters, "2026-03-31", "2026-01-01"}, {cubeUserQuarters, "2026-04-01", "2026-04-01"}, {cubeUserQuarters, "2026-12-31", "2026-10-01"}, {cubeUserQuarters, "1969-12-31", "1969-10-01"},
	} {
		at, err := time.Parse(time.DateOnly, c.day)
		if err != nil {
			t.Fatal(err)
		}
		d := storage.DayOf(at)
		p := c.cube.period(d)
		if begin := storage.Day(c.cube.begin(p)); begin.String() != c.begin || c.cube.period(begin) != p || c.cube.period(begin-1) != p-1 {
			t.Errorf("%s is in a period that begins %s, want %s", c.day, begin, c.begin)
		}
	}
}

func TestNumbersRefuse(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	rows := usageRows(rng, 30, 1)
	var want storage.UsageTotal
	for _, r := range rows {
		want.Add(r)
	}
	whole := encodeUsageTotal(&want).b[recordHeader:]
	var n numbers
	var got storage.UsageTotal
	if !n.add(whole, 1) {
		t.Fatal("a whole record is refused")
	}
	if n.to(&got); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !n.add(whole, -1) || n != (numbers{}) {
		t.Errorf("taken away again %v is left", n)
	}
	e := newEncoder(0)
	for _, v := range want.Sums() {
		if v != &want.Fallbacks {
			e.int(*v)
		}
	}
	before := len(e.b) - recordHeader // what layout 2 wrote
	for cut := range whole {
		if n := (numbers{}); n.add(whole[:cut], 1) != (cut == before) {
			t.Errorf("the first %d of %d bytes: %v", cut, len(whole), cut != before)
		}
	}
	for _, wrong := range [][]byte{append(slices.Clone(whole), 0), append(slices.Clone(whole[:before+1]), 1, 33, 2, 0), append(slices.Clone(whole[:before+1]), bytes.Repeat([]byte{255}, 12)...)} {
		if n := (numbers{}); n.add(wrong, 1) {
			t.Errorf("%x was read", wrong)
		}
	}
}

// A damaged key of an index or a cube hides its record, and the reader must not
// take that for absence.
func TestDamagedKeyOfLists(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bobbin.db")
	s := openTest(t, path)
	ctx := t.Context()
	// Far enough apart for a damaged record to lie between.
	var turns []storage.Turn
	for i, user := range []string{"U1", "UC", "Us"} {
		turns = append(turns, answered(t, s, user, fmt.Sprintf("17%d0000000.000100", 3*i), "why"))
		if err := errors.Join(
			s.SetFeedback(ctx, turns[i].ID, user, 1, benchStart),
			s.RecordUsage(ctx, []storage.UsageRow{{UserID: user, ChannelID: user, At: benchStart.AddDate(0, 2*i, 0), Outcome: storage.OutcomeOK}}),
			s.Lift(ctx, storage.Lift{Scope: storage.ScopeUser, ID: user, Day: storage.DayOf(benchStart)}),
			s.Reserve(ctx, storage.Reservation{TurnID: user, UserID: user, At: benchStart}, nil),
		); err != nil {
			t.Fatal(err)
		}
	}
	closeTest(t, s)
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	turn, at := turns[1], benchStart.AddDate(0, 2, 0)
	turn.ReceivedAt = benchStart
	total := &storage.UsageTotal{Day: storage.DayOf(at), UserID: "UC", ChannelID: "UC"}
	usage := func(q storage.UsageQuery) func(*Store) error {
		return func(s *Store) error { _, err := s.Usage(ctx, q); return err }
	}
	_, row := findRecord(t, path, bucketLedger, nil)
	noticed := 0
	for _, c := range []struct {
		name string
		key  []byte
		read func(*Store) error
	}{
		{"day", cubeDays.key(total), usage(storage.UsageQuery{By: storage.ByModel})},
		{"user's day", cubeUserDays.key(total), usage(storage.UsageQuery{UserID: "UC", By: storage.ByDay, From: total.Day, To: total.Day})},
		{"channel's day", cubeChannelDays.key(total), usage(storage.UsageQuery{ChannelID: "UC", By: storage.ByDay, From: total.Day})},
		{"user's quarter", cubeUserQuarters.key(total), usage(storage.UsageQuery{By: storage.ByUser})},
		{"channel's month", cubeChannelMonths.key(total), usage(storage.UsageQuery{By: storage.ByChannel})},
		{"member", cubeMembers.key(total), usage(storage.UsageQuery{ChannelID: "UC", By: storage.ByUser})},
		{"mine", mineKey("UC", threadKey(turn.Key)), func(s *Store) error { _, err := s.Conversations(ctx, "UC", 9); return err }},
		{"verdict", verdictKey(1, &turn, "UC"), func(s *Store) error { _, err := s.Verdicts(ctx, 1, time.Time{}, 9); return err }},
		{"lift", liftKey(storage.DayOf(benchStart), storage.ScopeUser, "UC"), func(s *Store) error {
			_, err := s.Spent(ctx, []storage.Limit{{Scope: storage.ScopeUser, ID: "UC", Period: storage.PerDay}}, benchStart)
			return err
		}},
		{"reservation", reservationKey("UC"), func(s *Store) error { _, err := s.Reservations(ctx, benchStart); return err }},
		{"call", row, func(s *Store) error {
			day := storage.DayOf(benchStart)
			_, _, err := s.Calls(ctx, storage.UsageQuery{From: day, To: day}, "", 9)
			return err
		}},
	} {
		if n := bytes.Count(image, c.key); n == 0 {
			t.Fatalf("%s: no record %q", c.name, c.key)
		}
		for bit := range len(c.key) * 8 {
			d, err := tryImage(t, flipEverywhere(image, c.key, bit))
			if errors.Is(err, storage.ErrCorrupt) {
				noticed++
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := c.read(d); !errors.Is(err, storage.ErrCorrupt) {
				t.Errorf("%s: bit %d of key %q: %v, want ErrCorrupt", c.name, bit, c.key, err)
			}
			closeTest(t, d)
		}
	}
	if noticed == 0 {
		t.Error("no flip broke the order of keys")
	}
}
