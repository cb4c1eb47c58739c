package bot_test

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/llm/llmsim/memnet"
	"github.com/bobbin-bot/bobbin/llm/openai"
	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

const (
	ann, ben         = "U0ANN", "U0BEN"
	general, random  = "C0GENERAL", "C0RANDOM"
	botUser          = "U0BOBBIN"
	methodUpdate     = "chat.update"
	methodPost       = "chat.postMessage"
	methodStart      = "chat.startStream"
	methodAppend     = "chat.appendStream"
	methodStop       = "chat.stopStream"
	methodSetStatus  = "assistant.threads.setStatus"
	methodReplies    = "conversations.replies"
	methodEphemerals = "chat.postEphemeral"
)

// world is a workspace, two model servers, a bolt file and the real bot between
// them, in a bubble of fake time.
type world struct {
	t            *testing.T
	slack        *slacksim.Workspace
	model        *llmsim.Server // asked first
	relay        *llmsim.Server // the fallback
	store        storage.Store
	path         string
	options      bot.Options
	slackIn      *memnet.Listener
	logs         *logRecorder
	bot          *bot.Bot
	storeOptions boltstore.Options
	// wrapStore and gate, if set, stand between the bot and its store and
	// between the bot and Slack.
	wrapStore func(storage.Store) storage.Store
	gate      func(*http.Request) bool // false cuts the connection

	stop    context.CancelFunc
	stopped chan error
}

// inWorld runs story in a bubble. change may alter the bot's options, the
// workspace's and the models' before they start.
func inWorld(t *testing.T, change func(*world, *slacksim.Options, *llmsim.Options), story func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, path: filepath.Join(t.TempDir(), "bobbin.db"), logs: &logRecorder{}}
		slackOptions, modelOptions := slacksim.Options{}, llmsim.Options{Answer: llmsim.PacedAnswer}
		if change != nil {
			change(w, &slackOptions, &modelOptions)
		}
		w.slack = slacksim.New(slackOptions)
		w.slackIn = memnet.Listen()
		server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if w.gate != nil && !w.gate(r) {
				panic(http.ErrAbortHandler)
			}
			w.slack.ServeHTTP(rw, r)
		})}
		var serving sync.WaitGroup
		serving.Go(func() { server.Serve(w.slackIn) })
		w.model, w.relay = llmsim.New(modelOptions), llmsim.New(llmsim.Options{Answer: llmsim.PacedAnswer})
		first := w.provider("gateway", w.model)
		second := w.provider("relay", w.relay)
		if w.options.Provider == nil {
			w.options.Provider = llm.Fallback([]llm.Provider{first, second}, llm.FallbackOptions{})
		}
		w.options.Slack.BotToken, w.options.Slack.AppToken = "xoxb-sim", "xapp-sim"
		w.options.Slack.APIURL = "http://slack.test/api/"
		w.options.Slack.DialContext = w.slackIn.DialContext
		w.options.Logger = slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
		w.start()
		story(w)
		w.halt()
		w.model.Close()
		w.relay.Close()
		w.slack.Close()
		server.Close()
		serving.Wait()
	})
}

func (w *world) provider(name string, s *llmsim.Server) llm.Provider {
	l := memnet.Listen()
	s.Start(l)
	transport := &http.Transport{DialContext: l.DialContext}
	w.t.Cleanup(transport.CloseIdleConnections)
	p, err := openai.New(openai.Options{
		Name: name, BaseURL: "http://" + name + ".test/v1", APIKey: "sk-test", Model: llmsim.DefaultModel, Transport: transport,
		Price: func(string) (llm.Price, bool) { return llm.Price{Input: 420_000_000, Output: 420_000_000}, true },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return llm.Breaker(llm.Retry(p, llm.RetryOptions{Max: 1}), llm.BreakerOptions{})
}

// start opens the store and runs the bot until halt.
func (w *world) start() {
	w.t.Helper()
	w.launch()
	w.wait("a socket", func() bool { return w.slack.Sockets() > 0 })
}

// launch is start for a bot that may not live to see a socket.
func (w *world) launch() {
	w.t.Helper()
	store, err := boltstore.Open(w.path, w.storeOptions)
	if err != nil {
		w.t.Fatal(err)
	}
	w.store = store
	w.options.Store = store
	if w.wrapStore != nil {
		w.options.Store = w.wrapStore(store)
	}
	b, err := bot.New(w.options)
	if err != nil {
		w.t.Fatal(err)
	}
	w.bot = b
	ctx, cancel := context.WithCancel(w.t.Context())
	w.stop, w.stopped = cancel, make(chan error, 1)
	go func() { w.stopped <- b.Run(ctx) }()
}

// halt stops the bot as a signal does, and closes the store.
func (w *world) halt() {
	w.t.Helper()
	w.stop()
	if err := <-w.stopped; err != nil {
		w.t.Errorf("Run returned %v; a bot that is told to stop returns nil", err)
	}
	if err := w.store.(*boltstore.Store).Close(); err != nil {
		w.t.Error(err)
	}
	// A socket that Slack has not yet seen close would be given the next event.
	w.wait("no socket", func() bool { return w.slack.Sockets() == 0 })
}

// wait blocks until the workspace shows what is wanted, for up to ten minutes
// of fake time.
func (w *world) wait(what string, ok func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Minute)
	defer cancel()
	if err := w.slack.Wait(ctx, ok); err != nil {
		w.t.Fatalf("waited in vain for %s\nlog:\n%s", what, w.logs)
	}
}

func (w *world) post(user, channel, thread, text string) string {
	w.t.Helper()
	ts, err := w.slack.Post(user, channel, thread, text)
	if err != nil {
		w.t.Fatal(err)
	}
	return ts
}

// replies are the bot's messages in a thread.
func (w *world) replies(channel, thread string) []slacksim.Message {
	var out []slacksim.Message
	for _, m := range w.slack.Thread(channel, thread) {
		if m.User == botUser && !m.Deleted {
			out = append(out, m)
		}
	}
	return out
}

// answered waits until the thread has n finished replies and returns the last.
// A reply is finished when its buttons stand under it.
func (w *world) answered(channel, thread string, n int) slacksim.Message {
	w.t.Helper()
	w.wait("an answer", func() bool {
		finished := 0
		for _, m := range w.replies(channel, thread) {
			if isFinished(m) {
				finished++
			}
		}
		return finished >= n
	})
	all := w.replies(channel, thread)
	return all[len(all)-1]
}

// answerOf puts together what the messages of an answer of plain words show.
func answerOf(replies []slacksim.Message) string {
	var shown strings.Builder
	for _, m := range replies {
		shown.WriteString(strings.TrimSpace(m.Markdown) + " ")
	}
	text := continuation.ReplaceAllString(shown.String(), "")
	return strings.Join(strings.Fields(text), " ")
}

// continuation is what stands between the messages of a long answer.
var continuation = regexp.MustCompile(`_continued in the next message …_|_… continued, part \d+_`)

func isFinished(m slacksim.Message) bool {
	for _, b := range m.Blocks {
		if strings.Contains(string(b), "context_actions") {
			return m.StreamingState != "in_progress"
		}
	}
	return false
}

// calls returns the Web API calls of a method.
func (w *world) calls(method string) []slacksim.Call {
	var out []slacksim.Call
	for _, c := range w.slack.Calls() {
		if c.Method == method {
			out = append(out, c)
		}
	}
	return out
}

// settle lets everything that is under way come to rest.
func (w *world) settle() {
	time.Sleep(10 * time.Minute)
	synctest.Wait()
}

// noOpenTurns fails the test if the journal holds unfinished turns once
// everything has come to rest.
func (w *world) noOpenTurns() {
	w.t.Helper()
	synctest.Wait()
	keys, err := w.store.OpenConversations(w.t.Context())
	if err != nil || len(keys) > 0 {
		w.t.Errorf("open conversations after everything was answered: %v, %v", keys, err)
	}
}

func script(text string) func(llmsim.Request) llmsim.Script {
	return func(llmsim.Request) llmsim.Script {
		return llmsim.Script{Text: text, FirstToken: 300 * time.Millisecond, Gap: 50 * time.Millisecond}
	}
}

// logRecorder keeps the log for failures and for tests of what is logged.
type logRecorder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logRecorder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logRecorder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
