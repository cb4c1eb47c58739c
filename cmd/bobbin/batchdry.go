package main

import (
	"cmp"
	"fmt"
	"io"
	"os"

	"github.com/bobbin-bot/bobbin/llm"
)

// batchDryRun says what a batch would ask, and changes nothing.
func batchDryRun(w io.Writer, c config, o batchOptions, lines []batchLine) error {
	earlier, err := earlierResults(o.out)
	if err != nil {
		return err
	}
	first := c.LLM.Providers[0]
	var guess *llm.Estimator // nobody has reported anything to learn from
	var tokens, cost int64
	todo, unpriced := 0, 0
	for i, r := range matchResults(lines, earlier).results {
		if r != nil && r.Answer != nil {
			continue
		}
		todo++
		req := lines[i].req
		model := cmp.Or(req.Model, first.Model)
		n := int64(guess.Request(model, req))
		tokens += n
		price, ok := first.priceOf(model)
		if !ok {
			unpriced++
			continue
		}
		cost += price.Cost(llm.Usage{InputTokens: n})
	}
	fmt.Fprintf(w, "lines         %d, of which %d are answered already\n", len(lines), len(lines)-todo)
	fmt.Fprintf(w, "input tokens  about %s\n", thousands(tokens))
	switch {
	case unpriced == todo && todo > 0:
		fmt.Fprintf(w, "input cost    unknown: %s has no price for what is asked\n", first.Name)
	case unpriced > 0:
		fmt.Fprintf(w, "input cost    about $%s + %d lines of unknown price\n", decimalUSD(cost), unpriced)
	default:
		fmt.Fprintf(w, "input cost    about $%s at %s\n", decimalUSD(cost), first.Name)
	}
	fmt.Fprintln(w, "Output is not included: nobody knows yet how long the answers are.")
	return nil
}

// earlierResults reads without the lock: another batch may be writing.
func earlierResults(out string) ([]*batchResult, error) {
	if out == standardStream {
		return nil, nil
	}
	results, err := readResults(out)
	if err != nil {
		return nil, err
	}
	partial, err := os.Open(partialName(out))
	if os.IsNotExist(err) {
		return results, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read earlier answers: %w", err)
	}
	defer partial.Close()
	more, _, _, err := readPartial(partial)
	return append(results, more...), err
}
