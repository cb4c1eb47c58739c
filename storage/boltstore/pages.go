package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// bbolt's page format, unchanged since 2014: a header, then an array of
// elements, then the keys and values they point to, all in the machine's
// byte order and without gaps.
const (
	pageHeaderSize   = 16 // id (8), flags (2), count (2), overflow (4)
	elementSize      = 16 // leaf: flags, pos, ksize, vsize (4 each); branch: pos, ksize (4 each), page (8)
	bucketHeaderSize = 16 // root page (8), sequence (8)

	flagBranch = 0x01
	flagLeaf   = 0x02
	flagBucket = 0x01 // of a leaf element

	// maxDepth is far beyond what a file of any size needs.
	maxDepth = 32
)

// walk reads every page that can be reached from the root.
type walk struct {
	file     io.ReaderAt
	pageSize int
	pages    uint64   // pages in use are below this number
	seen     []uint64 // bit set
	buf      []byte
	// each, if set, is called for every page that was read, with the number of
	// pages in the file it takes. An error ends the walk.
	each func(pages int) error
}

func newWalk(file io.ReaderAt, pageSize int, pages uint64) *walk {
	return &walk{file: file, pageSize: pageSize, pages: pages, seen: make([]uint64, pages/64+1)}
}

// step is a page to read, and what must be true of it.
type step struct {
	page     uint64
	from, to []byte // keys are in [from, to); nil means no bound
	depth    int
	top      bool // the tree of buckets, not of records
}

func (w *walk) tree(root uint64) error {
	if err := w.complete(); err != nil {
		return err
	}
	todo := []step{{page: root, top: true}}
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if s.depth > maxDepth {
			return fmt.Errorf("page %d: the tree is too deep", s.page)
		}
		data, err := w.read(s.page)
		if err != nil {
			return err
		}
		if todo, err = checkPage(data, s, todo); err != nil {
			return fmt.Errorf("page %d: %w", s.page, err)
		}
		if w.each != nil {
			if err := w.each(len(data) / w.pageSize); err != nil {
				return interrupted{err}
			}
		}
	}
	return nil
}

// interrupted is an error that is not about the file.
type interrupted struct{ error }

func (e interrupted) Unwrap() error { return e.error }

// complete checks that the last page in use is within the file.
func (w *walk) complete() error {
	if w.pages == 0 {
		return errors.New("no pages")
	}
	var b [1]byte
	if _, err := w.file.ReadAt(b[:], int64(w.pages)*int64(w.pageSize)-1); err != nil {
		return fmt.Errorf("the file is cut off before page %d: %w", w.pages, err)
	}
	return nil
}

// read returns a page with its overflow pages. The result is valid until the
// next read.
func (w *walk) read(page uint64) ([]byte, error) {
	var header [pageHeaderSize]byte
	if page < 2 || page >= w.pages {
		return nil, fmt.Errorf("page %d is outside of the file's %d pages", page, w.pages)
	}
	if _, err := w.file.ReadAt(header[:], int64(page)*int64(w.pageSize)); err != nil {
		return nil, fmt.Errorf("page %d: %w", page, err)
	}
	if id := binary.NativeEndian.Uint64(header[:]); id != page {
		return nil, fmt.Errorf("page %d says it is page %d", page, id)
	}
	n := uint64(binary.NativeEndian.Uint32(header[12:])) + 1
	if n > w.pages-page {
		return nil, fmt.Errorf("page %d claims %d pages, more than the file has", page, n)
	}
	for p := page; p < page+n; p++ {
		if w.seen[p/64]&(1<<(p%64)) != 0 {
			return nil, fmt.Errorf("page %d is used twice", p)
		}
		w.seen[p/64] |= 1 << (p % 64)
	}
	size := int(n) * w.pageSize
	if cap(w.buf) < size {
		w.buf = make([]byte, size)
	}
	data := w.buf[:size]
	if _, err := w.file.ReadAt(data, int64(page)*int64(w.pageSize)); err != nil {
		return nil, fmt.Errorf("page %d: %w", page, err)
	}
	used, err := layout(data)
	if err != nil {
		return nil, fmt.Errorf("page %d: %w", page, err)
	}
	if used > size || size-used >= w.pageSize && n > 1 {
		return nil, fmt.Errorf("page %d: %d bytes in %d pages", page, used, n)
	}
	return data, nil
}

// layout returns how many bytes of a page its header, elements, keys and values
// take, and makes sure that all of them are within the page and without gaps.
func layout(data []byte) (used int, err error) {
	flags := binary.NativeEndian.Uint16(data[8:])
	count := int(binary.NativeEndian.Uint16(data[10:]))
	if flags != flagBranch && flags != flagLeaf {
		return 0, fmt.Errorf("type %#x", flags)
	}
	if count == 0 {
		// Only the root of an empty bucket. bbolt writes pages that are zero
		// beyond their contents, so anything there belonged to a lost count.
		if flags == flagBranch || len(bytes.TrimLeft(data[pageHeaderSize:], "\x00")) != 0 {
			return 0, errors.New("no elements")
		}
		return pageHeaderSize, nil
	}
	used = pageHeaderSize + count*elementSize
	if used > len(data) {
		return 0, fmt.Errorf("%d elements", count)
	}
	for i := range count {
		_, pos, ksize, vsize := element(data, i)
		if pos != uint64(used) || ksize == 0 || ksize > uint64(len(data)) || vsize > uint64(len(data)) ||
			pos+ksize+vsize > uint64(len(data)) {
			return 0, fmt.Errorf("element %d points to the wrong place", i)
		}
		used += int(ksize + vsize)
	}
	return used, nil
}

// element returns the i-th element of a page. For a branch, value is empty and
// flags is the child's page number.
func element(data []byte, i int) (flags, pos, ksize, vsize uint64) {
	at := pageHeaderSize + i*elementSize
	u32 := func(off int) uint64 { return uint64(binary.NativeEndian.Uint32(data[at+off:])) }
	if binary.NativeEndian.Uint16(data[8:]) == flagBranch {
		return binary.NativeEndian.Uint64(data[at+8:]), uint64(at) + u32(0), u32(4), 0
	}
	return u32(0), uint64(at) + u32(4), u32(8), u32(12)
}

// checkPage verifies the order of keys in a page whose layout is good and adds
// the pages it refers to to todo.
func checkPage(data []byte, s step, todo []step) ([]step, error) {
	branch := binary.NativeEndian.Uint16(data[8:]) == flagBranch
	var last []byte
	for i := range int(binary.NativeEndian.Uint16(data[10:])) {
		flags, pos, ksize, vsize := element(data, i)
		key, value := data[pos:pos+ksize], data[pos+ksize:pos+ksize+vsize]
		switch {
		case i > 0 && bytes.Compare(last, key) >= 0:
			return nil, fmt.Errorf("key %d is out of order", i)
		case s.from != nil && bytes.Compare(key, s.from) < 0, s.to != nil && bytes.Compare(key, s.to) >= 0:
			return nil, fmt.Errorf("key %d does not belong here", i)
		}
		last = key
		switch {
		case branch:
			next := step{page: flags, from: bytes.Clone(key), to: s.to, depth: s.depth + 1, top: s.top}
			if i > 0 {
				todo[len(todo)-1].to = next.from
			}
			todo = append(todo, next)
		case s.top:
			child, err := checkBucket(flags, value)
			if err != nil {
				return nil, fmt.Errorf("bucket %q: %w", key, err)
			}
			todo = append(todo, child...)
		case flags != 0:
			return nil, fmt.Errorf("record %d has flags %#x", i, flags)
		}
	}
	return todo, nil
}

// checkBucket verifies an element of the top tree: a bucket's header, followed
// by its only page if it is small.
func checkBucket(flags uint64, value []byte) ([]step, error) {
	if flags != flagBucket || len(value) < bucketHeaderSize {
		return nil, errors.New("not a bucket")
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return []step{{page: root}}, nil
	}
	page := value[bucketHeaderSize:]
	if len(page) < pageHeaderSize || binary.NativeEndian.Uint16(page[8:]) != flagLeaf {
		return nil, errors.New("no page of its own and none in it")
	}
	if used, err := layout(page); err != nil {
		return nil, err
	} else if used != len(page) {
		return nil, errors.New("of the wrong size")
	}
	return checkPage(page, step{}, nil)
}
