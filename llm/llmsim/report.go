package llmsim

// runningUsage is the usage member of a chunk before the end: "" for none.
func (p *player) runningUsage() string {
	switch p.script.UsageIn {
	case UsageCumulative, UsageCumulativeNull:
		return string(p.appendUsage(nil, p.meter.soFar()))
	}
	return ""
}

// appendUsage appends a usage object. Details are left out when they are 0.
func (p *player) appendUsage(b []byte, u Usage) []byte {
	b = append(b, `{"prompt_tokens":`...)
	b = appendInt(b, u.PromptTokens)
	b = append(b, `,"completion_tokens":`...)
	b = appendInt(b, u.CompletionTokens)
	b = append(b, `,"total_tokens":`...)
	b = appendInt(b, u.Total())
	if u.CachedTokens > 0 {
		switch p.script.CachedIn {
		case CachedInDetails:
			b = append(b, `,"prompt_tokens_details":{"cached_tokens":`...)
			b = append(appendInt(b, u.CachedTokens), '}')
		case CachedTopLevel:
			b = append(b, `,"cached_tokens":`...)
			b = appendInt(b, u.CachedTokens)
		case CachedHitMiss:
			b = append(b, `,"prompt_cache_hit_tokens":`...)
			b = appendInt(b, u.CachedTokens)
			b = append(b, `,"prompt_cache_miss_tokens":`...)
			b = appendInt(b, u.PromptTokens-u.CachedTokens)
		}
	}
	if u.ReasoningTokens > 0 {
		b = append(b, `,"completion_tokens_details":{"reasoning_tokens":`...)
		b = append(appendInt(b, u.ReasoningTokens), '}')
	}
	return append(b, '}')
}

const filterVerdict = `{"hate":{"filtered":false,"severity":"safe"}}`

// filterChoice has no delta: Azure sends it when its filter runs beside the
// model.
const filterChoice = `{"index":0,"finish_reason":null,"content_filter_results":` + filterVerdict +
	`,"content_filter_offsets":{"check_offset":0,"start_offset":0,"end_offset":0}}`

// promptFilterChunk is Azure's first chunk: no id, no model, no choices.
func (p *player) promptFilterChunk() []byte {
	return []byte(`{"id":"","object":"","created":0,"model":"","choices":[],` +
		`"prompt_filter_results":[{"prompt_index":0,"content_filter_results":` + filterVerdict + `}]}`)
}
