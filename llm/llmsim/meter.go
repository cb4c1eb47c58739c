package llmsim

// meter counts what was generated for one request, by the rule of Usage.
type meter struct {
	prompt, cached   int
	bytes, reasoning int
	override         *Usage
}

func newMeter(req Request, script Script) meter {
	prompt := req.promptTokens()
	return meter{prompt: prompt, cached: min(script.Cached, prompt), override: script.Usage}
}

func (m *meter) add(d delta) {
	m.bytes += d.size()
	if d.kind == reasoningDelta {
		m.reasoning += d.size()
	}
}

// soFar returns the usage of an answer that is not whole yet.
func (m *meter) soFar() Usage {
	u := Usage{PromptTokens: m.prompt, CachedTokens: m.cached}
	if m.bytes > 0 {
		u.CompletionTokens = tokensOf(m.bytes)
	}
	if m.reasoning > 0 {
		u.ReasoningTokens = tokensOf(m.reasoning)
	}
	if o := m.override; o != nil {
		u.PromptTokens, u.CachedTokens = o.PromptTokens, o.CachedTokens
		u.CompletionTokens = min(u.CompletionTokens, o.CompletionTokens)
		u.ReasoningTokens = min(u.ReasoningTokens, o.ReasoningTokens)
	}
	return u
}

// final returns the usage of the whole answer.
func (m *meter) final() Usage {
	if m.override != nil {
		return *m.override
	}
	u := m.soFar()
	u.CompletionTokens = max(1, u.CompletionTokens)
	return u
}
