package slacksim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// newTS returns the next message timestamp: the clock's microseconds, moved on
// where needed so that no two are equal in the whole workspace.
func (w *Workspace) newTS() string {
	w.lastTS = max(time.Now().UnixMicro(), w.lastTS+1)
	return formatTS(w.lastTS)
}

func formatTS(micros int64) string {
	return fmt.Sprintf("%d.%06d", micros/1e6, micros%1e6)
}

// parseTS reads a message timestamp or a plain number of seconds.
func parseTS(s string) (micros int64, ok bool) {
	sec, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(sec, 10, 64)
	if err != nil || n < 0 || n > 1<<40 || len(frac) > 6 {
		return 0, false
	}
	for _, c := range frac {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	m, _ := strconv.ParseInt((frac + "000000")[:6], 10, 64)
	return n*1e6 + m, true
}

// newID returns a short id that is unique in the workspace, such as "Ev0000012".
func (w *Workspace) newID(prefix string) string {
	w.lastID++
	return fmt.Sprintf("%s%07d", prefix, w.lastID)
}

// alarm is a timer whose function runs with the workspace locked, and which
// Close stops and waits for.
type alarm struct {
	w       *Workspace
	timer   *time.Timer
	stopped bool
}

// after runs f with w.mu held once d has passed. The caller holds w.mu.
func (w *Workspace) after(d time.Duration, f func()) *alarm {
	a := &alarm{w: w}
	if w.closed {
		a.stopped = true
		return a
	}
	w.alarms[a] = struct{}{}
	w.wg.Add(1)
	a.timer = time.AfterFunc(d, func() {
		defer w.wg.Done()
		w.mu.Lock()
		defer w.mu.Unlock()
		if a.stopped {
			return
		}
		a.stopped = true
		delete(w.alarms, a)
		f()
	})
	return a
}

// stop makes sure that the function will not run any more. The caller holds
// w.mu. A nil alarm is one that was never set.
func (a *alarm) stop() {
	if a == nil || a.stopped {
		return
	}
	a.stopped = true
	delete(a.w.alarms, a)
	if a.timer.Stop() {
		a.w.wg.Done()
	}
}
