package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// demoOptions are the flags of `bobbin demo`.
type demoOptions struct {
	listen    string
	provider  string
	model     string
	apiKeyEnv string
	dashboard string
	month     bool
	verbose   bool
}

func demoCommand(env *environment) *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Try everything on this machine, without Slack and without keys",
		Long: `Try everything on this machine: a small Slack in your browser, the bot, and a
simulated model. Nothing leaves the machine and nothing is kept.

Talk to a real model instead, any OpenAI-compatible server:

    bobbin demo --provider https://api.example.com/v1 --model NAME

The key is read from the variable OPENAI_API_KEY, or the one --api-key-env names.

With --month there is a month of made-up traffic in the books, for the figures in
/bobbin usage, the App Home and the dashboard.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo(cmd.Context(), env, o)
		},
	}
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:8420", "where the page is served; port 0 takes a free one")
	cmd.Flags().StringVar(&o.dashboard, "dashboard", "127.0.0.1:8421", "where the operator's dashboard is served; port 0 takes a free one, empty none")
	cmd.Flags().BoolVar(&o.month, "month", false, "begin with a month of made-up traffic in the books")
	cmd.Flags().StringVar(&o.provider, "provider", "", "base URL of a real OpenAI-compatible server to ask instead of the simulated model")
	cmd.Flags().StringVar(&o.model, "model", "", "model of --provider")
	cmd.Flags().StringVar(&o.apiKeyEnv, "api-key-env", "OPENAI_API_KEY", "environment variable with the key of --provider")
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "show the bot's log")
	return cmd
}

// demo is the whole product against local simulators. The bot in it is the one
// that serves Slack: it knows nothing but other addresses.
func demo(ctx context.Context, env *environment, o demoOptions) (err error) {
	if o.provider == "" && o.model != "" {
		return usageError{errors.New("--model goes with --provider; the simulated model needs none")}
	}
	folder, err := os.MkdirTemp("", "bobbin-demo-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()

	var wg sync.WaitGroup
	defer wg.Wait()
	providers, controls, stopModels, err := demoProviders(env, o)
	if err != nil {
		return err
	}
	defer stopModels()

	page, err := listenNear(o.listen)
	if err != nil {
		return usageError{fmt.Errorf("--listen: %w", err)}
	}
	workspace := slacksim.New(slacksim.Options{Controls: controls, AgentView: true})
	defer workspace.Close()
	server := &http.Server{Handler: workspace, ReadHeaderTimeout: 5 * time.Second}
	wg.Go(func() { server.Serve(page) })
	defer server.Close()

	c := defaultConfig()
	c.Slack.BotToken, c.Slack.AppToken = "xoxb-sim", "xapp-sim"
	c.Slack.APIURL = "http://" + page.Addr().String() + "/api/"
	c.Storage.URL = "bolt://" + filepath.ToSlash(filepath.Join(folder, "bobbin.db"))
	c.LLM.Providers = providers
	if c.HTTP.Listen, err = freeNear(o.dashboard); err != nil {
		return usageError{fmt.Errorf("--dashboard: %w", err)}
	}
	c.Access.Admins = []string{"U0ANN"}
	if o.provider == "" { // of a real one the price may not be known
		c.Budget.UserDailyTokens, c.Budget.WorkspaceMonthlyUSD = 200_000, 25
	}
	c.Log.Level = "warn"
	if o.verbose {
		c.Log.Level = "debug"
	}
	if err := c.check(); err != nil {
		return usageError{err}
	}
	if o.month {
		if err := fillMonth(ctx, &c, workspace); err != nil {
			return err
		}
	}
	log := newLogger(c.Log, env.stderr)
	wg.Go(func() { announce(ctx, env, workspace, page.Addr().String(), c.HTTP.Listen, providers) })
	return serve(ctx, &c, log)
}

// announce prints the URL once the bot is connected: a page that opens before
// would show a bot that does not answer.
func announce(ctx context.Context, env *environment, w *slacksim.Workspace, addr, dashboard string, providers []providerConfig) {
	if w.Wait(ctx, func() bool { return w.Sockets() > 0 }) != nil {
		return
	}
	fmt.Fprintf(env.stdout, "\n  Bobbin's demo is ready:  http://%s/\n", addr)
	if dashboard != "" {
		fmt.Fprintf(env.stdout, "  The operator's view:     http://%s/\n", dashboard)
	}
	fmt.Fprintln(env.stdout)
	for i, p := range providers {
		role := "asked first"
		if i > 0 {
			role = "takes over when the first fails"
		}
		fmt.Fprintf(env.stdout, "  model %-10s %s, %s\n", p.Model, p.Name, role)
	}
	fmt.Fprintf(env.stdout, "\n  Open the page, write @bobbin and a question. Faults are on buttons there.\n  Ctrl-C ends the demo; nothing is kept.\n\n")
}

// listenNear listens on addr; if its port is taken, on a free one beside it.
func listenNear(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		return l, nil
	}
	host, _, splitErr := net.SplitHostPort(addr)
	if splitErr != nil {
		return nil, fmt.Errorf("%q: want HOST:PORT such as 127.0.0.1:8420", addr)
	}
	free, freeErr := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if freeErr != nil {
		return nil, err
	}
	return free, nil
}

// freeNear is an address that can be listened at: addr, or one beside it.
func freeNear(addr string) (string, error) {
	if addr == "" {
		return "", nil
	}
	l, err := listenNear(addr)
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// fillMonth puts a month of made-up traffic into the books of the simulated team.
func fillMonth(ctx context.Context, c *config, w *slacksim.Workspace) error {
	providers := c.LLM.Providers
	if len(providers) < 2 {
		return usageError{errors.New("--month is of the two simulated providers; leave --provider out")}
	}
	path, err := c.Storage.boltPath()
	if err != nil {
		return err
	}
	store, err := openStore(path, c.Storage, nil)
	if err != nil {
		return err
	}
	people := []string{"U0ANN", "U0BEN", "U0CHIDI", "U0DANA"}
	rows := demoTraffic(time.Now(), 29, people, []string{"C0GENERAL", "C0RANDOM", w.DM(people[0])}, providers)
	return errors.Join(store.RecordUsage(ctx, rows), closeStore(store))
}

// demoProviders returns the real provider the flags name, or two simulated
// ones: a gateway that is asked first and the old relay behind it, as in a move
// from one to the other. Their faults are switches on the page.
func demoProviders(env *environment, o demoOptions) (_ []providerConfig, _ []slacksim.Control, stop func(), err error) {
	if o.provider != "" {
		key := env.getenv(o.apiKeyEnv)
		if key == "" {
			fmt.Fprintf(env.stderr, "bobbin: %s is not set; asking %s without a key\n", o.apiKeyEnv, o.provider)
			key = "none"
		}
		if o.model == "" {
			return nil, nil, nil, usageError{errors.New("--provider needs --model: the id of a model of that server")}
		}
		return []providerConfig{{BaseURL: o.provider, APIKey: key, Model: o.model}}, nil, func() {}, nil
	}
	gateway, err := startModel()
	if err != nil {
		return nil, nil, nil, err
	}
	relay, err := startModel()
	if err != nil {
		gateway.Close()
		return nil, nil, nil, err
	}
	provider := func(name string, m *demoModel, price float64) providerConfig {
		return providerConfig{
			Name: name, BaseURL: m.url, APIKey: "demo", Model: llmsim.DefaultModel,
			RequestsPerMinute: 60, Concurrency: 20, Breaker: breakerConfig{Failures: 3, Open: 20 * time.Second},
			FirstTokenTimeout: 4 * time.Second, Price: &priceConfig{Input: price, Output: price},
		}
	}
	controls := append(faultControls("gateway", gateway.Server), faultControls("relay", relay.Server)...)
	return []providerConfig{provider("gateway", gateway, 0.42), provider("relay", relay, 2.8)}, controls,
		func() { gateway.Close(); relay.Close() }, nil
}

// demoModel is a simulated model server on loopback.
type demoModel struct {
	*llmsim.Server
	url string
}

func startModel() (*demoModel, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the simulated model: %w", err)
	}
	s := llmsim.New(llmsim.Options{Answer: llmsim.PacedAnswer, JournalSize: 1000})
	return &demoModel{s, s.Start(l)}, nil
}

// faultControls are the ways a model server can be broken from the page.
func faultControls(name string, s *llmsim.Server) []slacksim.Control {
	fault := func(id, label, help string, down llmsim.Down) slacksim.Control {
		return slacksim.Control{ID: name + "-" + id, Group: "Model: " + name, Label: label, Help: help, Kind: "toggle",
			Set: func(on bool) {
				if on {
					s.SetDown(down)
				} else {
					s.SetDown(llmsim.Down{})
				}
			}}
	}
	return []slacksim.Control{
		fault("dead", "Connections refused", "The server is gone, also for answers that are being written.", llmsim.Down{Refuse: true}),
		fault("hang", "Never answers", "Requests are accepted, and nothing comes.", llmsim.Down{Hang: true}),
		fault("503", "503 overloaded", "Every request is answered 503.", llmsim.Down{Status: 503}),
		fault("429", "429 rate limit", "Every request is answered 429 with Retry-After 10.", llmsim.Down{Status: 429, RetryAfter: 10 * time.Second}),
		fault("401", "401 wrong key", "Every request is answered 401.", llmsim.Down{Status: 401}),
	}
}
