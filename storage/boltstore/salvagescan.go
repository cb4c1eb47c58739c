package boltstore

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"io"
	"slices"
)

// span is a range of keys about which the tree has nothing to say: from
// (inclusive) to (exclusive); nil is no bound.
type span struct{ from, to []byte }

// treeStep is a step within a bucket.
type treeStep struct {
	step
	bucket bucket
}

// tree takes all records that the root leads to over pages that are in order.
// What it cannot reach it notes as lost.
func (s *salvage) tree() error {
	root, ok := s.findRoot()
	s.pages = (uint64(s.size) + uint64(s.pageSize) - 1) / uint64(s.pageSize)
	s.trusted = make([]uint64, s.pages/64+1)
	var reached [bucketCount]bool
	w := newWalk(s.file, s.pageSize, s.pages)
	todo := []treeStep{{step: step{page: root, top: true}}}
	for ok && len(todo) > 0 {
		t := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		data, err := w.read(t.page)
		if err == nil && !t.top {
			_, err = checkPage(data, t.step, nil)
		}
		if err != nil || t.depth > maxDepth {
			if !t.top { // else its buckets are not reached
				s.lose(t.bucket, t.from, t.to)
			}
			continue
		}
		for p := t.page; p < t.page+uint64(len(data)/s.pageSize); p++ {
			s.trusted[p/64] |= 1 << (p % 64)
		}
		s.progress.add(int64(len(data)))
		if err := s.ctx.Err(); err != nil {
			return err
		}
		switch branch := binary.NativeEndian.Uint16(data[8:]) == flagBranch; {
		case branch:
			children, err := checkPage(data, t.step, nil)
			if err != nil {
				continue
			}
			for _, child := range children {
				todo = append(todo, treeStep{child, t.bucket})
			}
		case t.top:
			if todo, err = s.buckets(data, &reached, todo); err != nil {
				return err
			}
		default:
			if err := s.leaf(data, t); err != nil {
				return err
			}
		}
	}
	for b := range bucketCount {
		if !reached[b] && !b.derived() {
			s.lose(b, nil, nil)
		}
	}
	return nil
}

// findRoot returns the root page of the newest good meta page, and sets the page
// size.
func (s *salvage) findRoot() (root uint64, ok bool) {
	s.pageSize = pageSize
	var newest uint64
	for size := 0; size <= 1<<16; size = max(2*size, 1024) {
		// Meta page 0 is at the beginning, meta page 1 behind it, and how long a
		// page is only they say.
		m := make([]byte, pageHeaderSize+64)
		if _, err := s.file.ReadAt(m, int64(size)); err != nil {
			continue
		}
		m = m[pageHeaderSize:]
		sum := fnv.New64a()
		sum.Write(m[:56])
		const magic = 0xED0CDAED
		if binary.NativeEndian.Uint32(m) != magic || binary.NativeEndian.Uint64(m[56:]) != sum.Sum64() {
			continue
		}
		own := int(binary.NativeEndian.Uint32(m[8:]))
		if txid := binary.NativeEndian.Uint64(m[48:]); own >= 1024 && own <= 1<<16 && own&(own-1) == 0 && (!ok || txid > newest) {
			s.pageSize, root, newest, ok = own, binary.NativeEndian.Uint64(m[16:]), txid, true
		}
	}
	return root, ok
}

// buckets goes through the page that lists the buckets.
func (s *salvage) buckets(data []byte, reached *[bucketCount]bool, todo []treeStep) ([]treeStep, error) {
	for i := range int(binary.NativeEndian.Uint16(data[10:])) {
		flags, pos, ksize, vsize := element(data, i)
		value := data[pos+ksize : pos+ksize+vsize]
		b := bucket(slices.IndexFunc(bucketNames[:], func(name []byte) bool { return bytes.Equal(name, data[pos:pos+ksize]) }))
		if b < 0 || b.derived() {
			continue
		}
		children, err := checkBucket(flags, value)
		if err != nil {
			continue
		}
		reached[b] = true
		if binary.NativeEndian.Uint64(value) == 0 {
			if err := s.leaf(value[bucketHeaderSize:], treeStep{bucket: b}); err != nil {
				return nil, err
			}
		}
		for _, child := range children {
			todo = append(todo, treeStep{child, b})
		}
	}
	return todo, nil
}

// leaf takes the records of a page. The true key of a damaged record lies
// between those of its neighbours.
func (s *salvage) leaf(data []byte, t treeStep) error {
	last, broken := t.from, false
	for i := range int(binary.NativeEndian.Uint16(data[10:])) {
		_, pos, ksize, vsize := element(data, i)
		key, record := data[pos:pos+ksize], data[pos+ksize:pos+ksize+vsize]
		if _, err := unseal(t.bucket, key, record); err != nil {
			if broken = true; !isMessage(t.bucket, key) {
				s.report.Lost++ // messages are counted where their number is missing
			}
			continue
		}
		if broken {
			s.lose(t.bucket, last, key)
		}
		broken = false
		if err := s.take(t.bucket, key, record); err != nil {
			return err
		}
		last = append(bytes.Clone(key), 0)
	}
	if broken {
		s.lose(t.bucket, last, t.to)
	}
	return nil
}

func isMessage(b bucket, key []byte) bool {
	r := keyReader{decoder{b: key}}
	r.thread()
	return b == bucketThread && r.err == nil && len(r.b) == 9 && r.b[0] == partMessage
}

func (s *salvage) lose(b bucket, from, to []byte) {
	s.lost[b] = append(s.lost[b], span{bytes.Clone(from), bytes.Clone(to)})
}

// missing reports whether a key lies where something was lost. The spans have
// been sorted and do not overlap.
func (s *salvage) missing(b bucket, key []byte) bool {
	i, found := slices.BinarySearchFunc(s.lost[b], key, func(x span, key []byte) int { return bytes.Compare(x.from, key) })
	if found {
		return true
	}
	return i > 0 && (s.lost[b][i-1].to == nil || bytes.Compare(key, s.lost[b][i-1].to) < 0)
}

// search goes through all pages that the tree does not lead to, if it has to.
func (s *salvage) search() error {
	gaps := 0
	for b := range s.lost {
		slices.SortFunc(s.lost[b], func(x, y span) int { return bytes.Compare(x.from, y.from) })
		gaps += len(s.lost[b])
	}
	for p := uint64(2); gaps > 0 && p < s.pages; {
		if s.trusted[p/64]&(1<<(p%64)) != 0 {
			p++
			continue
		}
		if err := s.ctx.Err(); err != nil {
			return err
		}
		data, err := s.readRun(p)
		if err != nil {
			return err
		}
		taken, err := s.searchPage(data)
		if err != nil {
			return err
		}
		n := max(1, (taken+s.pageSize-1)/s.pageSize)
		s.progress.add(int64(n) * int64(s.pageSize))
		p += uint64(n)
	}
	return nil
}

// readRun reads a page, with its overflow pages if it looks as if it had some.
func (s *salvage) readRun(p uint64) ([]byte, error) {
	data := make([]byte, s.pageSize)
	n, err := s.file.ReadAt(data, int64(p)*int64(s.pageSize))
	if err != nil && err != io.EOF {
		return nil, nil // a bad sector: the pages behind it may be good
	}
	data = data[:n]
	if n < pageHeaderSize || binary.NativeEndian.Uint64(data) != p || binary.NativeEndian.Uint16(data[8:]) != flagLeaf {
		return data, nil
	}
	more := uint64(binary.NativeEndian.Uint32(data[12:]))
	const most = 256 << 20 // of one page with all its overflow
	if more == 0 || more >= s.pages-p || more*uint64(s.pageSize) > most {
		return data, nil
	}
	data = make([]byte, int(more+1)*s.pageSize)
	n, err = s.file.ReadAt(data, int64(p)*int64(s.pageSize))
	if err != nil && err != io.EOF {
		return nil, nil
	}
	return data[:n], nil
}

// searchPage tries to read a page of unknown state as a leaf and offers what has
// a good checksum. It returns how many bytes of the page that was.
func (s *salvage) searchPage(data []byte) (taken int, err error) {
	if len(data) < pageHeaderSize+elementSize {
		return 0, nil
	}
	at := func(i, off int) int {
		return int(binary.NativeEndian.Uint32(data[pageHeaderSize+i*elementSize+off:]))
	}
	// The first key lies behind the last element, which tells their number if the
	// header does not.
	count := max(int(binary.NativeEndian.Uint16(data[10:])), at(0, 4)/elementSize)
	for i := range min(count, (len(data)-pageHeaderSize)/elementSize) {
		start := pageHeaderSize + i*elementSize + at(i, 4)
		ksize, vsize := at(i, 8), at(i, 12)
		if start > len(data) || ksize > len(data)-start || vsize > len(data)-start-ksize {
			continue
		}
		key, value := data[start:start+ksize], data[start+ksize:start+ksize+vsize]
		if len(value) >= bucketHeaderSize+pageHeaderSize && binary.NativeEndian.Uint64(value) == 0 && at(i, 0) == flagBucket {
			if _, err := s.searchPage(value[bucketHeaderSize:]); err != nil {
				return 0, err
			}
			continue
		}
		for b := range bucketCount {
			if b.derived() {
				continue
			}
			if _, err := unseal(b, key, value); err == nil {
				taken = max(taken, start+ksize+vsize)
				if err := s.find(b, key, value); err != nil {
					return 0, err
				}
				break
			}
		}
	}
	return taken, nil
}
