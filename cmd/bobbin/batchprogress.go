package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// batchProgress shows how far a batch is: a bar on a terminal, else a plain line
// now and then. It is also the writer of the log, which would tear the bar.
type batchProgress struct {
	w        io.Writer
	quiet    bool
	terminal bool

	mu  sync.Mutex
	bar *progressbar.ProgressBar // nil without a terminal, and before start
}

func newBatchProgress(w io.Writer, quiet bool) *batchProgress {
	return &batchProgress{w: w, quiet: quiet, terminal: isTerminal(w)}
}

// Write passes on a line of the log.
func (p *batchProgress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Clear() // the next repaint brings it back
	}
	return p.w.Write(text)
}

func (p *batchProgress) every() time.Duration {
	if p.terminal {
		return batchRepaint
	}
	return batchReport
}

func (p *batchProgress) start(t batchTally) {
	if p.quiet || !p.terminal {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bar = newBar(p.w, int64(t.total-t.reused), progressbar.OptionShowCount())
}

// newBar is what every bar of ours looks like.
func newBar(w io.Writer, total int64, more ...progressbar.Option) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total, append([]progressbar.Option{
		progressbar.OptionSetWriter(w),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetWidth(20),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(true),
	}, more...)...)
}

// isTerminal reports whether a person sees what is written to w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (p *batchProgress) paint(t batchTally) {
	p.mu.Lock()
	defer p.mu.Unlock()
	spent := t.spent()
	switch {
	case p.quiet:
	case p.bar != nil:
		// Of the bar's errors nothing follows: they are those of stderr.
		p.bar.Set(t.answered + t.failed)
		p.bar.Describe(fmt.Sprintf("%d failed, %s tokens, %s", t.failed, thousands(spent.tokens()), costText(t.known, t.unpriced)))
	default:
		fmt.Fprintf(p.w, "%d of %d, %d failed, %s\n", t.done(), t.total, t.failed, costText(t.known, t.unpriced))
	}
}

// end takes the bar away; the summary follows.
func (p *batchProgress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Clear()
		p.bar = nil
	}
}
