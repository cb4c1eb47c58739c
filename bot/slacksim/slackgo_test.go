package slacksim_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

// slack-go is the independent reader of this package's JSON.
func (r *rig) client() *slack.Client {
	return slack.New("xoxb-sim", slack.OptionAppLevelToken("xapp-sim"), slack.OptionAPIURL(host+"/api/"),
		slack.OptionHTTPClient(r.http))
}

// run starts slack-go's Socket Mode client, which acknowledges events at once,
// and returns what arrives.
func (r *rig) run(handle func(*socketmode.Client, socketmode.Event)) *socketmode.Client {
	r.t.Helper()
	c := socketmode.New(r.client(), socketmode.OptionDialer(&websocket.Dialer{NetDialContext: r.dial, WriteBufferSize: 32 << 10}),
		socketmode.OptionLog(log.New(io.Discard, "", 0)))
	ctx, cancel := context.WithCancel(r.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = c.RunContext(ctx) })
	wg.Go(func() {
		for {
			select {
			case e := <-c.Events:
				handle(c, e)
			case <-ctx.Done():
				return
			}
		}
	})
	r.t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return c
}

func TestSlackGoReadsTheWebAPI(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	api, ctx := r.client(), t.Context()
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	who, err := api.AuthTestContext(ctx)
	check("auth.test", err)
	if who.UserID != botUser || who.BotID != slacksim.BotID {
		t.Errorf("auth.test: %+v", who)
	}
	root := r.post(ann, general, "", "q")
	_, ts, err := api.StartStreamContext(ctx, general, slack.MsgOptionTS(root), slack.MsgOptionRecipientUserID(ann),
		slack.MsgOptionRecipientTeamID("T0SIM"), slack.MsgOptionTaskDisplayMode(slack.TaskDisplayModeTimeline))
	check("chat.startStream", err)
	task := slack.NewTaskUpdateChunk("1", "Look")
	task.Details = "around"
	_, _, err = api.AppendStreamContext(ctx, general, ts, slack.MsgOptionChunks(task, slack.NewPlanUpdateChunk("Plan"), slack.NewMarkdownTextChunk("**hi**")))
	check("chat.appendStream", err)
	plain := func(s string) *slack.TextBlockObject { return slack.NewTextBlockObject("plain_text", s, false, false) }
	_, _, err = api.StopStreamContext(ctx, general, ts, slack.MsgOptionBlocks(slack.NewContextActionsBlock("fb",
		slack.NewFeedbackButtonsBlockElement("rate", slack.NewFeedbackButton(plain("Good"), "up"), slack.NewFeedbackButton(plain("Bad"), "down")))))
	check("chat.stopStream", err)
	if m, _ := r.Message(general, ts); m.Markdown != "**hi**" || len(m.Blocks) != 4 {
		t.Errorf("streamed message is %+v", m)
	}

	_, posted, resp, err := api.PostMessageWithResponseContext(ctx, general, slack.MsgOptionText("a <b> & c", true), slack.MsgOptionTS(root),
		slack.MsgOptionBlocks(slack.NewMarkdownBlock("", "**md**")), slack.MsgOptionDisableLinkUnfurl(),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "t", EventPayload: map[string]any{"n": 1.0}}))
	check("chat.postMessage", err)
	if resp.ThreadTimestamp != root || resp.BotID != slacksim.BotID {
		t.Errorf("posted %+v", resp)
	}
	_, _, text, err := api.UpdateMessageContext(ctx, general, posted, slack.MsgOptionText("new", false))
	check("chat.update", err)
	if text != "new" {
		t.Errorf("chat.update answered text %q", text)
	}
	msgs, more, next, err := api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
		ChannelID: general, Timestamp: root, Limit: 2, IncludeAllMetadata: true})
	check("conversations.replies", err)
	if len(msgs) != 2 || !more || next == "" || msgs[0].ReplyCount != 2 || len(msgs[1].Blocks.BlockSet) != 4 {
		t.Errorf("replies: %d, %v, %q, %+v", len(msgs), more, next, msgs)
	}
	msgs, more, _, err = api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
		ChannelID: general, Timestamp: root, Limit: 2, Cursor: next, IncludeAllMetadata: true})
	check("conversations.replies", err)
	if len(msgs) != 2 || more || msgs[1].Text != "new" || msgs[1].Metadata.EventType != "t" {
		t.Errorf("second page: %v %+v", more, msgs)
	}
	user, err := api.GetUserInfoContext(ctx, ann)
	check("users.info", err)
	if user.RealName != "Ann Lee" || user.IsBot {
		t.Errorf("users.info: %+v", user)
	}
	info, err := api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: "G0OPS", IncludeNumMembers: true})
	check("conversations.info", err)
	if !info.IsPrivate || info.Name != "ops" || info.NumMembers != 5 {
		t.Errorf("conversations.info: %+v", info)
	}
	dm, _, _, err := api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{ann}})
	check("conversations.open", err)
	if dm.ID != r.DM(ann) {
		t.Errorf("conversations.open: %+v", dm)
	}
	check("setStatus", api.SetAssistantThreadsStatusContext(ctx, slack.AssistantThreadsSetStatusParameters{
		ChannelID: general, ThreadTS: root, Status: "is thinking…", LoadingMessages: []string{"one", "two"}}))
	check("reactions.add", api.AddReactionContext(ctx, "eyes", slack.NewRefToMessage(general, root)))
	_, err = api.PublishViewContext(ctx, slack.PublishViewContextRequest{UserID: ann, View: slack.HomeTabViewRequest{
		Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewDividerBlock()}}}})
	check("views.publish", err)
	if r.Home(ann) == nil {
		t.Error("no home view was kept")
	}

	r.Fault(slacksim.Fault{Method: "auth.test", Status: 429, RetryAfter: 7 * time.Second})
	_, err = api.AuthTestContext(ctx)
	if limited, ok := errors.AsType[*slack.RateLimitedError](err); !ok || limited.RetryAfter != 7*time.Second {
		t.Errorf("429 reads as %v", err)
	}
	_, _, err = api.PostMessageContext(ctx, "C9", slack.MsgOptionText("x", false))
	if refused, ok := errors.AsType[slack.SlackErrorResponse](err); !ok || refused.Err != "channel_not_found" {
		t.Errorf("a refusal reads as %v", err)
	}
}

// All events of this package are read by slack-go without a complaint, and it
// comes back by itself after each kind of disconnect.
func TestSlackGoSocketMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{AgentView: true})
		var mu sync.Mutex
		inner, kinds := map[string]int{}, map[socketmode.EventType]int{}
		hello := make(chan struct{}, 100)
		r.run(func(c *socketmode.Client, e socketmode.Event) {
			mu.Lock()
			defer mu.Unlock()
			kinds[e.Type]++
			if e.Type == socketmode.EventTypeHello {
				hello <- struct{}{}
			}
			if e.Type != socketmode.EventTypeEventsAPI {
				return
			}
			api := e.Data.(slackevents.EventsAPIEvent)
			if api.Data.(*slackevents.EventsAPICallbackEvent).EventID == "" || api.TeamID != "T0SIM" {
				t.Errorf("event %+v has no id or team", api)
			}
			name := api.InnerEvent.Type
			if m, ok := api.InnerEvent.Data.(*slackevents.MessageEvent); ok && m.SubType != "" {
				name = m.SubType
			}
			inner[name]++
			_ = c.AckCtx(t.Context(), e.Request.EnvelopeID, nil)
		})
		<-hello
		ts := r.post(ann, general, "", "@bobbin hi")
		_, _ = r.PostFile(ann, general, ts, "look", "a.png")
		_ = r.Edit(ann, general, ts, "@bobbin hello")
		_ = r.React(ann, general, ts, "+1::skin-tone-2")
		_ = r.Unreact(ann, general, ts, "+1::skin-tone-2")
		_, stream := r.begin("chunks", `[{"type":"task_update","id":"1","title":"Look","output":"x"},{"type":"markdown_text","text":"hi"}]`)
		_ = r.StopStreaming(ann, general, stream)
		r.ok("chat.stopStream", "channel", general, "ts", stream, "blocks", buttons)
		r.post(ann, r.DM(ann), "", "hi")
		_ = r.Delete(ann, general, ts)
		_ = r.OpenHome(ann)
		time.Sleep(time.Hour) // pings keep it alive
		mu.Lock()
		for name, n := range map[string]int{
			"app_mention": 1, "message": 4, "file_share": 1, "message_changed": 2, "message_deleted": 1,
			"reaction_added": 1, "reaction_removed": 1, "agent_session_stopped": 1, "app_home_opened": 1,
		} {
			if inner[name] != n {
				t.Errorf("slack-go read %d %s, want %d: %v", inner[name], name, n, inner)
			}
		}
		if kinds[socketmode.EventTypeErrorBadMessage] != 0 || kinds[socketmode.EventTypeHello] != 1 {
			t.Errorf("event types %v, want one hello and nothing unreadable", kinds)
		}
		mu.Unlock()
		for _, d := range r.Deliveries() {
			if d.AckedAt.IsZero() || d.Attempt != 0 {
				t.Errorf("delivery %+v, want it acknowledged at the first attempt", d)
			}
		}
		for _, reason := range []string{"warning", "refresh_requested", ""} {
			r.Disconnect(reason)
			<-hello
		}
		time.Sleep(time.Minute)
		if r.Sockets() != 1 {
			t.Errorf("%d sockets, want the newest only", r.Sockets())
		}
	})
}

func TestSlackGoCommandsAndClicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{})
		clicks := make(chan slack.InteractionCallback, 10)
		r.run(func(c *socketmode.Client, e socketmode.Event) {
			switch d := e.Data.(type) {
			case slack.SlashCommand:
				_ = c.AckCtx(t.Context(), e.Request.EnvelopeID, map[string]any{"text": d.Command + " " + d.Text})
			case slack.InteractionCallback:
				clicks <- d
				_ = c.AckCtx(t.Context(), e.Request.EnvelopeID, nil)
			case slackevents.EventsAPIEvent:
				_ = c.AckCtx(t.Context(), e.Request.EnvelopeID, nil)
			}
		})
		r.until("a connection", func() bool { return r.Sockets() == 1 })
		if m, err := r.Command(t.Context(), ann, general, "usage"); err != nil || m.Text != "/bobbin usage" {
			t.Errorf("command answered %+v, %v", m, err)
		}
		ts := str(r.ok("chat.postMessage", "channel", general, "blocks", buttons), "ts")
		for action, value := range map[string]string{"rate": "down", "go": "2"} {
			if err := r.Click(ann, general, ts, action, value); err != nil {
				t.Fatal(err)
			}
			got := <-clicks
			act := got.ActionCallback.BlockActions
			if got.Type != slack.InteractionTypeBlockActions || got.User.ID != ann || got.Channel.ID != general ||
				got.Container.MessageTs != ts || len(act) != 1 || act[0].ActionID != action || act[0].Value != value {
				t.Errorf("slack-go read the click as %+v", got)
			}
			_, _, err := r.client().PostMessageContext(t.Context(), general, slack.MsgOptionResponseURL(got.ResponseURL, slack.ResponseTypeEphemeral),
				slack.MsgOptionText("thanks", false))
			if err != nil {
				t.Errorf("response_url: %v", err)
			}
		}
		if got := r.Ephemerals(ann, general); len(got) != 3 {
			t.Errorf("ann sees %+v, want the command's answer and two thanks", got)
		}
	})
}

// The same over a real network.
func TestSlackGoOverLoopback(t *testing.T) {
	w := slacksim.New(slacksim.Options{})
	srv := newLoopback(t, w)
	api := slack.New("xoxb-sim", slack.OptionAppLevelToken("xapp-sim"), slack.OptionAPIURL(srv+"/api/"),
		slack.OptionHTTPClient(&http.Client{Timeout: 10 * time.Second}))
	c := socketmode.New(api, socketmode.OptionLog(log.New(io.Discard, "", 0)))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = c.RunContext(ctx) })
	wg.Go(func() {
		for {
			select {
			case e := <-c.Events:
				if e.Type == socketmode.EventTypeEventsAPI {
					_ = c.AckCtx(ctx, e.Request.EnvelopeID, nil)
				}
			case <-ctx.Done():
				return
			}
		}
	})
	if err := w.Wait(ctx, func() bool { return w.Sockets() == 1 }); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Post(ann, general, "", "@bobbin hi"); err != nil {
		t.Fatal(err)
	}
	err := w.Wait(ctx, func() bool {
		d := w.Deliveries()
		return len(d) == 2 && !d[0].AckedAt.IsZero() && !d[1].AckedAt.IsZero()
	})
	if err != nil {
		t.Errorf("waiting for both acknowledgements: %v: %+v", err, w.Deliveries())
	}
}
