package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// batchSink takes results as they come. results of the batch, which the sinks
// share, already holds r at index i.
type batchSink interface {
	// put keeps a result.
	put(i int, r *batchResult) error
	// sync makes sure that what was put survives a power failure.
	sync() error
	// finish is called once, at the end of a batch of which no line is missing
	// if whole.
	finish(whole bool) error
}

// batchFile is the output of a batch that can be resumed. Results are appended
// to the partial file in order of completion; once all are there they are
// written in the order of the input, and the partial file is removed.
//
// The partial file is locked as long as a batch runs.
type batchFile struct {
	out      string
	partial  *os.File
	unlock   func() error
	dirty    bool // written to since the last fsync
	results  []*batchResult
	dropped  int  // earlier answers that belong to no line
	complete bool // out is as it should be
}

func partialName(out string) string { return out + ".partial" }

// openBatchFile locks the output and changes nothing in it.
func openBatchFile(out string) (*batchFile, error) {
	name := partialName(out)
	partial, unlock, err := openLocked(name)
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("another bobbin batch is writing %s; wait until it ends, or give this one another --out%s", out, lockHint(name))
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return &batchFile{out: out, partial: partial, unlock: unlock}, nil
}

// load finds earlier results for the lines. A line without one is nil; one
// that failed has its error.
func (f *batchFile) load(in string, lines []batchLine) ([]*batchResult, error) {
	partial, whole, ended, err := readPartial(f.partial)
	if err != nil {
		return nil, err
	}
	old, err := readResults(f.out)
	if err != nil {
		return nil, err
	}
	m := matchResults(lines, append(old, partial...))
	if m.answers > 0 && m.reused == 0 {
		return nil, fmt.Errorf("%s has %d answers, and none belongs to a line of %s; move it away (and %s, if it is there), or give another --out",
			f.out, m.answers, in, partialName(f.out))
	}
	f.results, f.dropped = m.results, m.answers-m.reused
	f.complete = len(partial) == 0 && m.reused == len(lines) && !m.moved && slices.Equal(old, m.results)
	// Only now is it certain that the file is ours: cut off half a line, which
	// is what a kill in the middle of a write leaves.
	if err := f.partial.Truncate(whole); err != nil {
		return nil, fmt.Errorf("repair %s: %w", f.partial.Name(), err)
	}
	if _, err := f.partial.Seek(whole, io.SeekStart); err != nil {
		return nil, fmt.Errorf("repair %s: %w", f.partial.Name(), err)
	}
	if !ended {
		if _, err := f.partial.WriteString("\n"); err != nil {
			return nil, fmt.Errorf("repair %s: %w", f.partial.Name(), err)
		}
	}
	return m.results, nil
}

func (f *batchFile) put(_ int, r *batchResult) error {
	f.dirty = true
	if _, err := f.partial.Write(r.append(nil)); err != nil {
		return fmt.Errorf("write answers: %w", err)
	}
	return nil
}

func (f *batchFile) sync() error {
	if !f.dirty {
		return nil
	}
	f.dirty = false
	if err := f.partial.Sync(); err != nil {
		return fmt.Errorf("write answers: %w", err)
	}
	return nil
}

func (f *batchFile) finish(whole bool) error {
	if err := f.sync(); err != nil || !whole {
		return err
	}
	if err := f.writeOut(); err != nil {
		return fmt.Errorf("write answers: %w; they are all in %s, run the same command again", err, f.partial.Name())
	}
	f.results = nil
	if err := f.partial.Truncate(0); err != nil {
		return fmt.Errorf("remove %s: %w", f.partial.Name(), err)
	}
	return nil
}

// writeOut replaces out in one step: at any moment there is a whole file.
func (f *batchFile) writeOut() (err error) {
	mode := os.FileMode(0o600) // prompts and answers are nobody else's business
	if info, err := os.Stat(f.out); err == nil {
		mode = info.Mode().Perm()
	}
	// The lock makes the name ours; a fixed one leaves no litter after a kill.
	name := f.partial.Name() + ".new"
	tmp, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(tmp, 1<<20)
	var line []byte
	for _, r := range f.results {
		line = r.append(line[:0])
		w.Write(line)
	}
	err = errors.Join(w.Flush(), tmp.Sync(), tmp.Close())
	if err != nil {
		return errors.Join(err, os.Remove(name))
	}
	if err := os.Rename(name, f.out); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(f.out))
}

// syncFolder makes a rename durable. Windows has no such call, and needs none.
func syncFolder(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// close gives up the lock, and leaves no partial file if there is nothing in it.
func (f *batchFile) close() error {
	info, err := f.partial.Stat()
	return errors.Join(err, closeLocked(f.partial, f.unlock, err == nil && info.Size() == 0))
}

// batchStream is the output to stdout: the longest prefix of the input that is
// complete, in its order.
type batchStream struct {
	w       io.Writer
	results []*batchResult
	next    int
	line    []byte
}

func (s *batchStream) put(int, *batchResult) error {
	for ; s.next < len(s.results) && s.results[s.next] != nil; s.next++ {
		if err := s.write(s.results[s.next]); err != nil {
			return err
		}
	}
	return nil
}

func (s *batchStream) write(r *batchResult) error {
	s.line = r.append(s.line[:0])
	if _, err := s.w.Write(s.line); err != nil {
		return fmt.Errorf("write answers: %w", err)
	}
	return nil
}

func (s *batchStream) sync() error { return nil }

// finish writes what is behind a line that is missing: it was paid for.
func (s *batchStream) finish(bool) error {
	for ; s.next < len(s.results); s.next++ {
		if r := s.results[s.next]; r != nil {
			if err := s.write(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// readResults reads a finished output; one that is not there has no lines.
func readResults(name string) ([]*batchResult, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read earlier answers: %w", err)
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n') // an editor took it away
	}
	results, _, err := parseResults(name, text)
	return results, err
}

// readPartial also returns how many bytes of the file are to stay, and whether
// they end with a line break.
func readPartial(f *os.File) (results []*batchResult, stay int64, ended bool, err error) {
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, 0, false, fmt.Errorf("read earlier answers: %w", err)
	}
	results, whole, err := parseResults(f.Name(), text)
	if err != nil {
		return nil, 0, false, err
	}
	// A power failure can leave zeros where the end of the line should be.
	half := bytes.Trim(text[whole:], "\x00")
	if r, err := parseBatchResult(half); err == nil {
		return append(results, r), int64(whole + len(half)), false, nil
	}
	// A file whose only line is not ours must not be taken for half a line.
	for _, begin := range []string{`{"id":`, `{"line":`} {
		n := min(len(half), len(begin))
		if string(half[:n]) == begin[:n] {
			return results, int64(whole), true, nil
		}
	}
	return nil, 0, false, notOurs(f.Name(), bytes.Count(text[:whole], []byte("\n"))+1)
}

func parseResults(name string, text []byte) (results []*batchResult, whole int, err error) {
	for n := 1; ; n++ {
		end := bytes.IndexByte(text[whole:], '\n')
		if end < 0 {
			return results, whole, nil
		}
		line := bytes.TrimSpace(text[whole : whole+end])
		whole += end + 1
		if len(line) == 0 {
			continue
		}
		r, err := parseBatchResult(line)
		if err != nil {
			return nil, 0, notOurs(name, n)
		}
		results = append(results, r)
	}
}

func notOurs(name string, line int) error {
	return fmt.Errorf("%s: line %d: %w; nothing was changed. Move the file away, or give another --out", name, line, errNotOurs)
}
