package bot

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// The model is through at the moment at which the pacer grants an append: the call
// is not made, and the stream is still one that can be ended.
func TestSettledAtTheGrant(t *testing.T) {
	p := newPacer()
	b := &Bot{pacer: p, log: slog.New(slog.DiscardHandler)}
	b.noStreams.channels = map[string]bool{}
	r := b.newReply(storage.Lease{}, storage.Turn{State: storage.StateStreaming})
	defer r.leave()
	if method := r.seat.open(true); method != methodStartStream {
		t.Fatal(method)
	}
	r.parts = []*part{{ts: "1.0", stream: true, sent: "Be", opened: time.Now()}}
	r.show("Bees")
	r.seat.granted = methodAppendStream
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.writeInTurn(ctx)
	if got := r.parts[0]; !got.stream || got.sent != "Be" {
		t.Errorf("the part is %+v, want the stream as it was", *got)
	}
	if r.seat.last != methodStopStream {
		t.Errorf("the seat has reserved %q, want its stop", r.seat.last)
	}
	if got := p.methods[methodStopStream].granted; got != 0 {
		t.Errorf("%d stops were counted, none was made", got)
	}
}
