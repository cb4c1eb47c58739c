package bot_test

import (
	"context"
	"log"
	"log/slog"
	"os"
	"os/signal"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/openai"
	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// A program of one's own with a gateway, the old relay behind it, and a look at
// each request before it is sent.
func Example() {
	provider := func(name, baseURL, key string) llm.Provider {
		p, err := openai.New(openai.Options{Name: name, BaseURL: baseURL, APIKey: key, Model: "step-2-chat"})
		if err != nil {
			log.Fatal(err)
		}
		return llm.Breaker(
			llm.Retry(
				llm.Throttle(p, llm.ThrottleOptions{RequestsPerMinute: 60, Concurrency: 5}),
				llm.RetryOptions{Max: 3}),
			llm.BreakerOptions{Failures: 5})
	}
	store, err := boltstore.Open("bobbin.db", boltstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	b, err := bot.New(bot.Options{
		Slack: bot.SlackOptions{BotToken: os.Getenv("SLACK_BOT_TOKEN"), AppToken: os.Getenv("SLACK_APP_TOKEN")},
		Provider: llm.Fallback([]llm.Provider{
			provider("holysheep", "https://api.holysheep.ai/v1", os.Getenv("HOLYSHEEP_API_KEY")),
			provider("relay", "https://relay.example.com/v1", os.Getenv("RELAY_API_KEY")),
		}, llm.FallbackOptions{}),
		Store:  store,
		Logger: slog.Default(),
		Prepare: func(ctx context.Context, req *llm.Request, turn storage.Turn) error {
			req.System += "\nThe shop's opening hours are 9 to 5."
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.Run(ctx); err != nil { // blocks until everything has stopped
		log.Fatal(err)
	}
}
