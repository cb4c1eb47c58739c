package boltstore

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// image is a healthy file of which single numbers are changed.
type image struct {
	data []byte
	root uint64            // page of the tree of buckets
	of   map[string]uint64 // root page of each bucket that has one
}

func newImage(t *testing.T) image { return newImageOf(t, fill(t)) }

func newImageOf(t *testing.T, data []byte) image {
	t.Helper()
	m := image{data: data, of: make(map[string]uint64)}
	path := filepath.Join(t.TempDir(), "bobbin.db")
	if err := os.WriteFile(path, m.data, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.View(func(tx *bolt.Tx) error {
		m.root = uint64(tx.Cursor().Bucket().Root())
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			m.of[string(name)] = uint64(b.Root())
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m image) page(n uint64) []byte { return m.data[n*pageSize : (n+1)*pageSize] }

// child returns a branch's i-th child.
func (m image) child(branch uint64, i int) uint64 {
	page, _, _, _ := element(m.page(branch), i)
	return page
}

// walk goes through data, which was made from the image.
func (m image) walk(data []byte) error {
	pages := uint64((len(data) + pageSize - 1) / pageSize)
	return newWalk(bytes.NewReader(data), pageSize, pages).tree(m.root)
}

// moved returns the image with a leaf moved to its end, as a page that claims
// the page after it too, without need.
func (m image) moved(branch uint64) []byte {
	n := len(m.data) / pageSize
	data := slices.Concat(m.data, m.page(m.child(branch, 1)), make([]byte, pageSize))
	set64(data[n*pageSize:], 0, uint64(n))
	add32(data[n*pageSize:], 12, 1)
	set64(data[branch*pageSize:], pageHeaderSize+elementSize+8, uint64(n))
	return data
}

func add16(b []byte, at, n int) {
	binary.NativeEndian.PutUint16(b[at:], uint16(int(binary.NativeEndian.Uint16(b[at:]))+n))
}

func add32(b []byte, at, n int) {
	binary.NativeEndian.PutUint32(b[at:], uint32(int(binary.NativeEndian.Uint32(b[at:]))+n))
}

func set64(b []byte, at int, n uint64) { binary.NativeEndian.PutUint64(b[at:], n) }

// TestWalk damages one thing at a time, so that each check of the walk is shown
// to find what it is for.
func TestWalk(t *testing.T) {
	healthy := newImage(t)
	thread := healthy.of["thread"]
	leaf := func(m image) []byte { return m.page(m.child(thread, 1)) }
	top := healthy.root // the page that lists the buckets, or the first of them
	for binary.NativeEndian.Uint16(healthy.page(top)[8:]) == flagBranch {
		top = healthy.child(top, 0)
	}
	var inline uint64 // position of a bucket in it that has no page of its own
	count := int(binary.NativeEndian.Uint16(healthy.page(top)[10:]))
	for i := range count {
		_, pos, ksize, _ := element(healthy.page(top), i)
		if binary.NativeEndian.Uint64(healthy.page(top)[pos+ksize:]) == 0 {
			inline = pos + ksize
		}
	}
	if inline == 0 || binary.NativeEndian.Uint16(healthy.page(thread)[8:]) != flagBranch {
		t.Fatal("the file has not the pages that the cases are about")
	}
	for _, c := range []struct {
		name string
		harm func(m image) []byte
		want string
	}{
		{"nothing", func(m image) []byte { return m.data }, ""},
		{"last byte cut off", func(m image) []byte { return m.data[:len(m.data)-1] }, "cut off"},
		{"page of another number", func(m image) []byte { set64(m.page(thread), 0, thread+1); return m.data }, "says it is page"},
		{"unknown type", func(m image) []byte { add16(m.page(thread), 8, 16); return m.data }, "type 0x11"},
		{"no elements in a branch", func(m image) []byte { clear(m.page(thread)[10:12]); return m.data }, "no elements"},
		{"no elements in a leaf that had some", func(m image) []byte { clear(leaf(m)[10:12]); return m.data }, "no elements"},
		{"one element less", func(m image) []byte { add16(leaf(m), 10, -1); return m.data }, "wrong place"},
		{"one element more", func(m image) []byte { add16(leaf(m), 10, 1); return m.data }, "wrong place"},
		{"more elements than fit", func(m image) []byte { binary.NativeEndian.PutUint16(leaf(m)[10:], 0xffff); return m.data }, "65535 elements"},
		{"gap before a key", func(m image) []byte { add32(leaf(m), pageHeaderSize+4, 1); return m.data }, "wrong place"},
		{"key longer, value shorter", func(m image) []byte {
			add32(leaf(m), pageHeaderSize+8, 1)
			add32(leaf(m), pageHeaderSize+12, -2)
			return m.data
		}, "wrong place"},
		{"value without end", func(m image) []byte { add32(leaf(m), pageHeaderSize+12, -1<<30); return m.data }, "wrong place"},
		{"record with flags", func(m image) []byte { add32(leaf(m), pageHeaderSize, 1); return m.data }, "has flags"},
		{"bucket without flags", func(m image) []byte { clear(m.page(top)[pageHeaderSize : pageHeaderSize+4]); return m.data }, "not a bucket"},
		{"order of keys", func(m image) []byte {
			_, pos, _, _ := element(leaf(m), 1)
			leaf(m)[pos+1] = 0
			return m.data
		}, "out of order"},
		{"key beyond its page", func(m image) []byte {
			page := leaf(m)
			_, pos, _, _ := element(page, int(binary.NativeEndian.Uint16(page[10:]))-1)
			page[pos+1] = 0xff
			return m.data
		}, "does not belong"},
		{"more pages than it needs", func(m image) []byte { return m.moved(thread) }, "bytes in 2 pages"},
		{"more pages than there are", func(m image) []byte { add32(leaf(m), 12, 1<<20); return m.data }, "more than the file has"},
		{"child outside of the file", func(m image) []byte { set64(m.page(thread), pageHeaderSize+8, 1<<40); return m.data }, "outside of the file"},
		{"child is a meta page", func(m image) []byte { set64(m.page(thread), pageHeaderSize+8, 1); return m.data }, "outside of the file"},
		{"child is its parent", func(m image) []byte { set64(m.page(thread), pageHeaderSize+8, thread); return m.data }, "used twice"},
		{"child twice", func(m image) []byte {
			set64(m.page(thread), pageHeaderSize+8, m.child(thread, 1))
			return m.data
		}, "used twice"},
		{"bucket cut short", func(m image) []byte { add16(m.page(top)[inline+bucketHeaderSize:], 10, -1); return m.data }, "bucket"},
		{"bucket without a page", func(m image) []byte { add16(m.page(top)[inline+bucketHeaderSize:], 8, 1); return m.data }, "none in it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := healthy
			m.data = slices.Clone(healthy.data)
			err := m.walk(c.harm(m))
			switch {
			case c.want == "" && err != nil:
				t.Errorf("a healthy file: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want an error that says %q", err, c.want)
			}
		})
	}
}
