package storagetest

import (
	"cmp"
	"slices"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

var watermarkCases = []testCase{
	{"watermark/rises", "a watermark only rises, by the number that a ts is, and is there after a restart", func(t *T) {
		t.wantMarks()
		t.mark(storage.Watermark{ChannelID: "C1", TS: "999.000001"}, storage.Watermark{ChannelID: "D1", TS: "5.000000", Shared: true})
		t.mark(storage.Watermark{ChannelID: "C1", TS: "1000.000001"})
		t.mark(storage.Watermark{ChannelID: "C1", TS: "999.000002"}, storage.Watermark{ChannelID: "C2", TS: "1.000000"})
		t.mark()
		want := []storage.Watermark{{ChannelID: "C1", TS: "1000.000001"}, {ChannelID: "C2", TS: "1.000000"}, {ChannelID: "D1", TS: "5.000000", Shared: true}}
		t.wantMarks(want...)
		t.reopen()
		t.wantMarks(want...)
	}},
	{"recent/order", "open conversations come first, then the latest active", func(t *T) {
		for i := range 4 {
			turn := in(old(i), question(string(rune('1'+i))))
			turn.ReceivedAt, turn.UpdatedAt = after(time.Duration(i)*2*time.Hour), after(time.Duration(i)*2*time.Hour)
			t.accept(turn)
			if i > 0 {
				l := t.acquire(old(i), "w")
				_, err := t.store.Advance(t.ctx(), l, storage.Change{TurnID: turn.ID, From: storage.StateReceived, To: storage.StateFailed, At: turn.ReceivedAt})
				t.ok(err, "advance")
			}
		}
		for _, c := range []struct {
			since time.Time
			limit int
			want  []storage.ConversationKey
		}{
			{after(-time.Hour), 10, []storage.ConversationKey{old(0), old(3), old(2), old(1)}},
			{after(-time.Hour), 2, []storage.ConversationKey{old(0), old(3)}},
			{after(5 * time.Hour), 10, []storage.ConversationKey{old(0), old(3)}},
			{after(-time.Hour), 0, nil},
		} {
			got, err := t.store.Recent(t.ctx(), c.since, c.limit)
			t.ok(err, "recent")
			if !slices.Equal(got, c.want) {
				t.Errorf("Recent(%v, %d) = %v, want %v", c.since, c.limit, got, c.want)
			}
		}
	}},
}

func (t *T) mark(marks ...storage.Watermark) {
	t.Helper()
	t.ok(t.store.SetWatermarks(t.ctx(), marks), "set watermarks")
}

func (t *T) wantMarks(want ...storage.Watermark) {
	t.Helper()
	got, err := t.store.Watermarks(t.ctx())
	t.ok(err, "watermarks")
	slices.SortFunc(got, func(a, b storage.Watermark) int { return cmp.Compare(a.ChannelID, b.ChannelID) })
	if !slices.Equal(got, want) {
		t.Errorf("watermarks %v, want %v", got, want)
	}
}
