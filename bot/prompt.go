package bot

import (
	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

// Of the tokens left for input, a prompt may grow to the high watermark; then
// whole turns are left out, oldest first, down to the low one. Dropping a
// little each turn instead would change the prompt's beginning every time, and
// the provider's prefix cache would never hit.
const (
	highWatermark = 0.85
	lowWatermark  = 0.60
)

// promptInput is all that a prompt is made of.
type promptInput struct {
	System    string
	Model     string
	History   storage.History
	Thread    []storage.Message // said in the thread, but not to the bot
	Question  string
	UserID    string
	Window    int // tokens the model takes in all
	MaxOutput int // tokens kept free for the answer
	Estimator *llm.Estimator
	Name      func(userID string) string
}

// prompt is a request and what became of the history.
type prompt struct {
	Request llm.Request
	From    uint64 // Seq of the first message used; 0 if none
	Dropped int    // messages left out

	history []uint64 // Seqs of the stored messages in the request, which come first
}

// trimmed corrects p: the model side has left out n more messages. It changes
// nothing if a hook has put other messages into the request.
func (p *prompt) trimmed(n, sent int) {
	if n == 0 || sent != len(p.Request.Messages) {
		return
	}
	p.Dropped += n
	switch {
	case n < len(p.history):
		p.From = p.history[n]
	case len(p.history) > 0:
		p.From = p.history[len(p.history)-1] + 1
	}
}

// buildPrompt depends on nothing but its input.
func buildPrompt(in promptInput) prompt {
	history := in.History.Messages
	skip := 0
	for skip < len(history) && history[skip].Seq < in.History.From {
		skip++
	}
	room := max(in.Window-in.MaxOutput, in.Window/4)
	tokens := func(r llm.Request) int { return in.Estimator.Request(in.Model, r) }
	req := in.request(history[skip:])
	if tokens(req) > int(highWatermark*float64(room)) {
		for skip < len(history) && tokens(req) > int(lowWatermark*float64(room)) {
			skip = nextTurn(history, skip)
			req = in.request(history[skip:])
		}
	}
	dropped := skip
	for len(in.Thread) > 0 && tokens(req) > int(highWatermark*float64(room)) {
		// A thread heavier than the model's window: its end matters most.
		n := (len(in.Thread) + 3) / 4
		in.Thread, dropped = in.Thread[n:], dropped+n
		req = in.request(history[skip:])
	}
	p := prompt{Request: req, Dropped: dropped}
	for _, m := range history[skip:] {
		p.history = append(p.history, m.Seq)
	}
	if len(p.history) > 0 {
		p.From = p.history[0]
	}
	return p
}

// nextTurn returns the index after i at which a turn begins: a user's message
// that follows an answer.
func nextTurn(history []storage.Message, i int) int {
	for i++; i < len(history); i++ {
		if history[i].Role == storage.RoleUser && history[i-1].Role == storage.RoleAssistant {
			break
		}
	}
	return min(i, len(history))
}

func (in promptInput) request(history []storage.Message) llm.Request {
	req := llm.Request{Model: in.Model, System: in.System, User: in.UserID}
	add := func(role llm.Role, text string) {
		if in.Name != nil {
			text = expandMentions(text, in.Name)
		}
		req.Messages = append(req.Messages, llm.Message{Role: role, Content: text})
	}
	for _, m := range history {
		add(llm.Role(m.Role), m.Text)
	}
	for _, m := range in.Thread {
		add(llm.RoleUser, m.Text)
	}
	add(llm.RoleUser, in.Question)
	return req
}
