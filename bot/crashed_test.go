package bot_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// crashed writes what a process that was killed leaves behind: a turn for the
// message ts in the journal in the given state and, if posted says so, a half
// reply in Slack. It returns that reply's ts.
func (w *world) crashed(ts string, state storage.State, posted string, parts bool) (replyTS string) {
	w.t.Helper()
	return w.crashedIn(ts, ts, state, posted, parts)
}

// crashedIn does so in the thread of another message.
func (w *world) crashedIn(thread, ts string, state storage.State, posted string, parts bool) (replyTS string) {
	w.t.Helper()
	ctx := w.t.Context()
	store, err := boltstore.Open(w.path, boltstore.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	defer store.Close()
	key := storage.ConversationKey{TeamID: "T0SIM", ChannelID: general, ThreadTS: thread}
	turn := storage.Turn{ID: "turn-of-" + ts, Key: key, State: storage.StateReceived, UserID: ann, TS: ts,
		Text: "<@U0ANN>: hello", ReceivedAt: time.Now()}
	keys := []storage.DedupeKey{{Kind: "message", Value: general + ":" + ts}}
	if fresh, err := store.Accept(ctx, turn, keys); err != nil || !fresh {
		w.t.Fatal(fresh, err)
	}
	stored := []storage.Part{}
	switch posted {
	case "message":
		replyTS = w.api(methodPost, url.Values{"text": {"half an answ"}, "thread_ts": {thread},
			"metadata": {`{"event_type":"bobbin_reply","event_payload":{"reply":"` + turn.ID + `","part":0}}`}})
		stored = append(stored, storage.Part{TS: replyTS})
	case "stream":
		replyTS = w.api(methodStart, url.Values{"thread_ts": {thread}, "recipient_user_id": {ann}, "recipient_team_id": {"T0SIM"},
			"chunks": {`[{"type":"markdown_text","text":"half an answ"}]`}})
		stored = append(stored, storage.Part{TS: replyTS, Stream: true})
	}
	if !parts {
		stored = nil
	}
	lease, err := store.Acquire(ctx, key, "the process that was killed", time.Now(), time.Minute)
	if err != nil {
		w.t.Fatal(err)
	}
	from := storage.StateReceived
	for _, to := range []storage.State{storage.StatePosting, storage.StateStreaming} {
		if from == state || to == storage.StateStreaming && (state == storage.StateFinal && !parts) {
			break
		}
		c := storage.Change{TurnID: turn.ID, From: from, To: to, At: time.Now(), ReplyID: turn.ID}
		if to == storage.StateStreaming {
			c.Parts = stored
		}
		if _, err := store.Advance(ctx, lease, c); err != nil {
			w.t.Fatal(err)
		}
		from = to
	}
	if state == storage.StateFinal {
		_, err := store.Finish(ctx, lease, storage.Result{TurnID: turn.ID, From: from, At: time.Now(), Answer: "The whole answer."})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return replyTS
}

// api calls Slack as the bot, past the bot.
func (w *world) api(method string, args url.Values) (ts string) {
	w.t.Helper()
	args.Set("token", "xoxb-sim")
	args.Set("channel", general)
	transport := &http.Transport{DialContext: w.slackIn.DialContext, DisableKeepAlives: true}
	res, err := (&http.Client{Transport: transport}).PostForm("http://slack.test/api/"+method, args)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	var out struct {
		OK    bool
		Error string
		TS    string
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || !out.OK {
		w.t.Fatal(method, out.Error, err)
	}
	return out.TS
}
