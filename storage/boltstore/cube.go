package boltstore

import (
	"bytes"
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
	months bool              // the period is a calendar month, not a day
	dims   storage.Dimension // lead and period left out
}

const allDims = storage.ByUser | storage.ByChannel | storage.ByProvider | storage.ByModel

var (
	cubeTotals        = &cube{dims: allDims}
	cubeDays          = &cube{number: 1, dims: storage.ByProvider | storage.ByModel}
	cubeUserDays      = &cube{number: 2, lead: storage.ByUser, dims: storage.ByChannel | storage.ByProvider | storage.ByModel}
	cubeChannelDays   = &cube{number: 3, lead: storage.ByChannel, dims: storage.ByProvider | storage.ByModel}
	cubeUserMonths    = &cube{number: 4, months: true, dims: storage.ByUser | storage.ByProvider | storage.ByModel}
	cubeChannelMonths = &cube{number: 5, months: true, dims: storage.ByChannel | storage.ByProvider | storage.ByModel}
	cubeMembers       = &cube{number: 6, lead: storage.ByChannel, months: true, dims: storage.ByUser | storage.ByProvider | storage.ByModel}

	cubes = [...]*cube{cubeDays, cubeUserDays, cubeChannelDays, cubeUserMonths, cubeChannelMonths, cubeMembers}
)

func (q *cube) bucket() bucket {
	if q.number == 0 {
		return bucketUsage
	}
	return bucketCube
}

// all is every dimension that the cube tells apart, the period aside.
func (q *cube) all() storage.Dimension { return q.lead | q.dims }

// period is the number of the day or month.
func (q *cube) period(d storage.Day) int64 {
	if q.months {
		return monthOf(d)
	}
	return int64(d)
}

// monthOf counts calendar months.
func monthOf(d storage.Day) int64 {
	y, m, _ := d.Time().Date()
	return int64(y)*12 + int64(m) - 1
}

func firstOfMonth(month int64) storage.Day {
	return storage.DayOf(time.Date(int(month/12), time.Month(month%12+1), 1, 0, 0, 0, 0, time.UTC))
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
func (q *cube) parse(key []byte) (k cubeKey, ok bool) {
	r := keyReader{decoder{b: key}}
	if q.number > 0 {
		if len(r.b) == 0 || r.b[0] != q.number {
			return k, false
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
	return k, r.end() == nil
}

// segment is a part of a cube that a query reads: periods from first to last.
type segment struct {
	*cube
	first, last int64
}

// plan picks the cubes that answer a query with the fewest records. Without days
// told apart, whole months are read from a cube of months and the days at both
// ends from one of days.
func plan(q storage.UsageQuery) []segment {
	by := q.By
	if by == 0 {
		by = storage.ByAll
	}
	need := by &^ storage.ByDay
	for d, set := range map[storage.Dimension]bool{
		storage.ByUser: q.UserID != "", storage.ByChannel: q.ChannelID != "",
		storage.ByProvider: q.Provider != "", storage.ByModel: q.Model != "",
	} {
		if set {
			need |= d
		}
	}
	serves := func(c *cube) bool { return need&^c.all() == 0 }
	first, last := int64(q.From), int64(q.To)
	if q.From == 0 {
		first = math.MinInt32
	}
	if q.To == 0 {
		last = math.MaxInt32
	}
	switch {
	case q.UserID != "":
		return []segment{{cubeUserDays, first, last}}
	case q.ChannelID != "" && serves(cubeChannelDays):
		return []segment{{cubeChannelDays, first, last}}
	case q.ChannelID == "" && serves(cubeDays):
		return []segment{{cubeDays, first, last}}
	}
	months := cubeTotals
	switch {
	case by&storage.ByDay > 0:
	case q.ChannelID != "":
		months = cubeMembers
	case serves(cubeUserMonths):
		months = cubeUserMonths
	case serves(cubeChannelMonths):
		months = cubeChannelMonths
	}
	if months == cubeTotals {
		return []segment{{cubeTotals, first, last}}
	}
	from, to := int64(math.MinInt32), int64(math.MaxInt32) // whole months
	if q.From != 0 {
		if from = monthOf(q.From); firstOfMonth(from) < q.From {
			from++
		}
	}
	if q.To != 0 {
		if to = monthOf(q.To); firstOfMonth(to+1) > q.To+1 {
			to--
		}
	}
	if from > to {
		return []segment{{cubeTotals, first, last}}
	}
	list := []segment{{months, from, to}}
	if q.From != 0 && int64(firstOfMonth(from)) > first {
		list = append(list, segment{cubeTotals, first, int64(firstOfMonth(from)) - 1})
	}
	if q.To != 0 && int64(firstOfMonth(to+1)) <= last {
		list = append(list, segment{cubeTotals, int64(firstOfMonth(to + 1)), last})
	}
	return list
}

// compareKeys orders bytes; nil is the end.
func before(k, end []byte) bool { return end == nil || bytes.Compare(k, end) < 0 }
