package boltstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/bobbin-bot/bobbin/storage"
)

// writer commits intents in groups. Its goroutine takes all that wait, runs
// them in the order of arrival in one transaction and commits.
//
// bbolt's own Batch was measured and not taken: it makes a lone caller wait for
// its timer, and runs a whole group again when one function fails, so that
// functions have to expect to run many times. Here each intent runs once. An
// intent that is refused (a turn in another state, an old fence) is an
// ordinary outcome: its staged writes are dropped, see [change], and the rest
// of the group goes on.
//
// Everybody is answered after the commit, the refused ones too: a caller told
// "claimed already" must be able to rely on the claim being on the disk.
type writer struct {
	db *bolt.DB
	// full is called when a commit found no room, from the writer's goroutine.
	full    func()
	latency latency

	mu     sync.Mutex
	wake   sync.Cond // queue has grown or closed is set
	queue  []*intent
	closed bool
	failed error

	done sync.WaitGroup
}

type intent struct {
	run    func(*change) error
	result chan error // buffered, gets exactly one value
}

func newWriter(db *bolt.DB, full func()) *writer {
	w := &writer{db: db, full: full}
	w.wake.L = &w.mu
	w.done.Go(w.loop)
	return w
}

// submit runs an intent and returns when it is durable or refused. If ctx ends
// first it returns ctx's error and the outcome is unknown: run may still happen,
// so it must not touch memory that the caller gets back.
func (w *writer) submit(ctx context.Context, run func(*change) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	in, err := w.enqueue(func(c *change) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return run(c)
	})
	if err != nil {
		return err
	}
	select {
	case err := <-in.result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) enqueue(run func(*change) error) (*intent, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, storage.ErrClosed
	}
	if w.failed != nil {
		return nil, w.failed
	}
	in := &intent{run: run, result: make(chan error, 1)}
	w.queue = append(w.queue, in)
	w.wake.Signal()
	return in, nil
}

// close commits what waits, then last, and ends the goroutine. Only the first
// call does anything.
func (w *writer) close(last func(*change) error) error {
	in, refused := w.enqueue(last)
	w.mu.Lock()
	w.closed = true
	w.wake.Signal()
	w.mu.Unlock()
	w.done.Wait()
	if refused != nil { // closed before, or failed, and the writers were told
		return nil
	}
	return <-in.result
}

func (w *writer) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

func (w *writer) loop() {
	// Faults on mapped pages become panics, which commit catches.
	debug.SetPanicOnFault(true)
	for {
		group := w.next()
		if group == nil {
			return
		}
		err := w.commit(group)
		for i, in := range group {
			in.result <- err[i]
		}
		if len(group) > 1 {
			// Let those who were just answered come back, or the next group
			// would be the first of them alone and the fsync half wasted.
			runtime.Gosched()
		}
	}
}

// next waits for intents and takes all of them; nil means closed and empty.
func (w *writer) next() []*intent {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 && !w.closed {
		w.wake.Wait()
	}
	group := w.queue
	w.queue = nil
	return group
}

// commit runs a group and returns the outcome of each intent.
func (w *writer) commit(group []*intent) []error {
	errs := make([]error, len(group))
	if err := w.transact(group, errs); err != nil {
		if errors.Is(err, storage.ErrFull) {
			w.full()
		} else {
			err = w.fail(err)
		}
		for i := range errs {
			errs[i] = err
		}
	}
	return errs
}

// fail makes every later write return the same error.
func (w *writer) fail(cause error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil {
		w.failed = fmt.Errorf("%w: %w", storage.ErrFailed, cause)
	}
	return w.failed
}

func (w *writer) transact(group []*intent, errs []error) (err error) {
	if w.failed != nil { // only this goroutine sets it
		return w.failed
	}
	begun := time.Now()
	tx, err := w.db.Begin(true)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() {
		// While writing, a panic leaves the transaction half done. Nothing of it
		// is on the disk, but the tree in memory cannot be trusted any more.
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", storage.ErrCorrupt, r)
			tx.Rollback() // gives the lock back, or Close would hang
		}
	}()
	wrote := false
	var undo []func()
	for i, in := range group {
		c := &change{view: view{tx}}
		if errs[i] = guard(func() error { return in.run(c) }); errs[i] == nil {
			errs[i] = c.err
		}
		if errs[i] != nil {
			continue
		}
		wrote = wrote || len(c.ops) > 0
		if err := c.apply(); err != nil {
			tx.Rollback()
			return err
		}
		if c.undone != nil {
			undo = append(undo, c.undone)
		}
	}
	if !wrote {
		return tx.Rollback()
	}
	id := tx.ID()
	if err := tx.Commit(); err != nil {
		if lacksRoom(err) && !w.happened(id) {
			for _, f := range slices.Backward(undo) {
				f()
			}
			return fmt.Errorf("%w: commit: %w", storage.ErrFull, err)
		}
		return fmt.Errorf("commit: %w", err)
	}
	w.latency.add(time.Since(begun))
	return nil
}

// happened reports whether readers see the transaction id, or see nothing at
// all.
func (w *writer) happened(id int) (yes bool) {
	yes = true
	guard(func() error {
		return w.db.View(func(tx *bolt.Tx) error { yes = tx.ID() >= id; return nil })
	})
	return yes
}
