package boltstore

import (
	"cmp"
	"slices"
	"sync"

	"github.com/bobbin-bot/bobbin/storage"
)

// gathering adds up the records that a query selects. A query may read a hundred
// thousand of them: it makes something for each group and nothing for a record.
type gathering struct {
	wants   [len(keyed)]string // what the query selects, in the order of keyed
	selects []int              // those that are not ""
	days    bool               // days are told apart,
	tells   []int              // and these of keyed

	groups []*group       // in the order they came up
	index  map[string]int // by name
	at     int            // the group of the record before
	name   []byte         // reused
	rooms  []*[64]group   // that have the groups
}

// group is a total that is being added up.
type group struct {
	period int64              // 0 if days are not told apart
	parts  [len(keyed)]string // as in cubeKey; "" if not told apart
	numbers
}

// rooms are reused: those of ten thousand groups are 7 MB.
var rooms = sync.Pool{New: func() any { return new([64]group) }}

func newGathering(q storage.UsageQuery) *gathering {
	by := cmp.Or(q.By, storage.ByAll)
	g := &gathering{
		wants: [...]string{q.UserID, q.ChannelID, q.Provider, q.Model}, days: by&storage.ByDay > 0, index: make(map[string]int),
	}
	for i, d := range keyed {
		if g.wants[i] != "" {
			g.selects = append(g.selects, i)
		}
		if by&d > 0 {
			g.tells = append(g.tells, i)
		}
	}
	return g
}

// run reads one part of a cube.
func (g *gathering) run(v view, s segment) error {
	lead := ""
	for i, d := range keyed {
		if d == s.lead {
			lead = g.wants[i]
		}
	}
	b, prefix := s.bucket(), s.prefix(lead)
	first, end := appendInt(slices.Clone(prefix), s.first), appendInt(slices.Clone(prefix), s.end)
	var key cubeKey
	return v.span(b, first, end, func(k, payload []byte) (bool, error) {
		if !s.parse(k, &key) {
			return false, damaged(b, k, "its key cannot be read")
		}
		for _, i := range g.selects {
			if string(key.parts[i]) != g.wants[i] {
				return true, nil
			}
		}
		if !g.group(&key).add(payload, s.sign) {
			return false, damaged(b, k, errPayload.Error())
		}
		return true, nil
	})
}

// group is that of a record. Within a day or month records are sorted, and the
// first to be read has nearly all groups: the next one is not far.
func (g *gathering) group(k *cubeKey) *group {
	const far = 8
	for i := g.at; i < min(g.at+far, len(g.groups)); i++ {
		if g.is(g.groups[i], k) {
			g.at = i
			return g.groups[i]
		}
	}
	g.name = g.name[:0]
	if g.days {
		g.name = appendInt(g.name, k.period)
	}
	for _, i := range g.tells {
		g.name = append(g.name, byte(len(k.parts[i])), byte(len(k.parts[i])>>8))
		g.name = append(g.name, k.parts[i]...)
	}
	at, known := g.index[string(g.name)]
	if !known {
		at = len(g.groups)
		g.begin(k)
	}
	g.at = at
	return g.groups[at]
}

func (g *gathering) is(x *group, k *cubeKey) bool {
	if g.days && x.period != k.period {
		return false
	}
	for _, i := range g.tells {
		if x.parts[i] != string(k.parts[i]) {
			return false
		}
	}
	return true
}

func (g *gathering) begin(k *cubeKey) {
	free := len(g.groups) % len([64]group{})
	if free == 0 {
		g.rooms = append(g.rooms, rooms.Get().(*[64]group))
	}
	x := &g.rooms[len(g.rooms)-1][free]
	name := string(g.name)
	g.index[name] = len(g.groups)
	if g.days {
		x.period, name = k.period, name[8:]
	}
	for _, i := range g.tells {
		n := 2 + len(k.parts[i])
		x.parts[i], name = name[2:n], name[n:]
	}
	g.groups = append(g.groups, x)
}

// totals are the groups in the order of Usage. One without calls was taken away
// again, with days that a whole month had too many.
func (g *gathering) totals() []storage.UsageTotal {
	g.groups = slices.DeleteFunc(g.groups, func(x *group) bool { return x.numbers[0] == 0 })
	slices.SortFunc(g.groups, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.period, b.period), slices.Compare(a.parts[:], b.parts[:]))
	})
	var totals []storage.UsageTotal
	if n := len(g.groups); n > 0 {
		totals = make([]storage.UsageTotal, n)
	}
	for i, x := range g.groups {
		t := &totals[i]
		t.Day = storage.Day(x.period)
		t.UserID, t.ChannelID, t.Provider, t.Model = x.parts[0], x.parts[1], x.parts[2], x.parts[3]
		x.to(t)
	}
	for _, room := range g.rooms {
		clear(room[:])
		rooms.Put(room)
	}
	return totals
}
