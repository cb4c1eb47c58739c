package llmsim

import "net/http"

// bodyQuirks answer 200 with something that is not a stream.
func bodyQuirks() []Quirk {
	body := func(contentType, text string) func(string) Script {
		return func(string) Script {
			return Script{Response: &Response{
				Header: http.Header{"Content-Type": {contentType}},
				Pieces: []string{text},
			}}
		}
	}
	overloaded := ErrorInfo{Message: "Overloaded", Type: "server_error"}
	return []Quirk{
		{"200 json error", "gateways; openai-go reports success", Broken, false,
			body("application/json", errorBody(ErrorOpenAI, http.StatusOK, overloaded))},
		{"200 html", "captive portals, proxies; openai-go reports success", Broken, false,
			body("text/html", errorBody(ErrorHTML, http.StatusOK, ErrorInfo{}))},
		{"200 empty", "proxies; openai-go reports success", Broken, false,
			body("text/event-stream", "")},
		{"200 completion", "servers that ignore stream; openai-go sees no chunk", Told, false,
			func(text string) Script { return Script{Text: text, Whole: true} }},
	}
}

// faultQuirks break off after the second delta, where nothing else is said.
func faultQuirks() []Quirk {
	fault := func(kind FaultKind, after int) func(string) Script {
		return func(text string) Script { return Script{Text: text, Fault: Fault{Kind: kind, After: after}} }
	}
	return []Quirk{
		{"cut at once", "killed server", Broken, false, fault(Cut, 0)},
		{"cut", "killed server", Broken, false, fault(Cut, 2)},
		{"end early", "clean end without finish_reason; openai-go reports success", Broken, false, fault(EndEarly, 2)},
		{"stall at once", "overloaded server", Broken, true, fault(Stall, 0)},
		{"stall", "overloaded server", Broken, true, fault(Stall, 2)},
		{"stall with comments", "DeepSeek; harness#6959: comments must not count as life", Broken, true,
			func(text string) Script {
				return Script{Text: text, Fault: Fault{Kind: Stall, After: 2}, Framing: DeepSeek("").Framing}
			}},
		{"error at once", "SGLang: context too long inside a stream", Broken, false,
			func(string) Script { return SGLangContextTooLong(16384, 20000) }},
		{"error object", "LiteLLM: error, then no [DONE]", Broken, false, fault(ErrorObject, 2)},
		{"error object then done", "SGLang, llama.cpp", Broken, false, func(text string) Script {
			return Script{Text: text, Fault: Fault{Kind: ErrorObject, After: 2, Done: true}}
		}},
		{"error chunk", "OpenRouter: error beside finish_reason error", Broken, false, func(text string) Script {
			script := OpenRouter(text)
			script.Fault = Fault{Kind: ErrorChunk, After: 2, Done: true}
			return script
		}},
		{"error chunk, string code", "OpenRouter: the code is not always a number", Broken, false, func(text string) Script {
			script := OpenRouter(text)
			script.Fault = Fault{Kind: ErrorChunk, After: 2, Error: &ErrorInfo{
				Message: "Provider disconnected", Type: "provider_unavailable", Code: "server_error",
			}}
			return script
		}},
		{"error event", "event: error without an error key; openai-go ignores it", Broken, false, fault(ErrorEvent, 2)},
		{"error event then done", "the same, and the stream looks whole", Broken, false, func(text string) Script {
			return Script{Text: text, Fault: Fault{Kind: ErrorEvent, After: 2, Done: true}}
		}},
		{"error line", "llama.cpp until late 2025; openai-go ignores it", Broken, false, fault(ErrorLine, 2)},
		{"error line then done", "the same, and the stream looks whole", Broken, false, func(text string) Script {
			return Script{Text: text, Fault: Fault{Kind: ErrorLine, After: 2, Done: true}}
		}},
		{"error flat", "older vLLM; openai-go ignores it", Broken, false, fault(ErrorFlat, 2)},
		{"error flat then done", "older vLLM, and the stream looks whole", Broken, false, func(text string) Script {
			return Script{Text: text, Fault: Fault{Kind: ErrorFlat, After: 2, Done: true}}
		}},
		{"malformed", "half a chunk, then a clean end", Broken, false, fault(Malformed, 2)},
	}
}

// finishQuirks end the answer for reasons other than its end.
func finishQuirks() []Quirk {
	finish := func(reason string) func(string) Script {
		return func(text string) Script { return Script{Text: text, FinishReason: reason} }
	}
	return []Quirk{
		{"finish error", "OpenRouter", Broken, false, finish("error")},
		{"finish insufficient_system_resource", "DeepSeek", Broken, false, finish("insufficient_system_resource")},
		{"finish eos", "compatible servers", Told, false, finish("eos")},
		{"finish length", "OpenAI: the limit of tokens", Told, false, finish("length")},
		{"finish content_filter", "Azure", Told, false, finish("content_filter")},
		{"no finish, then done", "servers that never send finish_reason", Complete, false,
			shaped(ChunkShape{NoFinish: true})},
	}
}
