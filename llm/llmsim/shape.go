package llmsim

// ChunkShape is how the JSON of the chunks differs from OpenAI's. The zero
// value does not differ: the first chunk has the role and content "", later
// ones have content, the last one has an empty delta and the finish_reason.
type ChunkShape struct {
	JoinedRole   bool // no opening chunk: the role comes with the first delta
	EmptyRole    bool // "role":"" in every chunk: StepFun
	EmptyFinish  bool // "finish_reason":"" instead of null: StepFun
	NoFinish     bool // no chunk with a finish_reason
	NullError    bool // "error":null in every chunk
	NullContent  bool // "content":null where there is none, and once between deltas
	ArrayContent bool // "content":[{"type":"text","text":"…"}]
	NumericID    bool // "id":1 instead of a string
	FloatCreated bool // "created":1700000000.25
	NullUsage    bool // "usage":null in all chunks without usage: OpenAI, when usage is asked for
	NullChoices  bool // "choices":null instead of [] in the usage chunk
	EmptyUsageID bool // "id":"" in the usage chunk

	// Padding is the size of an unknown member in each chunk that has a delta, for
	// very long lines.
	Padding int

	// ToolCalls is put as "tool_calls" into each delta that calls none:
	// "null" or "[]". Empty leaves it out.
	ToolCalls string
	// ToolIndex is how tool calls are numbered.
	ToolIndex ToolIndex

	PromptFilter bool // first chunk with id "", choices [] and prompt_filter_results: Azure
	FilterChunk  bool // chunk whose choice has no delta, after the finish: Azure
}

// ToolIndex is the "index" of a tool call in a delta.
type ToolIndex int

const (
	ToolIndexed  ToolIndex = iota // 0, 1, …
	ToolNoIndex                   // left out
	ToolMinusOne                  // -1: Bedrock
)

// UsagePlace is where a stream reports usage.
type UsagePlace int

const (
	// UsageAsked sends a chunk with choices [] after the finish, if the request
	// has stream_options.include_usage: OpenAI.
	UsageAsked UsagePlace = iota
	// UsageAlways sends that chunk without being asked.
	UsageAlways
	// UsageWithFinish puts it into the chunk with the finish_reason: DeepSeek.
	UsageWithFinish
	// UsageCumulative puts the usage so far into every chunk: StepFun.
	UsageCumulative
	// UsageCumulativeNull does so and ends with a chunk whose usage is null.
	UsageCumulativeNull
	// UsageNever reports none, not even in an answer that is not streamed.
	UsageNever
)

// CachedPlace is where usage reports cached prompt tokens.
type CachedPlace int

const (
	CachedInDetails CachedPlace = iota // prompt_tokens_details.cached_tokens: OpenAI
	CachedTopLevel                     // cached_tokens: StepFun
	CachedHitMiss                      // prompt_cache_hit_tokens and …_miss_tokens: DeepSeek
)
