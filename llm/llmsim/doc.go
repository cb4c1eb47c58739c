// Package llmsim is a local model server that plays scripts. It speaks
// OpenAI's chat completions, streamed and whole, and the many ways in which
// other servers speak them.
//
//	sim := llmsim.New(llmsim.Options{})
//	defer sim.Close()
//	baseURL := sim.Start(listener)
//
//	sim.Enqueue(
//		llmsim.RateLimited(2*time.Second),
//		llmsim.StepFun("Hello from a model."),
//		llmsim.Script{Text: "Half of this.", Fault: llmsim.Fault{Kind: llmsim.Cut, After: 2}},
//	)
//
// A [Script] is a plain struct: what is said, how fast, what is billed, and
// what goes wrong. When nothing is queued, Options.Answer is asked.
//
// # What a test may rely on
//
// The same requests in the same order get the same bytes, apart from the time
// in "created". Tokens are counted by the rule of [Usage], so the bill is exact:
// what a client has received is billed, at that moment, and nothing else but
// what was generated for it.
//
// All waiting is on timers, contexts and channels. In a testing/synctest bubble
// with package memnet, hours of silence take no time. Over real sockets the
// server behaves in the same way.
//
// The package uses nothing of the code that it tests, and nothing but the
// standard library.
//
// # Quirks
//
// [Quirks] returns all of these, for a client's test to play one by one. The
// verdict is what a correct client makes of it, see [Verdict].
//
//	no done                               complete  OpenAI-compatible servers; openai-go reports success
//	no final blank line                   complete  openai-go drops the event
//	finish unterminated                   complete  openai-go drops the finish_reason
//	single newline                        told      openai-go sees no chunk
//	cr only                               told      valid SSE; openai-go sees no chunk
//	crlf                                  complete  valid SSE
//	no space                              complete  valid SSE
//	bom                                   complete  valid SSE; openai-go loses the first chunk
//	comments                              complete  OpenRouter, DeepSeek, llama.cpp
//	retry field                           complete  valid SSE
//	empty data                            complete  openai-go reports a syntax error
//	keep-alive data                       complete  openai-go reports a syntax error
//	split bytes                           complete  TCP; runes and lines cut anywhere
//	lingers                               complete  pi#7959: finish_reason sent, never closed
//	lingers with comments                 complete  DeepSeek: comments for ever after the last token
//	lingers after done                    complete  a proxy keeps the connection
//	stepfun                               complete  StepFun: role and finish_reason empty, usage cumulative
//	deepseek                              complete  DeepSeek: comments, null content, usage with the finish
//	openrouter                            complete  OpenRouter: comments, another model
//	azure                                 complete  Azure: choices empty, then a choice without delta
//	groq                                  complete  Groq: limits in the headers, requests a day and tokens a minute
//	llama.cpp                             complete  llama.cpp: null content beside the role
//	joined role                           complete  many: no chunk for the role alone
//	error null                            complete  gateways; openai-go reports an error
//	content null                          complete  many
//	content array                         complete  openai-go prints the JSON
//	tool calls null                       complete  many
//	tool calls empty                      complete  older vLLM
//	numeric id                            complete  compatible servers
//	float created                         complete  compatible servers
//	usage null                            complete  OpenAI, when usage was asked for
//	choices null                          complete  compatible servers
//	usage without id                      complete  openai-go's accumulator refuses the chunk
//	usage with finish                     complete  DeepSeek
//	usage cumulative                      complete  StepFun, Databricks, Poolside, Hugging Face; adding up is wrong
//	usage cumulative then null            complete  open-webui#29064
//	usage never                           complete  servers that ignore stream_options
//	cached in details                     complete  OpenAI
//	cached at top                         complete  StepFun
//	cached hit and miss                   complete  DeepSeek
//	reasoning_content                     complete  DeepSeek, older vLLM
//	reasoning                             complete  StepFun, Ollama, newer vLLM
//	think inline                          complete  servers without a reasoning parser; strip it
//	think split                           complete  the same, with tags cut by deltas
//	long line                             complete  openai-go#368: a limit of 64 KiB
//	200 json error                        broken    gateways; openai-go reports success
//	200 html                              broken    captive portals, proxies; openai-go reports success
//	200 empty                             broken    proxies; openai-go reports success
//	200 completion                        told      servers that ignore stream; openai-go sees no chunk
//	cut at once                           broken    killed server
//	cut                                   broken    killed server
//	end early                             broken    clean end without finish_reason; openai-go reports success
//	stall at once                         broken    overloaded server
//	stall                                 broken    overloaded server
//	stall with comments                   broken    DeepSeek; harness#6959: comments must not count as life
//	error at once                         broken    SGLang: context too long inside a stream
//	error object                          broken    LiteLLM: error, then no [DONE]
//	error object then done                broken    SGLang, llama.cpp
//	error chunk                           broken    OpenRouter: error beside finish_reason error
//	error chunk, string code              broken    OpenRouter: the code is not always a number
//	error event                           broken    event: error without an error key; openai-go ignores it
//	error event then done                 broken    the same, and the stream looks whole
//	error line                            broken    llama.cpp until late 2025; openai-go ignores it
//	error line then done                  broken    the same, and the stream looks whole
//	error flat                            broken    older vLLM; openai-go ignores it
//	error flat then done                  broken    older vLLM, and the stream looks whole
//	malformed                             broken    half a chunk, then a clean end
//	finish error                          broken    OpenRouter
//	finish insufficient_system_resource   broken    DeepSeek
//	finish eos                            told      compatible servers
//	finish length                         told      OpenAI: the limit of tokens
//	finish content_filter                 told      Azure
//	no finish, then done                  complete  servers that never send finish_reason
//
// [Refusals] returns those that are not answered with 200:
//
//	401 invalid_api_key                   broken    OpenAI, StepFun
//	402                                   broken    StepFun, DeepSeek: no balance
//	403                                   broken    OpenAI, Groq: not allowed
//	404 model_not_found                   broken    OpenAI
//	400 unknown model                     broken    StepFun
//	400 context_length_exceeded           broken    OpenAI
//	400 context, numeric code             broken    vLLM
//	400 exceed_context_size               broken    llama.cpp
//	400 content_filter                    broken    Azure: the prompt was refused
//	451                                   broken    StepFun: moderation
//	429                                   broken    all: Retry-After and retry-after-ms
//	429 without Retry-After               broken    many
//	429 insufficient_quota                broken    OpenAI: waiting does not help
//	400 credit balance                    broken    relays: quota without its status
//	529                                   broken    relays of Anthropic: overloaded
//	503 Retry-After                       broken    OpenRouter, StepFun
//	400 max_tokens                        broken    OpenAI o1 and later
//	400 max_completion_tokens             broken    compatible servers
//	400 temperature                       broken    OpenAI, reasoning models
//	422 stream_options                    broken    strict servers
//	429 string error                      broken    Ollama through proxies; openai-go loses the status
//	500 flat error                        broken    older vLLM; openai-go loses the message
//	422 detail                            broken    FastAPI; openai-go loses the message
//	503 array                             broken    Gemini; openai-go loses the message
//	502 html                              broken    proxies; openai-go loses the message
//	500 empty                             broken    proxies; openai-go loses the message
//
// Two rows have no text to check and are set on a [ChunkShape]: a tool call
// without an index, and one with index -1 (Bedrock).
package llmsim
