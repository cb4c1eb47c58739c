package boltstore

import (
	"crypto/sha256"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// claims are the dedupe keys that are taken. On the disk they are a log in
// order of time, one record for all keys of a call; in memory, filled from the
// log at open, they are a set of hashes.
//
// A tree of keys on the disk was measured first. Client message ids are
// random, so that each claim rewrote a page of its own: 35 of the 48 pages of
// a commit, and half of its time. The set costs about 25 bytes a key, 1 MB for
// 10,000 messages a day. Only the writer's goroutine uses it.
type claims map[claimHash]struct{}

// claimHash is short enough to be kept in memory and long enough that nobody
// can make up a key that silences another.
type claimHash [16]byte

func hashClaim(k storage.DedupeKey) claimHash {
	b := make([]byte, 0, 128)
	b = appendString(b, k.Kind)
	b = append(b, k.Value...)
	sum := sha256.Sum256(b)
	return claimHash(sum[:16])
}

// claim is a set of keys that are claimed together.
type claim struct {
	at   time.Time
	keys []claimHash
}

func newClaim(keys []storage.DedupeKey, at time.Time) claim {
	cl := claim{at: at, keys: make([]claimHash, len(keys))}
	for i, k := range keys {
		cl.keys[i] = hashClaim(k)
	}
	return cl
}

func (s claims) free(cl claim) bool {
	for _, k := range cl.keys {
		if _, taken := s[k]; taken {
			return false
		}
	}
	return true
}

// take stages a claim. The set learns of it when the change is applied, which
// is before the next intent looks.
func (s *Store) take(c *change, cl claim) {
	if len(cl.keys) == 0 {
		return
	}
	e := newEncoder(len(cl.keys) * len(claimHash{}))
	for _, k := range cl.keys {
		e.b = append(e.b, k[:]...)
	}
	c.put(bucketClaim, claimKey(cl.at, s.unique()), e)
	c.applied = func() {
		for _, k := range cl.keys {
			s.claims[k] = struct{}{}
		}
	}
	c.undone = func() {
		for _, k := range cl.keys {
			delete(s.claims, k)
		}
	}
}

// claimed takes a log record apart.
func claimed(payload []byte) []claimHash {
	keys := make([]claimHash, 0, 4)
	for ; len(payload) >= len(claimHash{}); payload = payload[len(claimHash{}):] {
		keys = append(keys, claimHash(payload))
	}
	return keys
}

// loadClaims reads the log. A damaged record is passed over: its keys are
// unknown, and to refuse the whole store for them would cost more than
// the one answer that may be given twice.
func loadClaims(v view) claims {
	s := make(claims)
	c := v.cursor(bucketClaim)
	for k, record := c.First(); k != nil; k, record = c.Next() {
		payload, err := unseal(bucketClaim, k, record)
		if err != nil {
			continue
		}
		for _, h := range claimed(payload) {
			s[h] = struct{}{}
		}
	}
	return s
}
