package bot_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/llm/openai"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// bench is a workspace and a model in real time, on loopback sockets.
type bench struct {
	slack *slacksim.Workspace
	model *llmsim.Server
	site  site
}

// site is where a bot finds its servers, and the bolt file of its own.
type site struct{ Slack, Model, File string }

func newSims(b *testing.B, o slacksim.Options, answer func(llmsim.Request) llmsim.Script) *bench {
	b.Helper()
	s := &bench{slack: slacksim.New(o), model: llmsim.New(llmsim.Options{Answer: answer})}
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		return l
	}
	l := listen()
	server := &http.Server{Handler: s.slack}
	var wg sync.WaitGroup
	wg.Go(func() { server.Serve(l) })
	s.site = site{"http://" + l.Addr().String() + "/api/", s.model.Start(listen()), filepath.Join(b.TempDir(), "bobbin.db")}
	b.Cleanup(func() {
		s.slack.Close()
		server.Close()
		wg.Wait()
		s.model.Close()
	})
	return s
}

// serve runs a bot as the program does, with every policy around its provider and a
// file that is synced, until ctx ends.
func (s site) serve(ctx context.Context, log *slog.Logger) error {
	adapter, err := openai.New(openai.Options{BaseURL: s.Model, APIKey: "k", Model: llmsim.DefaultModel})
	if err != nil {
		return err
	}
	provider := llm.Breaker(llm.Retry(llm.Throttle(adapter, llm.ThrottleOptions{}), llm.RetryOptions{Max: 3}), llm.BreakerOptions{})
	store, err := boltstore.Open(s.File, boltstore.Options{})
	if err != nil {
		return err
	}
	bobbin, err := bot.New(bot.Options{Store: store, Logger: log, Provider: llm.Fallback([]llm.Provider{provider}, llm.FallbackOptions{}),
		Slack: bot.SlackOptions{BotToken: "xoxb-sim", AppToken: "xapp-sim", APIURL: s.Slack}})
	if err == nil {
		err = bobbin.Run(ctx)
	}
	return errors.Join(err, store.Close())
}

// newBench is a bot between them in the same process.
func newBench(b *testing.B, o slacksim.Options, answer func(llmsim.Request) llmsim.Script) *bench {
	b.Helper()
	s := newSims(b, o, answer)
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.site.serve(ctx, nil); err != nil {
			b.Error(err)
		}
	})
	b.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	s.wait(b, func() bool { return s.slack.Sockets() > 0 })
	return s
}

func (s *bench) wait(b *testing.B, ok func() bool) {
	b.Helper()
	s.waitFor(b, time.Minute, ok)
}

func (s *bench) waitFor(b *testing.B, patience time.Duration, ok func() bool) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.slack.Wait(ctx, ok); err != nil {
		b.Fatal("waited in vain: ", err)
	}
}

func (s *bench) ask(b *testing.B, user string, n int) (ts string) {
	b.Helper()
	ts, err := s.slack.Post(user, s.slack.DM(user), "", fmt.Sprintf("question %d", n))
	if err != nil {
		b.Fatal(err)
	}
	return ts
}

func quantile(d []time.Duration, q float64) time.Duration {
	slices.Sort(d)
	return d[min(int(q*float64(len(d))), len(d)-1)]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// From the person's message to the model's request on an idle machine, with
// everything between: socket, journal with fsync, history, prompt.
func BenchmarkSaidToAsked(b *testing.B) {
	s := newBench(b, slacksim.Options{NoLimits: true}, func(llmsim.Request) llmsim.Script { return llmsim.Script{Text: "Yes."} })
	var lags []time.Duration
	for n := 0; b.Loop(); n++ {
		time.Sleep(idleAfter)
		said := time.Now()
		ts := s.ask(b, ann, n)
		s.awaitWhole(b, []benchThread{{s.slack.DM(ann), ts}}, "Yes.")
		requests := s.model.Requests()
		lags = append(lags, requests[len(requests)-1].At.Sub(said))
	}
	b.ReportMetric(milliseconds(quantile(lags, 0.5)), "ms-p50(budget:5)")
	b.ReportMetric(milliseconds(quantile(lags, 0.99)), "ms-p99")
}

// 300 messages at once, each in its own person's direct message and acknowledged
// only after it is durable. With -benchtime 1x -count 5 nobody waits for Slack's
// minute.
func BenchmarkAck300(b *testing.B) {
	people := crowdPeople()
	s := newBench(b, slacksim.Options{NoLimits: true, People: people}, func(llmsim.Request) llmsim.Script { return llmsim.Script{Text: "Yes."} })
	var lags []time.Duration
	for n := 0; b.Loop(); n++ {
		before := len(s.slack.Deliveries())
		threads := make([]benchThread, len(people))
		for i, person := range people {
			threads[i] = benchThread{s.slack.DM(person.ID), s.ask(b, person.ID, n)}
		}
		isQuestion := func(d slacksim.Delivery) bool { return d.Event == "message" && !d.AckedAt.IsZero() }
		s.wait(b, func() bool {
			acked := 0
			for _, d := range s.slack.Deliveries()[before:] {
				if isQuestion(d) {
					acked++
				}
			}
			return acked >= len(people)
		})
		for _, d := range s.slack.Deliveries()[before:] {
			if isQuestion(d) {
				lags = append(lags, d.AckedAt.Sub(d.SentAt))
			}
		}
		b.StopTimer()
		s.awaitWhole(b, threads, "Yes.") // our own budgets for Slack need a minute after 300 replies
		time.Sleep(idleAfter)
		b.StartTimer()
	}
	b.ReportMetric(milliseconds(quantile(lags, 0.99)), "ms-p99(budget:50)")
}

// benchThread is where a question was asked.
type benchThread struct{ channel, ts string }

// awaitWhole waits until each thread has its whole answer, and counts them.
func (s *bench) awaitWhole(b *testing.B, threads []benchThread, answer string) (whole int) {
	b.Helper()
	isWhole := func(t benchThread) bool {
		messages := s.slack.Thread(t.channel, t.ts)
		return len(messages) == 2 && messages[1].Markdown == answer && isFinished(messages[1])
	}
	s.waitFor(b, crowdPatience, func() bool {
		for whole < len(threads) && isWhole(threads[whole]) {
			whole++
		}
		return whole == len(threads)
	})
	return whole
}

// idleAfter is enough for what an answer leaves to be stored.
const idleAfter = 100 * time.Millisecond
