package boltstore

import (
	"github.com/bobbin-bot/bobbin/storage"
)

// gathering adds up the records that a query selects. A query may read a hundred
// thousand of them: it makes a total for each group and nothing for a record.
type gathering struct {
	query  storage.UsageQuery
	by     storage.Dimension
	groups map[string]*storage.UsageTotal
	order  []*storage.UsageTotal

	name []byte // of the group, reused
	last string // the group of the record before
	into *storage.UsageTotal
}

func newGathering(q storage.UsageQuery) *gathering {
	g := &gathering{query: q, by: q.By, groups: make(map[string]*storage.UsageTotal)}
	if g.by == 0 {
		g.by = storage.ByAll
	}
	return g
}

// run reads one part of a cube.
func (g *gathering) run(v view, s segment) error {
	lead := ""
	switch s.lead {
	case storage.ByUser:
		lead = g.query.UserID
	case storage.ByChannel:
		lead = g.query.ChannelID
	}
	b := s.bucket()
	prefix := s.prefix(lead)
	first := appendInt(append([]byte(nil), prefix...), s.first)
	end := appendInt(append([]byte(nil), prefix...), s.last+1)
	// A record whose key is damaged may have left the range on either side; the
	// loop meets the other neighbour.
	if err := v.absent(b, first); err != nil {
		return err
	}
	c := v.cursor(b)
	for k, record := c.Seek(first); k != nil; k, record = c.Next() {
		payload, err := unseal(b, k, record)
		if err != nil {
			return err
		}
		if !before(k, end) {
			break
		}
		key, ok := s.parse(k)
		if !ok {
			return damaged(b, k, "its key cannot be read")
		}
		if !g.selects(&key) {
			continue
		}
		d := decoder{b: payload}
		d.addTotal(g.total(s.cube, &key))
		if err := d.end(); err != nil {
			return damaged(b, k, err.Error())
		}
	}
	return nil
}

func (g *gathering) selects(k *cubeKey) bool {
	for i, want := range [...]string{g.query.UserID, g.query.ChannelID, g.query.Provider, g.query.Model} {
		if want != "" && string(k.parts[i]) != want {
			return false
		}
	}
	return true
}

// total is the group of a record.
func (g *gathering) total(c *cube, k *cubeKey) *storage.UsageTotal {
	g.name = g.name[:0]
	if g.by&storage.ByDay > 0 {
		g.name = appendInt(g.name, k.period)
	}
	for i, d := range keyed {
		if g.by&d > 0 {
			g.name = append(g.name, byte(len(k.parts[i])), byte(len(k.parts[i])>>8))
			g.name = append(g.name, k.parts[i]...)
		}
	}
	if g.into != nil && string(g.name) == g.last {
		return g.into
	}
	t := g.groups[string(g.name)]
	if t == nil {
		t = g.begin(k)
		g.groups[string(g.name)] = t
		g.order = append(g.order, t)
	}
	g.into, g.last = t, string(g.name)
	return t
}

func (g *gathering) begin(k *cubeKey) *storage.UsageTotal {
	t := new(storage.UsageTotal)
	if g.by&storage.ByDay > 0 {
		t.Day = storage.Day(k.period)
	}
	for i, to := range [...]*string{&t.UserID, &t.ChannelID, &t.Provider, &t.Model} {
		if g.by&keyed[i] > 0 {
			*to = string(k.parts[i])
		}
	}
	return t
}
