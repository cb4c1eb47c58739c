package slacksim

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// A slow page may be feedSize changes behind.
const (
	feedSize    = 4096
	feedPortion = 64 // written at once
)

// feed is the last changes of the workspace, for pages. Readers look into it at
// their own pace, so none of them can hold up the workspace.
type feed struct {
	seq  int64 // of the newest change
	ring [feedSize]change
}

type change struct {
	seq  int64
	kind string
	data any // never changed after publishing, so it is marshalled without the lock
}

// publish records a change and wakes everybody who waits for one. The caller
// holds w.mu; data must not change afterwards.
func (w *Workspace) publish(kind string, data any) {
	w.feed.seq++
	w.feed.ring[w.feed.seq%feedSize] = change{w.feed.seq, kind, data}
	w.touch()
}

// since returns some of the changes after seq, oldest first. It returns ok false
// when they are not all there any more, or when seq is from the future, that is
// from before a restart of the program.
func (f *feed) since(seq int64) (list []change, ok bool) {
	if seq > f.seq || seq < 0 || f.seq-seq > feedSize {
		return nil, false
	}
	for n := seq + 1; n <= min(f.seq, seq+feedPortion); n++ {
		list = append(list, f.ring[n%feedSize])
	}
	return list, true
}

// serveEvents is GET /sim/events, a stream of server-sent events. It starts
// after ?since=, or after Last-Event-ID, or now. A reader that falls too far
// behind is cut off, and one that asks for too old a change gets 410: it must
// read /sim/state again.
func (w *Workspace) serveEvents(rw http.ResponseWriter, r *http.Request) {
	if !w.join() {
		sendError(rw, http.StatusServiceUnavailable, ErrClosed.Error())
		return
	}
	defer w.wg.Done()

	w.mu.Lock()
	pos := w.feed.seq
	var err error
	if s := r.URL.Query().Get("since"); s != "" {
		pos, err = strconv.ParseInt(s, 10, 64)
	} else if s := r.Header.Get("Last-Event-ID"); s != "" {
		pos, err = strconv.ParseInt(s, 10, 64)
	}
	_, ok := w.feed.since(pos)
	w.mu.Unlock()
	if err != nil {
		sendError(rw, http.StatusBadRequest, "since must be a number")
		return
	}
	if !ok {
		sendError(rw, http.StatusGone, "these changes are gone: read /sim/state again")
		return
	}

	rw.Header().Set("Content-Type", "text/event-stream")
	rw.Header().Set("Cache-Control", "no-store")
	rc := http.NewResponseController(rw)
	w.mu.Lock()
	w.readers[rc] = struct{}{}
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.readers, rc)
		w.mu.Unlock()
	}()
	w.follow(r.Context(), rw, rc, pos)
}

// follow writes changes until the page goes, falls behind, or the workspace is
// closed.
func (w *Workspace) follow(ctx context.Context, out io.Writer, rc *http.ResponseController, pos int64) {
	idle := time.NewTicker(w.opt.KeepAlive)
	defer idle.Stop()
	text := []byte(": changes\n\n")
	for {
		if len(text) > 0 {
			if !w.allowWrite(rc) {
				return
			}
			if _, err := out.Write(text); err != nil || rc.Flush() != nil {
				return
			}
		}
		w.mu.Lock()
		list, ok := w.feed.since(pos)
		next := w.nextChange()
		w.mu.Unlock()
		if !ok {
			return
		}
		text = text[:0]
		for _, c := range list {
			data, err := json.Marshal(c.data)
			if err != nil {
				return
			}
			text = fmt.Appendf(text, "id: %d\nevent: %s\ndata: %s\n\n", c.seq, c.kind, data)
			pos = c.seq
		}
		if len(list) > 0 {
			continue
		}
		select {
		case <-next:
		case <-idle.C:
			text = []byte(": idle\n\n")
		case <-ctx.Done():
			return
		case <-w.done:
			return
		}
	}
}

// allowWrite gives the next write its time, unless Close has taken it away.
func (w *Workspace) allowWrite(rc *http.ResponseController) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	_ = rc.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every ResponseWriter can
	return true
}
