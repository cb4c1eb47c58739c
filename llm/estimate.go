package llm

import "sync"

// Estimator guesses how many tokens a text is, from its bytes, and learns the
// ratio of each model from what providers report. Tokenizers differ by half
// between languages and models, and none is public for many of them; the ratio
// is close after a few answers. It is for limits and for trimming: bills are
// made from what the provider reports.
//
// The zero value is ready, and safe for concurrent use. A nil Estimator guesses
// and learns nothing.
type Estimator struct {
	mu     sync.Mutex
	models map[string]*ratio
}

// ratio is the tokens and bytes seen, of which older ones count less and less.
type ratio struct{ tokens, bytes float64 }

const (
	// firstRatio, in tokens a byte, is the middle of what English, Chinese,
	// Vietnamese and code measured with several tokenizers.
	firstRatio         = 0.28
	minRatio, maxRatio = 0.15, 0.6
	// What is known at first weighs like this many bytes, and what was learned
	// never weighs more than memoryBytes: a team may change its language.
	priorBytes  = 4 << 10
	memoryBytes = 256 << 10
	// messageTokens is what roles and separators of a message cost.
	messageTokens = 4
	// maxModels bounds the memory if models are chosen by users.
	maxModels = 1000
)

// Request guesses the input tokens of req at the given model.
func (e *Estimator) Request(model string, req Request) int {
	return e.Text(model, req.bytes()) + messageTokens*len(req.Messages)
}

// Text guesses the tokens of a text of so many bytes.
func (e *Estimator) Text(model string, bytes int) int {
	return int(e.ratio(model)*float64(bytes) + 0.999)
}

// Learn takes in that the model counted req as inputTokens.
func (e *Estimator) Learn(model string, req Request, inputTokens int64) {
	bytes := float64(req.bytes())
	tokens := float64(inputTokens) - float64(messageTokens*len(req.Messages))
	if e == nil || bytes == 0 || tokens <= 0 {
		return
	}
	// One absurd report must not spoil the rest.
	tokens = min(max(tokens, minRatio*bytes), maxRatio*bytes)
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.models[model]
	if r == nil {
		if len(e.models) >= maxModels {
			return
		}
		if e.models == nil {
			e.models = map[string]*ratio{}
		}
		r = &ratio{firstRatio * priorBytes, priorBytes}
		e.models[model] = r
	}
	r.tokens += tokens
	r.bytes += bytes
	if r.bytes > memoryBytes {
		r.tokens *= memoryBytes / r.bytes
		r.bytes = memoryBytes
	}
}

func (e *Estimator) ratio(model string) float64 {
	if e == nil {
		return firstRatio
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.models[model]
	if r == nil {
		return firstRatio
	}
	return r.tokens / r.bytes
}

// bytes is the size of all text in the request.
func (r Request) bytes() int {
	n := len(r.System)
	for _, m := range r.Messages {
		n += len(m.Content)
	}
	return n
}
