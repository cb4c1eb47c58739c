package boltstore

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/bobbin-bot/bobbin/storage"
)

// bucket is a bucket of the file.
type bucket int

const (
	bucketMeta bucket = iota
	bucketThread
	bucketTurnID
	bucketOpen
	bucketIdle
	bucketClaim
	bucketLedger
	bucketUsage
	bucketCube
	bucketBudget
	bucketMine
	bucketVerdict
	bucketCount
)

var bucketNames = [bucketCount][]byte{
	bucketMeta:   []byte("meta"),
	bucketThread: []byte("thread"),
	bucketTurnID: []byte("turn_id"),
	bucketOpen:   []byte("open"),
	bucketIdle:   []byte("idle"),
	bucketClaim:  []byte("claim"),
	bucketLedger: []byte("ledger"),
	bucketUsage:  []byte("usage"),
	// Since layout 3.
	bucketCube:    []byte("cube"),
	bucketBudget:  []byte("budget"),
	bucketMine:    []byte("mine"),
	bucketVerdict: []byte("verdict"),
}

func (b bucket) String() string { return string(bucketNames[b]) }

const (
	recordVersion = 1
	recordHeader  = 5 // version and checksum
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal fills in the header of a record whose payload starts at recordHeader.
func seal(b bucket, key, record []byte) []byte {
	record[0] = recordVersion
	binary.BigEndian.PutUint32(record[1:], checksum(b, key, record))
	return record
}

// unseal returns the payload of a record, or [storage.ErrCorrupt].
func unseal(b bucket, key, record []byte) ([]byte, error) {
	if len(record) < recordHeader || record[0] != recordVersion ||
		binary.BigEndian.Uint32(record[1:]) != checksum(b, key, record) {
		return nil, damaged(b, key, "its checksum does not match")
	}
	return record[recordHeader:], nil
}

// bucketSums are the checksums of the names.
var bucketSums = func() (sums [bucketCount]uint32) {
	for b, name := range bucketNames {
		sums[b] = crc32.Checksum(name, castagnoli)
	}
	return sums
}()

func checksum(b bucket, key, record []byte) uint32 {
	sum := crc32.Update(bucketSums[b], castagnoli, key)
	sum = crc32.Update(sum, castagnoli, record[:1])
	return crc32.Update(sum, castagnoli, record[recordHeader:])
}

// missing is the error for a record that must exist.
func missing(b bucket, key []byte) error { return damaged(b, key, "it is missing") }

func damaged(b bucket, key []byte, why string) error {
	return fmt.Errorf("%w: record %q in %s: %s", storage.ErrCorrupt, key, b, why)
}
