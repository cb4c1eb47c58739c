package boltstore

import (
	"cmp"
	"math"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// cube is a way to keep usage totals: added up over some of their dimensions,
// under keys that bring together what is asked for together. The key is the
// cube's number, lead if there is one, the period, and the dimensions in dims.
//
// bucketUsage has the totals as they are, in order of time. The cubes are made of
// it, each time one of them changes, and can be made of it anew.
type cube struct {
	number byte              // 0 is bucketUsage, whose keys have none
	lead   storage.Dimension // user or channel; 0 if none
	months int64             // how many calendar months the period has; 0: it is a day
	dims   storage.Dimension // lead and period left out
}

const allDims = storage.ByUser | storage.ByChannel | storage.ByProvider | storage.ByModel

var (
	cubeTotals        = &cube{dims: allDims}
	cubeDays          = &cube{number: 1, dims: storage.ByProvider | storage.ByModel}
	cubeUserDays      = &cube{number: 2, lead: storage.ByUser, dims: storage.ByChannel | storage.ByProvider | storage.ByModel}
	cubeChannelDays   = &cube{number: 3, lead: storage.ByChannel, dims: storage.ByProvider | storage.ByModel}
	cubeUserMonths    = &cube{number: 4, months: 1, dims: storage.ByUser | storage.ByProvider | storage.ByModel}
	cubeChannelMonths = &cube{number: 5, months: 1, dims: storage.ByChannel | storage.ByProvider | storage.ByModel}
	cubeMembers       = &cube{number: 6, lead: storage.ByChannel, months: 1, dims: storage.ByUser | storage.ByProvider | storage.ByModel}
	cubeUserQuarters  = &cube{number: 7, months: 3, dims: storage.ByUser | storage.ByProvider | storage.ByModel}

	cubes = [...]*cube{cubeDays, cubeUserDays, cubeChannelDays, cubeUserMonths, cubeChannelMonths, cubeMembers, cubeUserQuarters}
)

func (q *cube) bucket() bucket {
	if q.number == 0 {
		return bucketUsage
	}
	return bucketCube
}

// period is the number of the day, or of the months.
func (q *cube) period(d storage.Day) int64 {
	if q.months == 0 {
		return int64(d)
	}
	y, m, _ := d.Time().Date()
	month := int64(y)*12 + int64(m) - 1
	period := month / q.months
	if month%q.months < 0 {
		period--
	}
	return period
}

// begin is the first day of a period of months.
func (q *cube) begin(period int64) int64 {
	return int64(storage.DayOf(time.Date(0, time.Month(period*q.months+1), 1, 0, 0, 0, 0, time.UTC)))
}

// prefix is what the keys begin with: of a lead, if the cube has one.
func (q *cube) prefix(lead string) []byte {
	k := make([]byte, 0, 64)
	if q.number > 0 {
		k = append(k, q.number)
	}
	if q.lead > 0 {
		k = appendString(k, lead)
	}
	return k
}

// dimensions in the order of keys.
var keyed = [...]storage.Dimension{storage.ByUser, storage.ByChannel, storage.ByProvider, storage.ByModel}

// key is where a total is counted.
func (q *cube) key(t *storage.UsageTotal) []byte {
	value := [...]string{t.UserID, t.ChannelID, t.Provider, t.Model}
	lead := ""
	for i, d := range keyed {
		if d == q.lead {
			lead = value[i]
		}
	}
	k := appendInt(q.prefix(lead), q.period(t.Day))
	for i, d := range keyed {
		if q.dims&d > 0 {
			k = appendString(k, value[i])
		}
	}
	return k
}

// cubeKey is a key taken apart: parts are in the order of keyed and point into
// it.
type cubeKey struct {
	period int64
	parts  [len(keyed)][]byte
}

// parse takes a key apart; false if it is none of the cube's.
func (q *cube) parse(key []byte, k *cubeKey) bool {
	r := keyReader{decoder{b: key}}
	if q.number > 0 {
		if len(r.b) == 0 || r.b[0] != q.number {
			return false
		}
		r.b = r.b[1:]
	}
	for i, d := range keyed {
		if d == q.lead {
			k.parts[i] = r.bytes()
		}
	}
	k.period = r.sortedInt()
	for i, d := range keyed {
		if q.dims&d > 0 {
			k.parts[i] = r.bytes()
		}
	}
	return r.end() == nil
}

// segment is a part of a cube that a query reads: the periods from first to
// before end.
type segment struct {
	*cube
	first, end int64
	sign       int64 // -1 takes it away again
}

// plan picks the cubes that answer a query with the fewest records.
func plan(q storage.UsageQuery) []segment {
	by := cmp.Or(q.By, storage.ByAll)
	need := by &^ storage.ByDay
	for i, want := range [...]string{q.UserID, q.ChannelID, q.Provider, q.Model} {
		if want != "" {
			need |= keyed[i]
		}
	}
	serves := func(c *cube) bool { return need&^(c.lead|c.dims) == 0 }
	first, end := int64(math.MinInt32), int64(math.MaxInt32)
	if q.From != 0 {
		first = int64(q.From)
	}
	if q.To != 0 {
		end = int64(q.To) + 1
	}
	if first >= end {
		return nil
	}
	levels := []*cube{cubeTotals}
	switch {
	case q.UserID != "":
		levels = []*cube{cubeUserDays}
	case q.ChannelID != "" && serves(cubeChannelDays):
		levels = []*cube{cubeChannelDays}
	case q.ChannelID == "" && serves(cubeDays):
		levels = []*cube{cubeDays}
	case by&storage.ByDay > 0:
	case q.ChannelID != "":
		levels = []*cube{cubeMembers, cubeTotals}
	case serves(cubeUserMonths):
		levels = []*cube{cubeUserQuarters, cubeUserMonths, cubeTotals}
	case serves(cubeChannelMonths):
		levels = []*cube{cubeChannelMonths, cubeTotals}
	}
	return cover(levels, first, end, 1)
}

// cover reads days from cubes, the coarsest first. Where the periods of one do not
// end with the days, a finer one adds what they lack or takes away what they have
// too much, whichever is less.
func cover(levels []*cube, first, end, sign int64) (list []segment) {
	q, finer := levels[0], levels[1:]
	if q.months == 0 {
		return []segment{{q, first, end, sign}}
	}
	from, to := int64(math.MinInt32), int64(math.MaxInt32)
	days := int64(0)
	if first > math.MinInt32 {
		var begin int64
		if from, begin = q.nearest(first); begin < first {
			list = append(list, cover(finer, begin, first, -sign)...)
		} else if begin > first {
			list = append(list, cover(finer, first, begin, sign)...)
		}
		days += max(begin-first, first-begin)
	}
	if end < math.MaxInt32 {
		var begin int64
		if to, begin = q.nearest(end); begin < end {
			list = append(list, cover(finer, begin, end, sign)...)
		} else if begin > end {
			list = append(list, cover(finer, end, begin, -sign)...)
		}
		days += max(begin-end, end-begin)
	}
	if end-first <= days {
		return cover(finer, first, end, sign)
	}
	return append([]segment{{q, from, to, sign}}, list...)
}

// nearest is the period that begins nearest to a day, and when that is.
func (q *cube) nearest(day int64) (period, begin int64) {
	period = q.period(storage.Day(day))
	begin = q.begin(period)
	if next := q.begin(period + 1); next-day < day-begin {
		return period + 1, next
	}
	return period, begin
}
