package llmsim

// Usage counts tokens. PromptTokens includes CachedTokens, CompletionTokens
// includes ReasoningTokens.
//
// A token is 4 bytes, see CountTokens. The prompt is the sum over the messages'
// contents; the completion is reasoning, text and tool arguments put together.
// The prompt is billed with the first delta, the completion as it is generated:
// a refused request costs nothing, a cancelled one what was sent. A Script's
// Usage is billed when the answer is whole; of a part of it, no more completion
// than was sent.
type Usage struct {
	PromptTokens     int
	CompletionTokens int
	CachedTokens     int
	ReasoningTokens  int
}

// Total returns prompt and completion together.
func (u Usage) Total() int { return u.PromptTokens + u.CompletionTokens }

// CountTokens returns the number of tokens of a text: its bytes divided by 4,
// rounded up, at least 1.
func CountTokens(text string) int { return tokensOf(len(text)) }

func tokensOf(bytes int) int { return max(1, (bytes+3)/4) }

func (u Usage) plus(v Usage) Usage {
	return Usage{
		PromptTokens:     u.PromptTokens + v.PromptTokens,
		CompletionTokens: u.CompletionTokens + v.CompletionTokens,
		CachedTokens:     u.CachedTokens + v.CachedTokens,
		ReasoningTokens:  u.ReasoningTokens + v.ReasoningTokens,
	}
}

func (u Usage) minus(v Usage) Usage {
	return Usage{
		PromptTokens:     u.PromptTokens - v.PromptTokens,
		CompletionTokens: u.CompletionTokens - v.CompletionTokens,
		CachedTokens:     u.CachedTokens - v.CachedTokens,
		ReasoningTokens:  u.ReasoningTokens - v.ReasoningTokens,
	}
}
