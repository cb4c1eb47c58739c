package boltstore

import (
	"maps"
	"slices"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

func encodeTurn(t *storage.Turn) *encoder {
	e := newEncoder(256 + len(t.Text) + len(t.Answer) + 32*len(t.Parts) + usageRowSize*len(t.Calls))
	e.string(string(t.State))
	e.int(int64(t.Attempt))
	e.string(t.UserID)
	e.string(t.TS)
	e.string(t.Text)
	e.bool(t.Direct)
	e.time(t.ReceivedAt)
	e.time(t.UpdatedAt)
	e.string(t.ReplyID)
	e.uint(uint64(len(t.Parts)))
	for _, p := range t.Parts {
		e.string(p.TS)
		e.bool(p.Stream)
	}
	e.string(t.Answer)
	e.string(t.Failure)
	e.string(t.JoinedInto)
	e.uint(uint64(len(t.Feedback)))
	for _, user := range slices.Sorted(maps.Keys(t.Feedback)) {
		e.string(user)
		e.int(int64(t.Feedback[user]))
	}
	e.answering(t)
	return e
}

// answering writes the fields that turns have had since they note how they
// were answered. Records from before end where it begins.
func (e *encoder) answering(t *storage.Turn) {
	e.uint(uint64(len(t.Calls)))
	for i := range t.Calls {
		e.usageRow(&t.Calls[i])
	}
	for _, n := range [...]int{t.Prompt.Used, t.Prompt.Thread, t.Prompt.Dropped, t.Prompt.Window} {
		e.int(int64(n))
	}
	e.string(t.Prompt.Oldest)
	e.bool(t.Again)
	e.string(t.EditedTS)
	e.bool(t.Stopped)
	e.string(t.StoppedBy)
	for i := range t.Calls {
		e.usageMore(&t.Calls[i])
	}
}

// decodeTurn reads what encodeTurn wrote; key and id are in the record's key.
func decodeTurn(key storage.ConversationKey, id string, payload []byte) (storage.Turn, error) {
	d := decoder{b: payload}
	t := storage.Turn{
		ID:         id,
		Key:        key,
		State:      storage.State(d.string()),
		Attempt:    int(d.int()),
		UserID:     d.string(),
		TS:         d.string(),
		Text:       d.string(),
		Direct:     d.bool(),
		ReceivedAt: d.time(),
		UpdatedAt:  d.time(),
		ReplyID:    d.string(),
	}
	if n := d.count(); n > 0 {
		t.Parts = make([]storage.Part, 0, n)
		for range n {
			t.Parts = append(t.Parts, storage.Part{TS: d.string(), Stream: d.bool()})
		}
	}
	t.Answer = d.string()
	t.Failure = d.string()
	t.JoinedInto = d.string()
	if n := d.count(); n > 0 {
		t.Feedback = make(map[string]int, n)
		for range n {
			user := d.string()
			t.Feedback[user] = int(d.int())
		}
	}
	if d.err == nil && len(d.b) > 0 {
		d.answering(&t)
	}
	return t, d.end()
}

func (d *decoder) answering(t *storage.Turn) {
	if n := d.count(); n > 0 {
		t.Calls = make([]storage.UsageRow, 0, n)
		for range n {
			t.Calls = append(t.Calls, d.usageRow())
		}
	}
	for _, n := range [...]*int{&t.Prompt.Used, &t.Prompt.Thread, &t.Prompt.Dropped, &t.Prompt.Window} {
		*n = int(d.int())
	}
	t.Prompt.Oldest = d.string()
	t.Again = d.bool()
	t.EditedTS = d.string()
	t.Stopped = d.bool()
	t.StoppedBy = d.string()
	if len(d.b) == 0 {
		return // from before calls said more
	}
	for i := range t.Calls {
		d.usageMore(&t.Calls[i])
	}
}

// conversation is what the store knows about a thread beside its turns and
// messages.
type conversation struct {
	active time.Time // last activity
	last   uint64    // seq of the newest message
	from   uint64    // History.From
	open   []string  // ids of the turns in a non-terminal state

	forgotten map[string]time.Time // History.Forgotten
}

func encodeConversation(c *conversation) *encoder {
	e := newEncoder(32 + 40*len(c.open))
	e.time(c.active)
	e.uint(c.last)
	e.uint(c.from)
	e.uint(uint64(len(c.open)))
	for _, id := range c.open {
		e.string(id)
	}
	if len(c.forgotten) > 0 { // older versions can read all others
		e.uint(uint64(len(c.forgotten)))
		for _, user := range slices.Sorted(maps.Keys(c.forgotten)) {
			e.string(user)
			e.time(c.forgotten[user])
		}
	}
	return e
}

func decodeConversation(payload []byte) (conversation, error) {
	d := decoder{b: payload}
	c := conversation{active: d.time(), last: d.uint(), from: d.uint()}
	if n := d.count(); n > 0 {
		c.open = make([]string, 0, n+1)
		for range n {
			c.open = append(c.open, d.string())
		}
	}
	if d.err == nil && len(d.b) > 0 {
		n := d.count()
		c.forgotten = make(map[string]time.Time, n)
		for range n {
			user := d.string()
			c.forgotten[user] = d.time()
		}
	}
	return c, d.end()
}

func encodeMessage(m *storage.Message) *encoder {
	e := newEncoder(96 + len(m.Text))
	e.string(m.TurnID)
	e.string(string(m.Role))
	e.string(m.UserID)
	e.string(m.TS)
	e.string(m.Text)
	return e
}

func decodeMessage(seq uint64, payload []byte) (storage.Message, error) {
	d := decoder{b: payload}
	m := storage.Message{
		Seq:    seq,
		TurnID: d.string(),
		Role:   storage.Role(d.string()),
		UserID: d.string(),
		TS:     d.string(),
		Text:   d.string(),
	}
	return m, d.end()
}

// usageRowSize is enough for most rows.
const usageRowSize = 192

func encodeLedgerRow(r *storage.UsageRow) *encoder {
	e := newEncoder(usageRowSize)
	e.usageRow(r)
	e.usageMore(r)
	return e
}

func decodeLedgerRow(payload []byte) (storage.UsageRow, error) {
	d := decoder{b: payload}
	r := d.usageRow()
	if len(d.b) > 0 {
		d.usageMore(&r)
	}
	return r, d.end()
}

// usageMore writes the fields that rows have had since layout 3: behind the
// others, which stand in lists without room after each.
func (e *encoder) usageMore(r *storage.UsageRow) {
	e.string(r.ThreadTS)
	e.bool(r.Fallback)
}

func (d *decoder) usageMore(r *storage.UsageRow) {
	r.ThreadTS = d.string()
	r.Fallback = d.bool()
}

func (e *encoder) usageRow(r *storage.UsageRow) {
	e.string(r.TurnID)
	e.string(r.UserID)
	e.string(r.ChannelID)
	e.string(r.Provider)
	e.string(r.Model)
	e.time(r.At)
	e.int(r.InputTokens)
	e.int(r.CachedInputTokens)
	e.int(r.OutputTokens)
	e.int(r.ReasoningTokens)
	e.bool(r.Estimated)
	e.int(r.CostNanoUSD)
	e.price(r.Price)
	e.string(r.Outcome)
	e.int(int64(r.FirstToken))
	e.int(int64(r.Duration))
}

func (d *decoder) usageRow() storage.UsageRow {
	r := storage.UsageRow{
		TurnID:            d.string(),
		UserID:            d.string(),
		ChannelID:         d.string(),
		Provider:          d.string(),
		Model:             d.string(),
		At:                d.time(),
		InputTokens:       d.int(),
		CachedInputTokens: d.int(),
		OutputTokens:      d.int(),
		ReasoningTokens:   d.int(),
		Estimated:         d.bool(),
		CostNanoUSD:       d.int(),
	}
	r.Price = d.price()
	r.Outcome = d.string()
	r.FirstToken = time.Duration(d.int())
	r.Duration = time.Duration(d.int())
	return r
}
