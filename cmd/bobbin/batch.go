package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// batchOptions are the arguments and flags of `bobbin batch`.
type batchOptions struct {
	in, out     string
	concurrency int // 0: what the providers allow
	dryRun      bool
	quiet       bool
}

const (
	defaultBatchConcurrency = 4
	maxBatchConcurrency     = 1000
	standardStream          = "-" // as a file's name: stdin or stdout
)

func batchCommand(env *environment) *cobra.Command {
	var o batchOptions
	cmd := &cobra.Command{
		Use:   "batch FILE",
		Short: "Answer a file of prompts, with the bot's limits, retries and fallback",
		Long: `Answer a file of prompts, one JSON object a line, through the same throttle,
retry, breaker and fallback as the bot. FILE may be -, which is stdin.

prompts.jsonl:

    {"prompt": "What is a bobbin?"}
    {"id": "q2", "system": "Answer in one word.", "prompt": "Capital of France?", "max_output_tokens": 20}
    {"id": 3, "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "Bye"}], "temperature": 0}

Further keys are "model" and "temperature". The lines of OpenAI's batch files
(custom_id, method, url, body) are understood too. chat.system_prompt of the
configuration is the bot's and is not used here.

bobbin batch prompts.jsonl writes prompts.answers.jsonl, in the same order:

    {"id":"q2","line":2,"key":"2be05c12d8b4aa61","answer":"Paris","provider":"gateway","model":"step-2-chat","finish_reason":"stop","input_tokens":17,"cached_input_tokens":0,"output_tokens":1,"cost_usd":0.00000756,"calls":1,"ms":412}

A line that failed has "error":{"class":"…","message":"…"} instead of "answer".
Tokens and cost are those of all calls for the line, failed ones included;
"cost_usd" is null if a price is not configured, and "estimated" is true if a
provider did not say how much it counted.

Answers are kept in prompts.answers.jsonl.partial as they come. After a stop, a
crash or a failure run the same command again: only lines that are new, changed
or failed are asked. Answers are not asked again because the configuration has
changed; move the file away for that.

--out - writes to stdout in order, and cannot be resumed.

Exit code: 0 all answered, 1 lines failed or the batch was stopped by an error or
SIGTERM, 2 a mistake in the prompts, the command line or the configuration, 130
interrupted. Mistakes in the prompts are all reported before anything is asked.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("want one file of prompts, got %d; see: bobbin batch --help", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.in = args[0]
			return batch(cmd, env, o)
		},
	}
	cmd.Flags().StringVar(&o.out, "out", "", "where the answers go (default: FILE with .answers.jsonl at its end; for stdin: stdout); - is stdout")
	cmd.Flags().IntVar(&o.concurrency, "concurrency", 0, "lines asked at one time, 1 to 1000 (default: the sum of the providers' concurrency, else 4)")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "check the prompts and estimate the input's tokens and cost; ask nothing")
	cmd.Flags().BoolVar(&o.quiet, "quiet", false, "no progress on stderr")
	return cmd
}

// batch checks everything first, then asks.
func batch(cmd *cobra.Command, env *environment, o batchOptions) error {
	if err := o.complete(cmd.Flags().Changed("concurrency")); err != nil {
		return usageError{err}
	}
	c, err := loadModelConfig(env)
	if err != nil {
		return err
	}
	lines, err := readBatchInput(o.in, cmd.InOrStdin())
	if err != nil {
		return err
	}
	if o.dryRun {
		return batchDryRun(env.stdout, c, o, lines)
	}
	o.concurrency = cmp.Or(o.concurrency, batchConcurrency(c))
	progress := newBatchProgress(env.stderr, o.quiet)
	m, err := wireModel(c.LLM.Providers, wiring{
		recorder: &recorder{log: newLogger(c.Log, progress)}, patience: batchPatience, queue: o.concurrency,
	})
	if err != nil {
		return usageError{err}
	}
	b := &batchRun{provider: m.provider, providers: c.LLM.Providers, lines: lines, o: o, progress: progress}
	if o.out == standardStream {
		b.results = make([]*batchResult, len(lines))
		b.sink = &batchStream{w: env.stdout, results: b.results}
		return b.run(cmd.Context(), env.stderr)
	}
	return batchToFile(cmd.Context(), env, b)
}

// batchToFile is a batch that can be resumed.
func batchToFile(ctx context.Context, env *environment, b *batchRun) (err error) {
	f, err := openBatchFile(b.o.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	b.results, err = f.load(b.o.in, b.lines)
	if err != nil {
		return err
	}
	if f.dropped > 0 {
		fmt.Fprintf(env.stderr, "bobbin: %d earlier answers belong to no line of %s and will be left out\n", f.dropped, b.o.in)
	}
	if f.complete {
		fmt.Fprintf(env.stderr, "nothing to do: all %d lines are answered in %s\n", len(b.lines), b.o.out)
		return nil
	}
	b.sink = f
	return b.run(ctx, env.stderr)
}

// batchConcurrency is as much as the providers allow together.
func batchConcurrency(c config) int {
	n := 0
	for _, p := range c.LLM.Providers {
		n += p.Concurrency
	}
	return min(cmp.Or(n, defaultBatchConcurrency), maxBatchConcurrency)
}

// complete checks the flags and fills in what they leave open.
func (o *batchOptions) complete(concurrencySet bool) error {
	if concurrencySet && (o.concurrency < 1 || o.concurrency > maxBatchConcurrency) {
		return fmt.Errorf("--concurrency %d: want 1 to %d", o.concurrency, maxBatchConcurrency)
	}
	if o.out == "" {
		o.out = standardStream
		if o.in != standardStream {
			o.out = strings.TrimSuffix(o.in, filepath.Ext(o.in)) + ".answers.jsonl"
		}
	}
	if o.out == standardStream {
		return nil
	}
	// The rename at the end would replace a link by the file.
	if target, err := filepath.EvalSymlinks(o.out); err == nil {
		o.out = target
	}
	out, err := os.Stat(o.out)
	switch {
	case err == nil && !out.Mode().IsRegular():
		return fmt.Errorf("--out %s is not a file; for stdout use --out -", o.out)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("--out: %w", err)
	}
	for _, name := range []string{o.out, partialName(o.out)} {
		if sameFile(o.in, name) {
			return fmt.Errorf("the prompts and the answers would be the same file, %s; choose another --out", name)
		}
	}
	return nil
}

func sameFile(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	ia, errA := os.Stat(a)
	ib, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(ia, ib)
}

// The clocks of a batch.
const (
	batchSync    = time.Second            // between two fsyncs
	batchRepaint = 250 * time.Millisecond // of the bar
	batchReport  = 10 * time.Second       // between two plain lines
)
