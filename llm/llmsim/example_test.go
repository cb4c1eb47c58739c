package llmsim_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

func Example() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	sim := llmsim.New(llmsim.Options{})
	defer sim.Close()
	baseURL := sim.Start(l)

	sim.Enqueue(
		llmsim.RateLimited(2*time.Second),
		llmsim.StepFun("Hello from a model."),
		llmsim.Script{Text: "Half of this.", Fault: llmsim.Fault{Kind: llmsim.Cut, After: 2}},
	)
	for range 3 {
		resp, err := http.Post(baseURL+"/chat/completions", "application/json", strings.NewReader(
			`{"model":"step-2-chat","stream":true,"messages":[{"role":"user","content":"Hi"}]}`))
		if err != nil {
			fmt.Println(err)
			return
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		fmt.Println(resp.StatusCode, err)
	}
	for _, r := range sim.Requests() {
		fmt.Printf("%s, %d deltas, billed %d tokens\n", r.Outcome, r.Deltas, r.Billed.Total())
	}
	// Output:
	// 429 <nil>
	// 200 <nil>
	// 200 unexpected EOF
	// status 429, 0 deltas, billed 0 tokens
	// ok, 4 deltas, billed 6 tokens
	// fault cut, 2 deltas, billed 3 tokens
}
