package main

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// workProgress shows on a terminal how far something is that a person waits for.
// Elsewhere it shows nothing. What takes less than a moment has no bar.
type workProgress struct {
	w     io.Writer
	what  string
	begun time.Time
	bar   *progressbar.ProgressBar
}

func newWorkProgress(w io.Writer, what string) *workProgress {
	return &workProgress{w: w, what: what, begun: time.Now()}
}

// set is what the functions of boltstore call.
func (p *workProgress) set(done, total int64) {
	if p.bar == nil {
		if !isTerminal(p.w) || time.Since(p.begun) < batchRepaint {
			return
		}
		p.bar = newBar(p.w, total, progressbar.OptionSetDescription(p.what), progressbar.OptionThrottle(100*time.Millisecond))
	}
	if p.bar.GetMax64() != total {
		p.bar.ChangeMax64(total)
	}
	p.bar.Set64(min(done, total)) // its errors are those of stderr
}

func (p *workProgress) end() {
	if p.bar != nil {
		p.bar.Clear()
	}
}

// countingWriter tells how much went through it.
type countingWriter struct {
	io.Writer
	n, total int64
	progress func(done, total int64)
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.n += int64(n)
	w.progress(w.n, max(w.n, w.total))
	return n, err
}
