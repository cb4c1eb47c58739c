package llm_test

import (
	"testing"

	"github.com/bobbin-bot/bobbin/llm"
)

func TestCost(t *testing.T) {
	price, err := llm.PerMillion(5.21, 1.04, 16.44)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		u    llm.Usage
		want int64
	}{
		{llm.Usage{}, 0},
		{llm.Usage{InputTokens: 1_000_000}, 5_210_000_000},
		{llm.Usage{InputTokens: 1_000_000, CachedInputTokens: 1_000_000}, 1_040_000_000},
		{llm.Usage{InputTokens: 1000, CachedInputTokens: 400, OutputTokens: 100}, 600*5210 + 400*1040 + 100*16440},
		{llm.Usage{InputTokens: 10, CachedInputTokens: 99}, 10 * 1040}, // a server that counts wrong
		{llm.Usage{InputTokens: 1 << 40}, 5_728_421_230_000_000 + 0},
	} {
		got := price.Cost(c.u)
		if c.u.InputTokens == 1<<40 {
			if got < 5_700_000_000_000_000 || got > 5_760_000_000_000_000 {
				t.Errorf("cost of %d tokens overflows: %d", c.u.InputTokens, got)
			}
			continue
		}
		if got != c.want {
			t.Errorf("cost of %+v: %d nano-USD, want %d", c.u, got, c.want)
		}
	}
	for _, bad := range []float64{-1, 1e9} {
		if _, err := llm.PerMillion(bad, 0, 0); err == nil {
			t.Errorf("price %v was accepted", bad)
		}
	}
}
