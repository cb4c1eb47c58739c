package llm_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/bobbin-bot/bobbin/llm"
)

func prompt(bytes int) llm.Request {
	return llm.Request{Messages: []llm.Message{{Role: llm.RoleUser, Content: strings.Repeat("x", bytes)}}}
}

// After a few answers the guess is within a tenth of what the model counts, and
// other models are not affected.
func TestEstimatorLearns(t *testing.T) {
	for _, ratio := range []float64{0.16, 0.25, 0.4, 0.58} {
		var e llm.Estimator
		for range 10 {
			e.Learn("m", prompt(4000), int64(ratio*4000)+4)
		}
		got, want := float64(e.Request("m", prompt(10_000))), ratio*10_000
		if got < 0.9*want || got > 1.1*want {
			t.Errorf("a model of %.2f tokens a byte: guessed %.0f, want about %.0f", ratio, got, want)
		}
		if other := e.Text("other", 1000); other != 280 {
			t.Errorf("another model's guess became %d", other)
		}
	}
}

func TestEstimatorBearsNonsense(t *testing.T) {
	var e llm.Estimator
	for range 100 {
		e.Learn("m", prompt(1000), 1<<50)
		e.Learn("n", prompt(1000), 10)
		e.Learn("o", prompt(1000), -5)
		e.Learn("p", llm.Request{}, 1000)
	}
	for model, want := range map[string][2]int{"m": {550, 600}, "n": {150, 170}, "o": {280, 280}, "p": {280, 280}} {
		if got := e.Text(model, 1000); got < want[0] || got > want[1] {
			t.Errorf("model %s: %d tokens for 1000 bytes, want %d to %d", model, got, want[0], want[1])
		}
	}
	var none *llm.Estimator
	none.Learn("m", prompt(1000), 500)
	if got := none.Text("m", 1000); got != 280 {
		t.Errorf("without an Estimator: %d", got)
	}
}

// A model that was used for English and then for Chinese is guessed well soon.
func TestEstimatorForgets(t *testing.T) {
	var e llm.Estimator
	for range 1000 {
		e.Learn("m", prompt(4000), 800)
	}
	for range 200 {
		e.Learn("m", prompt(4000), 2000)
	}
	if got := e.Text("m", 1000); got < 450 {
		t.Errorf("after 200 prompts of 0.5 tokens a byte the guess is %d for 1000 bytes", got)
	}
}

func TestEstimatorIsSafeForConcurrentUse(t *testing.T) {
	var e llm.Estimator
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				e.Learn("m", prompt(100), 30)
				e.Request("m", prompt(100))
			}
		})
	}
	wg.Wait()
}
