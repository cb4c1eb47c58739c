package llm_test

import (
	"context"
	"fmt"
	"iter"

	"github.com/bobbin-bot/bobbin/llm"
)

// parrot is the smallest Provider.
type parrot struct{}

func (parrot) Name() string { return "parrot" }

func (parrot) Stream(_ context.Context, req llm.Request) iter.Seq2[llm.Delta, error] {
	return func(yield func(llm.Delta, error) bool) {
		last := req.Messages[len(req.Messages)-1].Content
		if yield(llm.Delta{Text: last + "!"}, nil) {
			yield(llm.Delta{Response: &llm.Response{Provider: "parrot", FinishReason: "stop"}}, nil)
		}
	}
}

func ExampleProvider() {
	var p llm.Provider = llm.Retry(parrot{}, llm.RetryOptions{Max: 3})
	req := llm.Request{Messages: []llm.Message{{Role: llm.RoleUser, Content: "Polly wants a cracker"}}}
	for d, err := range p.Stream(context.Background(), req) {
		if err != nil {
			fmt.Println("no answer:", err)
			return
		}
		fmt.Print(d.Text)
	}
	fmt.Println()
	// Output: Polly wants a cracker!
}
