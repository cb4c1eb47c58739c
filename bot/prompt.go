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
	Name      func(userID string) string
}

// prompt is a request and what became of the history.
type prompt struct {
	Request llm.Request
	From    uint64 // Seq of the first message used; 0 if none
	Dropped int    // messages left out
}

// buildPrompt depends on nothing but its input.
func buildPrompt(in promptInput) prompt {
	history := in.History.Messages
	skip := 0
	for skip < len(history) && history[skip].Seq < in.History.From {
		skip++
	}
	room := max(in.Window-in.MaxOutput, in.Window/4)
	req := in.request(history[skip:])
	if llm.EstimateTokens(req) > int(highWatermark*float64(room)) {
		for skip < len(history) && llm.EstimateTokens(req) > int(lowWatermark*float64(room)) {
			skip = nextTurn(history, skip)
			req = in.request(history[skip:])
		}
	}
	dropped := skip
	for len(in.Thread) > 0 && llm.EstimateTokens(req) > int(highWatermark*float64(room)) {
		// A thread heavier than the model's window: its end matters most.
		n := (len(in.Thread) + 3) / 4
		in.Thread, dropped = in.Thread[n:], dropped+n
		req = in.request(history[skip:])
	}
	p := prompt{Request: req, Dropped: dropped}
	if skip < len(history) {
		p.From = history[skip].Seq
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
		// Strict servers want the roles to alternate.
		if n := len(req.Messages); n > 0 && req.Messages[n-1].Role == role {
			req.Messages[n-1].Content += "\n\n" + text
			return
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
