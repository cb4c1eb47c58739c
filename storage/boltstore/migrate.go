package boltstore

import (
	"bytes"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/bobbin-bot/bobbin/storage"
)

// migrate takes a file of an older layout over, in one transaction. Its records
// are read as they are; what later layouts have beside them is made of them. An
// older version cannot read the file any more.
func migrate(db *bolt.DB) error {
	var version uint32
	if err := guard(func() error {
		return db.View(func(tx *bolt.Tx) (err error) {
			version, err = view{tx}.metaNumber("schema")
			return err
		})
	}); err != nil || version == schema {
		return err
	}
	return guard(func() error {
		return db.Update(func(tx *bolt.Tx) error {
			for b := bucketCube; b < bucketCount; b++ {
				if _, err := tx.CreateBucketIfNotExists(bucketNames[b]); err != nil {
					return fmt.Errorf("create bucket %s: %w", b, err)
				}
			}
			v := view{tx}
			put := func(b bucket, key []byte, e *encoder) error {
				return tx.Bucket(bucketNames[b]).Put(key, e.seal(b, key))
			}
			if err := v.rebuildCubes(put); err != nil {
				return err
			}
			if err := v.rebuildLists(put); err != nil {
				return err
			}
			key := []byte("schema")
			return tx.Bucket(bucketNames[bucketMeta]).Put(key, metaNumber(key, schema))
		})
	})
}

type putFunc = func(b bucket, key []byte, e *encoder) error

func (v view) rebuildCubes(put putFunc) error {
	r := newRolling(func(key []byte, sum *storage.UsageTotal) error { return put(bucketCube, key, encodeUsageTotal(sum)) })
	c := v.cursor(bucketUsage)
	for k, record := c.First(); k != nil; k, record = c.Next() {
		payload, err := unseal(bucketUsage, k, record)
		if err != nil {
			return err
		}
		t, err := decodeUsageTotal(k, payload)
		if err != nil {
			return damaged(bucketUsage, k, err.Error())
		}
		if err := r.add(&t); err != nil {
			return err
		}
	}
	return r.end()
}

// rebuildLists makes the entries of all turns. A damaged record is for whoever
// reads it.
func (v view) rebuildLists(put putFunc) error {
	c := v.cursor(bucketThread)
	for k, record := c.First(); k != nil; k, record = c.Next() {
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
		if err := putLists(put, bytes.Clone(thread), &t); err != nil {
			return err
		}
	}
	return nil
}

func putLists(put putFunc, thread []byte, t *storage.Turn) error {
	if t.State == storage.StateFinal || t.State == storage.StateDone && t.JoinedInto == "" {
		if err := put(bucketMine, mineKey(t.UserID, thread), newEncoder(0)); err != nil {
			return err
		}
	}
	for user, value := range t.Feedback {
		if err := put(bucketVerdict, verdictKey(value, t, user), newEncoder(0)); err != nil {
			return err
		}
	}
	return nil
}
