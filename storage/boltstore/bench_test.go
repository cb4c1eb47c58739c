package boltstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

var benchStart = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// slackTurn is the n-th question of a busy workspace: new threads in 50
// channels, with the three names under which Slack may deliver a message.
func slackTurn(n int64) (storage.Turn, []storage.DedupeKey) {
	channel := fmt.Sprintf("C%04d", n%50)
	ts := fmt.Sprintf("%d.%06d", 1_700_000_000+n/1000, n%1000)
	t := storage.Turn{
		ID:         fmt.Sprintf("0192f%011x", n),
		Key:        storage.ConversationKey{TeamID: "T0001", ChannelID: channel, ThreadTS: ts},
		UserID:     fmt.Sprintf("U%04d", n%200),
		TS:         ts,
		Text:       "How do I rotate the signing key of the staging cluster without stopping the deploys?",
		ReceivedAt: benchStart.Add(time.Duration(n) * time.Millisecond),
	}
	keys := []storage.DedupeKey{
		{Kind: "event", Value: fmt.Sprintf("Ev%09X", n)},
		{Kind: "message", Value: channel + ":" + ts},
		{Kind: "client", Value: fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(n*2654435761), n)},
	}
	return t, keys
}

func BenchmarkAccept(b *testing.B) {
	benchCallers(b, "turns/s", func(s *Store, i int64) error {
		t, keys := slackTurn(i)
		fresh, err := s.Accept(b.Context(), t, keys)
		if err == nil && !fresh {
			err = errors.New("it is not fresh")
		}
		return err
	}, func(b *testing.B, callers int) {
		if callers == 64 {
			b.ReportMetric(15_000, "budget-turns/s")
		}
	})
}

// benchCallers has one caller write, and then 64 at once. report may add figures.
func benchCallers(b *testing.B, unit string, write func(s *Store, i int64) error, report func(b *testing.B, callers int)) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			s := openBench(b)
			b.ReportAllocs()
			var n atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
						if err := write(s, i); err != nil {
							b.Errorf("write %d: %v", i, err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), unit)
			report(b, callers)
		})
	}
}

func openBench(b *testing.B) *Store {
	s, err := Open(filepath.Join(b.TempDir(), "bobbin.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// BenchmarkTurn is the whole life of a turn from Slack's message to Slack's
// last confirmation: five durable writes, each by itself.
func BenchmarkTurn(b *testing.B) {
	s := openBench(b)
	ctx := context.Background()
	b.ReportAllocs()
	var n int64
	for b.Loop() {
		n++
		t, keys := slackTurn(n)
		check := func(err error) {
			if err != nil {
				b.Fatal(err)
			}
		}
		_, err := s.Accept(ctx, t, keys)
		check(err)
		l, err := s.Acquire(ctx, t.Key, "w", t.ReceivedAt, time.Minute)
		check(err)
		_, err = s.Advance(ctx, l, storage.Change{TurnID: t.ID, From: storage.StateReceived, To: storage.StatePosting, ReplyID: "0123456789abcdef", Attempt: 1, At: t.ReceivedAt})
		check(err)
		_, err = s.Advance(ctx, l, storage.Change{TurnID: t.ID, From: storage.StatePosting, To: storage.StateStreaming, Parts: []storage.Part{{TS: t.TS, Stream: true}}, At: t.ReceivedAt})
		check(err)
		answer := "Add the new key beside the old one, wait until every deploy has picked it up, then remove the old one."
		_, err = s.Finish(ctx, l, storage.Result{
			TurnID: t.ID, From: storage.StateStreaming, Answer: answer, At: t.ReceivedAt,
			Messages: []storage.Message{
				{TurnID: t.ID, Role: storage.RoleUser, UserID: t.UserID, TS: t.TS, Text: t.Text},
				{TurnID: t.ID, Role: storage.RoleAssistant, TS: t.TS, Text: answer},
			},
			Usage: []storage.UsageRow{{TurnID: t.ID, UserID: t.UserID, ChannelID: t.Key.ChannelID, Provider: "p", Model: "m", At: t.ReceivedAt, InputTokens: 900, OutputTokens: 40, Outcome: storage.OutcomeOK}},
		})
		check(err)
		_, err = s.Advance(ctx, l, storage.Change{TurnID: t.ID, From: storage.StateFinal, To: storage.StateDone, At: t.ReceivedAt})
		check(err)
		check(s.Release(ctx, l))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "turns/s")
	b.ReportMetric(5*float64(b.N)/b.Elapsed().Seconds(), "writes/s")
}

// BenchmarkFinish stores an answer: the first to a question in a new thread, and
// another one to the oldest question of a thread of 100.
func BenchmarkFinish(b *testing.B) {
	ctx := context.Background()
	begin := func(b *testing.B, s *Store, t storage.Turn) storage.Lease {
		if _, err := s.Accept(ctx, t, nil); err != nil {
			b.Fatal(err)
		}
		l, err := s.Acquire(ctx, t.Key, "w", t.ReceivedAt, time.Hour)
		if err != nil {
			b.Fatal(err)
		}
		return l
	}
	finish := func(b *testing.B, s *Store, l storage.Lease, t storage.Turn) {
		_, err := s.Finish(ctx, l, storage.Result{
			TurnID: t.ID, From: storage.StateReceived, Answer: t.Text, At: t.ReceivedAt,
			Messages: []storage.Message{
				{TurnID: t.ID, Role: storage.RoleUser, UserID: t.UserID, TS: t.TS, Text: t.Text},
				{TurnID: t.ID, Role: storage.RoleAssistant, Text: t.Text},
			},
			Usage: []storage.UsageRow{{TurnID: t.ID, UserID: t.UserID, ChannelID: t.Key.ChannelID, Provider: "p", Model: "m", At: t.ReceivedAt, InputTokens: 900, OutputTokens: 40, Outcome: storage.OutcomeOK}},
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Run("first", func(b *testing.B) {
		s := openBench(b)
		b.ReportAllocs()
		for i := range b.N {
			b.StopTimer()
			t, _ := slackTurn(int64(i))
			l := begin(b, s, t)
			b.StartTimer()
			finish(b, s, l, t)
		}
	})
	b.Run("again", func(b *testing.B) {
		s := openBench(b)
		oldest, _ := slackTurn(0)
		var l storage.Lease
		for i := range 100 {
			t, _ := slackTurn(int64(i))
			t.Key = oldest.Key
			l = begin(b, s, t)
			finish(b, s, l, t)
		}
		end := storage.Change{TurnID: oldest.ID, From: storage.StateFinal, To: storage.StateDone}
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			b.StopTimer()
			if _, err := s.Advance(ctx, l, end); err != nil {
				b.Fatal(err)
			}
			if _, _, err := s.Reopen(ctx, storage.Reopening{TurnID: oldest.ID}); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			finish(b, s, l, oldest)
		}
	})
}

// BenchmarkRecordUsage stores a call's row with what it adds to totals and cubes,
// beside BenchmarkAccept.
func BenchmarkRecordUsage(b *testing.B) {
	benchCallers(b, "rows/s", func(s *Store, i int64) error {
		t, _ := slackTurn(i)
		return s.RecordUsage(b.Context(), []storage.UsageRow{{
			TurnID: t.ID, UserID: t.UserID, ChannelID: t.Key.ChannelID, Provider: "p", Model: "m", At: t.ReceivedAt,
			InputTokens: 900, OutputTokens: 40, Outcome: storage.OutcomeOK,
			FirstToken: time.Duration(1+i%7) * time.Second, Duration: time.Duration(5+i%11) * time.Second,
		}})
	}, func(*testing.B, int) {})
}

// BenchmarkHistory reads a thread of 100 messages, as each prompt does.
func BenchmarkHistory(b *testing.B) {
	s := openBench(b)
	ctx := context.Background()
	t, _ := slackTurn(1)
	if _, err := s.Accept(ctx, t, nil); err != nil {
		b.Fatal(err)
	}
	l, err := s.Acquire(ctx, t.Key, "w", t.ReceivedAt, time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	messages := make([]storage.Message, 100)
	for i := range messages {
		messages[i] = storage.Message{TurnID: t.ID, Role: storage.RoleUser, UserID: t.UserID, TS: t.TS, Text: t.Text}
	}
	if _, err := s.Finish(ctx, l, storage.Result{TurnID: t.ID, From: storage.StateReceived, Messages: messages}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if h, err := s.History(ctx, t.Key, 0); len(h.Messages) != 100 || err != nil {
			b.Fatal(len(h.Messages), err)
		}
	}
}
