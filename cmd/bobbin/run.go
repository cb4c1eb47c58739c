package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/bobbin-bot/bobbin/bot"
	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

func runCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Serve your Slack workspace",
		Long: `Serve your Slack workspace until a signal says stop.

The configuration is bobbin.yaml in this folder, or --config FILE. With no file
these variables are enough: SLACK_BOT_TOKEN, SLACK_APP_TOKEN, OPENAI_API_KEY, and
for a server other than OpenAI's OPENAI_BASE_URL and OPENAI_MODEL.

The first SIGINT or SIGTERM lets answers under way finish, for up to 25 s; a
second one ends the process at once. Both are safe: unfinished answers are
finished in the same Slack message at the next start.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(env.configPath, env.getenv)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), &c, newLogger(c.Log, env.stderr))
		},
	}
}

// serve runs the bot of a checked configuration.
func serve(ctx context.Context, c *config, log *slog.Logger) (err error) {
	path, err := c.Storage.boltPath()
	if err != nil {
		return usageError{err}
	}
	store, err := openStore(path, c.Storage, takeOverLog(log))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore(store)) }()
	metrics := newMetrics(buildInfo(), c.LLM.Providers)
	m, err := wireModel(c.LLM.Providers, wiring{recorder: recorders{&recorder{log, store}, metrics}})
	if err != nil {
		return usageError{err}
	}
	o := c.botOptions()
	o.Provider, o.Store, o.Logger, o.Providers, o.Estimator = metrics.counted(m.provider), store, log, m.states, m.estimator
	o.Observe = metrics.observeTurn
	b, err := bot.New(o)
	if err != nil {
		return usageError{err}
	}
	log.Info("starting", "version", buildInfo().version, "store", path, "providers", c.providerNames())
	metrics.watch(metricsSources{health: b.Health, pacer: b.Pacer, breakers: m.states, loads: m.loads, store: store.Stats})
	view := &overview{store: store, bot: b, model: m, providers: c.LLM.Providers, budget: o.Budget, started: time.Now()}
	stopHTTP, err := serveHTTP(httpOptions{
		Listen: c.HTTP.Listen, Token: c.HTTP.Token, Source: newSharedDashboard(view.read).get, Metrics: metrics.handler(), Log: log,
		Ready: func(context.Context) []string { return notReady(b.Health(), m.states(), store) },
	})
	if err != nil {
		return usageError{err}
	}
	defer stopHTTP()
	defer serveControl(path, storeRoutes(store, log), log)()
	probing, stopProbing := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { m.probe(probing) })
	wg.Go(func() { newBackups(c.Storage.Backup, path, store, log).run(probing) })
	defer wg.Wait()
	defer stopProbing()
	if err := b.Run(ctx); err != nil {
		return explain(err)
	}
	log.Info("stopped")
	return nil
}

func closeStore(s *boltstore.Store) error {
	if err := s.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// takeOverLog tells that the start waits for the file of an older version to be
// taken over, and every few seconds how far that is.
func takeOverLog(log *slog.Logger) func(done, total int64) {
	const every = 5 * time.Second
	var last time.Time
	return func(done, total int64) {
		if now := time.Now(); total > 0 && (now.Sub(last) >= every || done == total) {
			last = now
			log.Info("taking over the store of an older version", "done", done, "records", total)
		}
	}
}

// openStore opens the bolt file and says what to do if it cannot.
func openStore(path string, c storageConfig, progress func(done, total int64)) (*boltstore.Store, error) {
	maxSize, err := parseSize(c.MaxSize)
	if err != nil {
		return nil, usageError{err}
	}
	store, err := boltstore.Open(path, boltstore.Options{MaxSize: maxSize, Progress: progress})
	if err != nil {
		return nil, explainOpen(path, err)
	}
	return store, nil
}

// explainOpen adds to an error of opening a store what to do about it.
func explainOpen(path string, err error) error {
	shown, absErr := filepath.Abs(path)
	if absErr != nil {
		shown = path
	}
	hint := ""
	switch {
	case errors.Is(err, storage.ErrInUse):
		hint = "stop the other bobbin, or give this one its own storage.url"
	case errors.Is(err, storage.ErrCorrupt):
		hint = "nothing was changed in it. What is wrong: bobbin db check. A backup in its place: bobbin restore FILE. What is intact of it: bobbin db salvage"
	case errors.Is(err, storage.ErrFull):
		hint = "free some space on the disk"
	case errors.Is(err, storage.ErrSchema):
		hint = "run the version of bobbin that wrote it, or a newer one"
	case errors.Is(err, os.ErrPermission):
		hint = "give the user that runs bobbin the right to read and write the file and its folder"
	case errors.Is(err, os.ErrNotExist):
		hint = "create the folder, or change storage.url"
	}
	if hint != "" {
		hint = "; " + hint
	}
	return fmt.Errorf("open store %s: %w%s", shown, err, hint)
}

// explain adds to an error of the bot what the operator can do.
func explain(err error) error {
	switch {
	case errors.Is(err, bot.ErrSlackAuth):
		return fmt.Errorf("%w; check slack.bot_token, and that the app is still installed in the workspace", err)
	case errors.Is(err, bot.ErrSlackAppAuth):
		return fmt.Errorf("%w; check slack.app_token (scope connections:write) and that Socket Mode is on", err)
	case errors.Is(err, bot.ErrSlackUnreachable):
		return fmt.Errorf("%w; check the network, a proxy (HTTPS_PROXY) and slack.api_url", err)
	}
	return err
}
