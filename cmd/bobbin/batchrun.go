package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

// batchRun asks the lines that have no answer yet. All fields but finished are
// set before run.
type batchRun struct {
	provider  llm.Provider
	providers []providerConfig
	lines     []batchLine
	results   []*batchResult // by line; an earlier error is asked again
	sink      batchSink
	progress  *batchProgress
	o         batchOptions

	asker   asker
	tally   batchTally
	todo    []int
	health  map[string]*llm.Error // by provider: the fatal error of its last call, or nil
	alike   bool                  // all of todo ask for the same model
	stopped error                 // why no more lines are begun
	enough  chan struct{}         // closed then
}

// finishedLine is what a worker hands over.
type finishedLine struct {
	index int
	outcome
}

// run returns once all workers have ended and everything is on disk.
func (b *batchRun) run(ctx context.Context, stderr io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	b.prepare()
	b.progress.start(b.tally)

	work, finished := make(chan int), make(chan finishedLine)
	var workers sync.WaitGroup
	for range min(b.o.concurrency, len(b.todo)) {
		workers.Go(func() {
			for i := range work {
				finished <- finishedLine{i, b.asker.ask(ctx, b.lines[i].req)}
			}
		})
	}
	workers.Go(func() {
		defer close(work)
		for _, i := range b.todo {
			select {
			case work <- i:
			case <-ctx.Done():
				return
			case <-b.enough:
				return
			}
		}
	})
	go func() { workers.Wait(); close(finished) }() // ends before collect does
	broken := b.collect(ctx, cancel, finished)
	b.progress.end()

	whole := b.tally.done() == len(b.lines)
	if broken == nil {
		broken = b.sink.finish(whole)
	}
	b.tally.print(stderr, b.o)
	return b.verdict(ctx, stderr, broken)
}

func (b *batchRun) prepare() {
	b.enough = make(chan struct{})
	b.asker.provider, b.asker.enough = b.provider, b.enough
	b.asker.answered.Store(time.Now().UnixNano())
	b.health = map[string]*llm.Error{}
	b.tally = newBatchTally(len(b.lines))
	b.alike = true
	for i, r := range b.results {
		if r != nil && r.Answer != nil {
			b.tally.reused++
			continue
		}
		b.todo = append(b.todo, i)
		b.alike = b.alike && b.lines[i].req.Model == b.lines[b.todo[0]].req.Model
	}
}

// collect is the only one that touches results, sink and tally while workers
// run. It returns the error of the sink: then nothing more can be kept.
func (b *batchRun) collect(ctx context.Context, cancel context.CancelCauseFunc, finished <-chan finishedLine) (broken error) {
	fail := func(err error) {
		if err != nil && broken == nil {
			broken = err
			cancel(err) // an answer that cannot be kept must not be paid for
		}
	}
	syncs, paints := time.NewTicker(batchSync), time.NewTicker(b.progress.every())
	defer syncs.Stop()
	defer paints.Stop()
	for {
		select {
		case f, ok := <-finished:
			if !ok {
				return broken
			}
			fail(b.take(f, broken == nil))
			if stop := b.stopFor(f); stop != nil && b.stopped == nil && ctx.Err() == nil {
				b.stopped = stop
				close(b.enough)
			}
		case <-syncs.C:
			if broken == nil {
				fail(b.sink.sync())
			}
		case <-paints.C:
			b.progress.paint(b.tally)
		}
	}
}

// take counts what happened to a line, and keeps it if it is a result. A line
// that was broken off is asked again, but what it has cost is kept.
func (b *batchRun) take(f finishedLine, keep bool) error {
	b.tally.calls(f.attempts)
	line := b.lines[f.index]
	var before batchSpent
	if r := b.results[f.index]; r != nil {
		before = r.batchSpent
	}
	r := newBatchResult(line, f.outcome, before)
	switch {
	case f.unfinished && r.batchSpent == before:
		return nil
	case f.unfinished:
	case r.Error != nil:
		b.tally.fails(r, b.fix(f.err))
	default:
		b.tally.answered++
	}
	b.results[f.index] = r
	if !keep {
		return nil
	}
	return b.sink.put(f.index, r)
}

// stopFor decides whether a line's failure will be that of every other line.
// That is so if no provider is left that could answer: the last call of each
// has failed for a reason that time does not cure. A line that names a model
// itself says nothing about lines that name another.
func (b *batchRun) stopFor(f finishedLine) error {
	own := b.lines[f.index].req.Model != "" && !b.alike
	for _, a := range f.attempts {
		switch {
		case a.Err == nil:
			b.health[a.Provider] = nil
		case a.Err.Class == llm.ClassQuota, a.Err.Status == 401, isFatal(a.Err.Class) && !own:
			b.health[a.Provider] = a.Err
		case a.Err.Class != llm.ClassCancelled && !isFatal(a.Err.Class):
			b.health[a.Provider] = nil
		}
	}
	if f.outage {
		return fmt.Errorf("no answer for %v: %w\n  fix: %s", batchPatience, f.err, b.fix(f.err))
	}
	if f.err == nil {
		return nil
	}
	var text strings.Builder
	for _, p := range b.providers {
		e := b.health[p.Name]
		if e == nil {
			return nil
		}
		fmt.Fprintf(&text, "\n  %v\n  fix: %s", e, fixOf(e, p))
	}
	return errors.New("every line would fail:" + text.String())
}

func (b *batchRun) fix(err error) string {
	if e, ok := errors.AsType[*llm.Error](err); ok {
		cause := err
		if inner, ok := errors.AsType[*llm.Error](e.Err); ok {
			cause = inner // what opened the breaker
		}
		for _, p := range b.providers {
			if p.Name == e.Provider {
				return fixOf(cause, p)
			}
		}
	}
	return "see: bobbin check"
}

// verdict says how the batch ended and what to do next.
func (b *batchRun) verdict(ctx context.Context, stderr io.Writer, broken error) error {
	again := "; run the same command again to go on"
	if b.o.out == standardStream {
		again = "; --out FILE could be resumed"
	}
	stop := fmt.Sprintf("stopped after %d of %d%s", b.tally.done(), len(b.lines), again)
	interrupt, interrupted := errors.AsType[signalError](context.Cause(ctx))
	switch {
	case broken != nil:
		return fmt.Errorf("%w\nbobbin: %s", broken, stop)
	case b.stopped != nil:
		return fmt.Errorf("%w\nbobbin: %s", b.stopped, stop)
	case b.tally.done() < len(b.lines) && interrupted && interrupt.Signal == os.Interrupt:
		fmt.Fprintln(stderr, "bobbin:", stop)
		return interrupt
	case b.tally.done() < len(b.lines):
		// Not the signal itself: a service that was asked to end has done its
		// work then, a batch has not.
		return errors.New(stop)
	case b.tally.failed > 0 && b.o.out == standardStream:
		return fmt.Errorf("%d of %d lines failed", b.tally.failed, len(b.lines))
	case b.tally.failed > 0:
		return fmt.Errorf("%d of %d lines failed; run the same command again to ask those again", b.tally.failed, len(b.lines))
	}
	return nil
}
