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

	history []storage.Message // of the conversation, which come first in the request
	thread  int               // of the thread, which come next
}

// note says what the request was made of.
func (p *prompt) note(window int) storage.PromptNote {
	n := storage.PromptNote{Used: len(p.history), Thread: p.thread, Dropped: p.Dropped, Window: window}
	for _, m := range p.history {
		if m.TS != "" {
			n.Oldest = m.TS
			break
		}
	}
	return n
}

// trimmed corrects p: the model side has left out n more messages. It changes
// nothing if a hook has put other messages into the request.
func (p *prompt) trimmed(n, sent int) {
	if n == 0 || sent != len(p.Request.Messages) {
		return
	}
	p.Dropped += n
	switch used := p.history; {
	case n < len(used):
		p.From, p.history = used[n].Seq, used[n:]
	default:
		if len(used) > 0 {
			p.From = used[len(used)-1].Seq + 1
		}
		p.history, p.thread = nil, max(0, p.thread-(n-len(used)))
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
	p := prompt{Request: req, Dropped: dropped, history: history[skip:], thread: len(in.Thread)}
	if len(p.history) > 0 {
		p.From = p.history[0].Seq
	}
	return p
}

// before returns the messages that were said before the turn's question. If it
// is answered again the history has later ones, and the question itself unless
// nothing came of it the first time.
func before(history []storage.Message, turn storage.Turn) []storage.Message {
	for i, m := range history {
		if m.Role == storage.RoleUser && m.TS >= turn.TS {
			return history[:i]
		}
	}
	return history
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
