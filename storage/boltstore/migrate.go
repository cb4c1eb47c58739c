package boltstore

import (
	"bytes"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/bobbin-bot/bobbin/storage"
)

// migrate takes a file of an older layout over. Its records are read as they are;
// what later layouts have beside them is made of them. It takes a transaction for
// each batch of records, and the last one says that it is done: until then the
// file is of the old layout, and one that was interrupted begins anew. Afterwards
// an older version cannot read the file any more.
func migrate(db *bolt.DB, progress func(done, total int64)) error {
	var version uint32
	if err := guard(func() error {
		return db.View(func(tx *bolt.Tx) (err error) {
			version, err = view{tx}.metaNumber("schema")
			return err
		})
	}); err != nil || version == schema {
		return err
	}
	m := migration{db: db, old: bucketsOf(version), progress: progress}
	for _, step := range []func() error{m.begin, m.cubes, m.lists, m.end} {
		if err := guard(step); err != nil {
			if lacksRoom(err) {
				err = fmt.Errorf("%w: %w", storage.ErrFull, err)
			}
			return fmt.Errorf("take over a file of layout %d: %w", version, err)
		}
	}
	return nil
}

type migration struct {
	db   *bolt.DB
	old  bucket // the end of the buckets that it has
	made batch
	next []byte // key of the next record to read; nil at the end

	progress    func(done, total int64)
	done, total int64 // records
}

// begin makes the new buckets, empty.
func (m *migration) begin() error {
	return m.db.Update(func(tx *bolt.Tx) error {
		for _, b := range []bucket{bucketUsage, bucketThread} {
			m.total += int64(tx.Bucket(bucketNames[b]).Stats().KeyN)
		}
		m.progress(0, m.total)
		for b := m.old; b < bucketCount; b++ {
			if tx.Bucket(bucketNames[b]) != nil {
				if err := tx.DeleteBucket(bucketNames[b]); err != nil {
					return fmt.Errorf("delete bucket %s: %w", b, err)
				}
			}
			if _, err := tx.CreateBucket(bucketNames[b]); err != nil {
				return fmt.Errorf("create bucket %s: %w", b, err)
			}
		}
		return nil
	})
}

func (m *migration) end() error {
	return m.db.Update(func(tx *bolt.Tx) error {
		key := []byte("schema")
		return tx.Bucket(bucketNames[bucketMeta]).Put(key, metaNumber(key, schema))
	})
}

// batches calls read in transactions, with what is left to read, until all is
// read.
func (m *migration) batches(read func(view) error) error {
	for m.next = []byte{}; m.next != nil; {
		if err := m.db.Update(func(tx *bolt.Tx) error {
			if err := read(view{tx}); err != nil {
				return err
			}
			return m.made.flush(func(b bucket, key, record []byte) error {
				return tx.Bucket(bucketNames[b]).Put(key, record)
			})
		}); err != nil {
			return err
		}
		m.progress(m.done, m.total)
	}
	return nil
}

func (m *migration) cubes() error {
	r := newRolling(m.made.cube)
	return m.batches(func(v view) error {
		c := v.cursor(bucketUsage)
		k, record := c.Seek(m.next)
		for ; k != nil && !m.made.full(); k, record = c.Next() {
			m.done++
			payload, err := unseal(bucketUsage, k, record)
			if err != nil {
				return err
			}
			t, err := decodeUsageTotal(k, payload)
			if err != nil {
				return damaged(bucketUsage, k, err.Error())
			}
			r.add(&t)
		}
		if m.next = bytes.Clone(k); k == nil {
			r.end()
		}
		return nil
	})
}

// lists makes the entries of all turns. A damaged record is for whoever reads it.
func (m *migration) lists() error {
	return m.batches(func(v view) error {
		c := v.cursor(bucketThread)
		k, record := c.Seek(m.next)
		for ; k != nil && !m.made.full(); k, record = c.Next() {
			m.done++
			thread, part, ok := splitThread(k)
			payload, err := unseal(bucketThread, k, record)
			if err != nil || !ok || part != partTurn {
				continue
			}
			r := keyReader{decoder{b: k[len(thread)+1:]}}
			t, err := decodeTurn(storage.ConversationKey{}, r.string(), payload)
			if err != nil || r.end() != nil {
				continue
			}
			for _, e := range entries(thread, &t) {
				m.made.put(e.bucket, e.key, newEncoder(0))
			}
		}
		m.next = bytes.Clone(k)
		return nil
	})
}
