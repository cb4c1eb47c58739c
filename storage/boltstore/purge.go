package boltstore

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// Purge implements [storage.Store]. One thing is a conversation with its turns
// and messages, the dedupe keys of one call, a usage row, a usage total or a lift;
// the usage of a day expires when the day is over. Damaged records are left alone
// and reported after the rest has been purged.
//
// What has expired is looked for in a snapshot, so that the writer is busy only
// with deleting, and looked at again before it is deleted. What has come to life
// between the two counts as deleted, or the result would say that nothing is
// left.
func (s *Store) Purge(ctx context.Context, b storage.Before, limit int) (int, error) {
	p := purge{Before: b, limit: limit}
	if err := s.read(ctx, func(v view) error { p.find(v); return nil }); err != nil {
		return 0, fmt.Errorf("purge: %w", err)
	}
	if len(p.found) > 0 {
		if err := s.writer.submit(ctx, func(c *change) error {
			return p.delete(c, s.claims)
		}); err != nil {
			return 0, fmt.Errorf("purge: %w", err)
		}
	}
	if p.bad != nil {
		return len(p.found), fmt.Errorf("purge: %w", p.bad)
	}
	return len(p.found), nil
}

type purge struct {
	storage.Before
	limit int
	found []expired
	bad   error // the first damaged record
}

type expired struct {
	bucket bucket
	key    []byte
}

func (p *purge) find(v view) {
	if t := p.Conversations; !t.IsZero() {
		for k := range p.before(v, bucketIdle, idleKey(hourOf(t)+1, nil)) {
			if p.idleBefore(v, k, t) {
				p.add(bucketIdle, k)
			}
		}
	}
	if t := p.Dedupe; !t.IsZero() {
		for k := range p.before(v, bucketClaim, claimKey(t, 0)) {
			p.add(bucketClaim, k)
		}
	}
	if t := p.Usage; !t.IsZero() {
		day := storage.DayOf(t)
		for k := range p.before(v, bucketLedger, ledgerKey(day.Time().Unix(), 0)) {
			p.add(bucketLedger, k)
		}
		for k := range p.before(v, bucketUsage, appendInt(nil, int64(day))) {
			p.add(bucketUsage, k)
		}
		for k := range p.before(v, bucketBudget, liftKey(day, "", "")) {
			if k[0] == budgetLifted {
				p.add(bucketBudget, k)
			}
		}
	}
}

func (p *purge) add(b bucket, key []byte) {
	p.found = append(p.found, expired{b, bytes.Clone(key)})
}

// before yields the records whose key is below end until enough is found.
func (p *purge) before(v view, b bucket, end []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, payload []byte) bool) {
		c := v.cursor(b)
		for k, record := c.First(); k != nil && bytes.Compare(k, end) < 0; k, record = c.Next() {
			if len(p.found) >= p.limit {
				return
			}
			payload, err := unseal(b, k, record)
			if err != nil {
				p.damaged(err)
				continue
			}
			if !yield(k, payload) {
				return
			}
		}
	}
}

func (p *purge) damaged(err error) {
	if p.bad == nil {
		p.bad = err
	}
}

// idleBefore reports whether the conversation of an entry in bucketIdle was
// last active before t. Entries tell only the hour.
func (p *purge) idleBefore(v view, idle []byte, t time.Time) bool {
	c, ok, err := v.conversation(idle[hourSize:])
	if err != nil {
		p.damaged(err)
	}
	return ok && len(c.open) == 0 && c.active.Before(t)
}

// delete stages the deletion of what was found and is expired still.
func (p *purge) delete(c *change, taken claims) error {
	var free []claimHash
	sums := newTally(c)
	for _, x := range p.found {
		payload, ok, err := c.get(x.bucket, x.key)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		switch x.bucket {
		case bucketClaim:
			free = append(free, claimed(payload)...)
		case bucketIdle:
			if !p.idleBefore(c.view, x.key, p.Conversations) {
				continue
			}
			thread := x.key[hourSize:]
			for k, record := range records(c.view, bucketThread, thread) {
				c.delete(bucketThread, k)
				if k[len(thread)] == partTurn {
					c.delete(bucketTurnID, k[len(thread)+1:])
					c.unindexRecord(thread, k, record)
				}
			}
		case bucketUsage:
			t, err := decodeUsageTotal(x.key, payload)
			if err != nil {
				return damaged(bucketUsage, x.key, err.Error())
			}
			if err := sums.spread(&t, -1); err != nil {
				return err
			}
			continue // its sum is 0 now
		}
		c.delete(x.bucket, x.key)
	}
	sums.flush()
	c.applied = func() {
		for _, k := range free {
			delete(taken, k)
		}
	}
	c.undone = func() {
		for _, k := range free {
			taken[k] = struct{}{}
		}
	}
	return nil
}

// records yields copies of the keys that begin with prefix, and their records,
// damaged ones too.
func records(v view, b bucket, prefix []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, record []byte) bool) {
		c := v.cursor(b)
		for k, record := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, record = c.Next() {
			if !yield(bytes.Clone(k), record) {
				return
			}
		}
	}
}
