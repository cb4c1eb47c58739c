package bot

import (
	"context"
	"errors"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// probeAfter is how long nothing may come in before we ask with a ping of
	// our own, again each watchEvery, and silence how long before the connection
	// is given up. Until then Slack sends messages into it: of the four times
	// that it sends each, two are in the first seconds.
	probeAfter = 10 * time.Second
	silence    = 25 * time.Second
	watchEvery = 5 * time.Second
)

var errSilent = errors.New("nothing received, not even an answer to a ping")

// watch gives the connection up when nothing has come in for too long. It is a
// goroutine beside the reader, because it must also see a reader that is stuck.
// Everything else that takes time has a bound of its own: opening openPatience,
// the pause between tries longestPause, writing writePatience.
//
// A reader that waits for the store is left alone: a new connection would wait
// for the same store, and what this one holds unread would be lost with it.
func (s *socket) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	complained := time.Time{}
	for {
		select {
		case <-s.ended:
			return
		case <-ctx.Done():
			// Only reading ends, so that acknowledgements can still be written.
			_ = s.conn.NetConn().SetReadDeadline(time.Unix(1, 0))
			return
		case now := <-tick.C:
			quiet := now.Sub(s.lastHeard())
			switch {
			case quiet < probeAfter:
			case s.blocked.Load():
				if quiet >= silence && now.Sub(complained) >= time.Minute {
					complained = now
					s.bot.log.Error("the store is too slow, Slack is not read", "socket", s.number, "since", quiet.Round(time.Second))
				}
			case quiet >= silence:
				s.doom(farewell{reasonSilent, errSilent})
				s.shut()
			default:
				// If it cannot be written, silence follows.
				_ = s.conn.WriteControl(websocket.PingMessage, []byte("bobbin"), now.Add(writePatience))
			}
		}
	}
}
