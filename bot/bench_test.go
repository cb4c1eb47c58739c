package bot_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
	"github.com/bobbin-bot/bobbin/llm/openai"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// bench is a bot in real time: loopback sockets, a bolt file that is synced.
type bench struct {
	slack *slacksim.Workspace
	model *llmsim.Server
}

func newBench(b *testing.B, answer func(llmsim.Request) llmsim.Script) *bench {
	b.Helper()
	s := &bench{slack: slacksim.New(slacksim.Options{NoLimits: true}), model: llmsim.New(llmsim.Options{Answer: answer})}
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
	provider, err := openai.New(openai.Options{BaseURL: s.model.Start(listen()), APIKey: "k", Model: llmsim.DefaultModel})
	if err != nil {
		b.Fatal(err)
	}
	store, err := boltstore.Open(filepath.Join(b.TempDir(), "bobbin.db"), boltstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	bobbin, err := bot.New(bot.Options{Provider: provider, Store: store, Slack: bot.SlackOptions{
		BotToken: "xoxb-sim", AppToken: "xapp-sim", APIURL: "http://" + l.Addr().String() + "/api/"}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	wg.Go(func() {
		if err := bobbin.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	s.wait(b, func() bool { return s.slack.Sockets() > 0 })
	b.Cleanup(func() {
		cancel()
		s.slack.Close()
		server.Close()
		wg.Wait()
		s.model.Close()
		store.Close()
	})
	return s
}

func (s *bench) wait(b *testing.B, ok func() bool) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.slack.Wait(ctx, ok); err != nil {
		b.Fatal("waited in vain: ", err)
	}
}

func (s *bench) ask(b *testing.B, n int) (ts string) {
	b.Helper()
	ts, err := s.slack.Post(ann, s.slack.DM(ann), "", fmt.Sprintf("question %d", n))
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
	s := newBench(b, func(llmsim.Request) llmsim.Script { return llmsim.Script{Text: "Yes."} })
	var lags []time.Duration
	for n := 0; b.Loop(); n++ {
		said := time.Now()
		ts := s.ask(b, n)
		s.wait(b, func() bool { return len(s.slack.Thread(s.slack.DM(ann), ts)) == 2 })
		requests := s.model.Requests()
		lags = append(lags, requests[len(requests)-1].At.Sub(said))
	}
	b.ReportMetric(milliseconds(quantile(lags, 0.5)), "ms-p50(budget:5)")
	b.ReportMetric(milliseconds(quantile(lags, 0.99)), "ms-p99")
}

// 300 messages at once, each acknowledged only after it is durable.
func BenchmarkAck300(b *testing.B) {
	s := newBench(b, func(llmsim.Request) llmsim.Script { return llmsim.Script{Text: "Yes."} })
	var lags []time.Duration
	asked := 0
	for b.Loop() {
		before := len(s.slack.Deliveries())
		for range 300 {
			s.ask(b, asked)
			asked++
		}
		s.wait(b, func() bool {
			acked := 0
			for _, d := range s.slack.Deliveries()[before:] {
				if d.Event == "message" && !d.AckedAt.IsZero() {
					acked++
				}
			}
			return acked >= 300
		})
		for _, d := range s.slack.Deliveries()[before:] {
			if !d.AckedAt.IsZero() {
				lags = append(lags, d.AckedAt.Sub(d.SentAt))
			}
		}
		b.StopTimer()
		s.wait(b, func() bool { return len(s.model.Requests()) >= asked })
		b.StartTimer()
	}
	b.ReportMetric(milliseconds(quantile(lags, 0.99)), "ms-p99(budget:50)")
}
