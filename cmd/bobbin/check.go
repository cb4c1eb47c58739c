package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/llm/openai"
)

// checkPatience bounds the check of one provider.
const checkPatience = 30 * time.Second

func modelsCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "models",
		Short: "List each provider's models",
		Long:  "List each provider's models, as its GET /models says. The configured one is marked with *.\nPrices, in USD per million tokens, stand beside the models whose price is known.",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadModelConfig(env)
			if err != nil {
				return err
			}
			failed := false
			for _, p := range c.LLM.Providers {
				adapter, err := adapterOf(p, firstTokenFallback, wiring{}, nil)
				if err != nil {
					return usageError{err}
				}
				ids, err := listModels(cmd.Context(), adapter)
				if cmd.Context().Err() != nil {
					return context.Cause(cmd.Context())
				}
				fmt.Fprintf(env.stdout, "%s (%s)\n", p.Name, p.BaseURL)
				if err != nil {
					failed = true
					fmt.Fprintf(env.stdout, "  %v\n  fix: %s\n", err, fixOf(err, p))
					continue
				}
				slices.Sort(ids)
				for _, id := range ids {
					mark := " "
					if id == p.Model {
						mark = "*"
					}
					price := ""
					if known, ok := p.priceOf(id); ok {
						price = fmt.Sprintf("   %s in, %s out", dollars(known.Input), dollars(known.Output))
					}
					fmt.Fprintf(env.stdout, "%s %s%s\n", mark, id, price)
				}
			}
			if failed {
				return errors.New("not every provider answered")
			}
			return nil
		},
	}
}

func checkCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and every provider, with the fix for each finding",
		Long: `Check the configuration and every provider: is its URL right, is the key
accepted, does it serve the model, does it answer. Asking for an answer costs
one output token. Each finding comes with its fix; the exit code is 1 if
anything failed.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadModelConfig(env)
			if err != nil {
				return err
			}
			r := report{w: env.stdout}
			r.ok("configuration", "%s", describeSource(c))
			results := make([]report, len(c.LLM.Providers))
			texts := make([]strings.Builder, len(c.LLM.Providers))
			var wg sync.WaitGroup
			for i, p := range c.LLM.Providers {
				results[i].w = &texts[i]
				wg.Go(func() { checkProvider(cmd.Context(), &results[i], p) })
			}
			wg.Wait()
			if err := context.Cause(cmd.Context()); err != nil {
				return err
			}
			for i := range results {
				fmt.Fprint(env.stdout, texts[i].String())
				r.failures += results[i].failures
			}
			if r.failures > 0 {
				return fmt.Errorf("%d of the checks failed", r.failures)
			}
			return nil
		},
	}
}

// loadModelConfig loads the configuration of a command that does not talk to
// Slack: its tokens may be missing.
func loadModelConfig(env *environment) (config, error) {
	return loadConfig(env.configPath, func(name string) string {
		value := env.getenv(name)
		if value == "" && name == "SLACK_BOT_TOKEN" {
			return "xoxb-not-needed"
		}
		if value == "" && name == "SLACK_APP_TOKEN" {
			return "xapp-not-needed"
		}
		return value
	})
}

func describeSource(c config) string {
	if c.file == "" {
		return "from the environment"
	}
	return c.file
}

// report prints findings as they are made.
type report struct {
	w        io.Writer
	failures int
}

func (r *report) ok(what, format string, args ...any) {
	fmt.Fprintf(r.w, "ok    %s: %s\n", what, fmt.Sprintf(format, args...))
}

func (r *report) fail(what string, err error, fix string) {
	r.failures++
	fmt.Fprintf(r.w, "FAIL  %s: %v\n      fix: %s\n", what, err, fix)
}

// checkProvider finds out whether a provider would answer.
func checkProvider(ctx context.Context, r *report, p providerConfig) {
	what := "provider " + p.Name
	adapter, err := adapterOf(p, firstTokenFallback, wiring{}, nil)
	if err != nil {
		r.fail(what, err, "correct base_url")
		return
	}
	var unlisted error
	ids, err := listModels(ctx, adapter)
	switch class := llm.ClassOf(err); {
	case err == nil && slices.Contains(ids, p.Model):
		r.ok(what, "the key is accepted, and %s is one of %d models", p.Model, len(ids))
	case err == nil && len(ids) > 0:
		// Aliases and deployments answer without being listed.
		unlisted = fmt.Errorf("%s is not one of its %d models", p.Model, len(ids))
	case err == nil, class == llm.ClassModel, class == llm.ClassProtocol:
		// Not every compatible server lists its models; an answer decides.
	default:
		r.fail(what, err, fixOf(err, p))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	begun := time.Now()
	req := llm.Request{Messages: []llm.Message{{Role: llm.RoleUser, Content: "Say yes."}}, MaxOutputTokens: 1}
	for _, err := range adapter.Stream(ctx, req) {
		if e, ok := errors.AsType[*llm.Error](err); ok && e.Code == llm.EmptyAnswer {
			break // one token was too few for a model that reasons; it answers
		}
		if class := llm.ClassOf(err); unlisted != nil && (class == llm.ClassModel || class == llm.ClassRequest) {
			r.fail(what, unlisted, "set model to one of them, such as "+strings.Join(nearest(p.Model, ids, 3), ", ")+"; all: bobbin models")
			return
		}
		if err != nil {
			r.fail(what, err, fixOf(err, p))
			return
		}
	}
	if unlisted != nil {
		r.ok(what, "%v, yet it answers", unlisted)
	}
	r.ok(what, "%s answers, in %v", p.Model, time.Since(begun).Round(time.Millisecond))
	r.ok(what, "price %s", p.describePrice())
}

func listModels(ctx context.Context, p *openai.Provider) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, checkPatience, &llm.Error{Class: llm.ClassTimeout, Provider: p.Name(),
		Message: "no list of models within " + checkPatience.String()})
	defer cancel()
	return p.Models(ctx)
}

// fixOf says what an operator can do about an error of a provider: first of
// all the four that everybody meets when they move to another gateway.
func fixOf(err error, p providerConfig) string {
	e, _ := errors.AsType[*llm.Error](err)
	if e != nil && e.Code == llm.EmptyAnswer {
		return "raise max_output_tokens if the model reasons: thoughts use it up too; else try again"
	}
	if e != nil && e.Status == http.StatusNotFound && withoutVersion(p.BaseURL) {
		return "check base_url: it has no path, and most servers want one, such as " + strings.TrimRight(p.BaseURL, "/") + "/v1"
	}
	switch llm.ClassOf(err) {
	case llm.ClassAuth:
		return "check api_key, and that it belongs to " + p.BaseURL + ": a key of one provider is refused by another"
	case llm.ClassRate:
		if e != nil && e.RetryAfter > 0 {
			return fmt.Sprintf("wait %v; set requests_per_minute and concurrency to what the account allows", e.RetryAfter.Round(time.Second))
		}
		return "set requests_per_minute and concurrency to what the account allows"
	case llm.ClassTimeout:
		return "try again; for a slow model raise first_token_timeout, behind a proxy set HTTPS_PROXY"
	case llm.ClassModel:
		return "check model and base_url; the provider's ids: bobbin models"
	case llm.ClassConnect:
		return "check base_url (" + p.BaseURL + "), the network, and a proxy (HTTPS_PROXY)"
	case llm.ClassProtocol:
		return "check base_url: it ends before /chat/completions, usually in /v1"
	case llm.ClassQuota:
		return "top up the account"
	case llm.ClassRequest:
		return "check max_output_tokens and temperature against the model's documentation"
	case llm.ClassContext:
		return "send less text, or set context_window to what the model reads"
	case llm.ClassContent:
		return "the provider's moderation refused the text; word it differently"
	case llm.ClassTruncated:
		return "the server, or a proxy before it, broke the answer off; try again"
	case llm.ClassServer, llm.ClassTransient:
		return "the provider has a problem of its own; try again, and give it a second provider as fallback"
	}
	return "see the provider's documentation"
}

// withoutVersion reports whether a base URL is nothing but a host.
func withoutVersion(baseURL string) bool {
	u, err := url.Parse(baseURL)
	return err == nil && strings.Trim(u.Path, "/") == ""
}

// nearest returns up to n of the words that are most like word.
func nearest(word string, words []string, n int) []string {
	sorted := slices.Clone(words)
	slices.SortStableFunc(sorted, func(a, b string) int { return distance(word, a) - distance(word, b) })
	return sorted[:min(n, len(sorted))]
}
