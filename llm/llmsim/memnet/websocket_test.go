package memnet_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/bobbin-bot/bobbin/llm/llmsim/memnet"
)

// On net.Pipe this hangs: the client's pong waits for the server to read while
// the server's message waits for the client to read.
func TestWebSocketPongMeetsServerWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rounds = 20
		message := strings.Repeat("x", 8<<10)
		pongs := make(chan int, 1)
		l := memnet.Listen()
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := new(websocket.Upgrader).Upgrade(w, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for range rounds {
				c.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
				if err := c.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
					t.Errorf("server write: %v", err)
				}
			}
			n := 0
			c.SetPongHandler(func(string) error { n++; return nil })
			for {
				if _, _, err := c.ReadMessage(); err != nil {
					break
				}
			}
			pongs <- n
		})}
		go srv.Serve(l)
		defer srv.Close()

		dialer := websocket.Dialer{NetDialContext: l.DialContext}
		c, _, err := dialer.DialContext(t.Context(), "ws://memnet/", nil)
		if err != nil {
			t.Fatal(err)
		}
		for range rounds {
			if _, got, err := c.ReadMessage(); err != nil || string(got) != message {
				t.Fatalf("client read %d bytes, %v", len(got), err)
			}
		}
		c.Close()
		if n := <-pongs; n != rounds {
			t.Errorf("the server got %d pongs, want %d", n, rounds)
		}
	})
}
