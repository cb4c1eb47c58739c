package llmsim

import (
	"net/http"
	"time"
)

// Refusals returns the quirks that do not answer 200: statuses, shapes of
// bodies and codes that a client must tell apart. All are Broken.
func Refusals() []Quirk {
	quirk := func(name, source string, script func() Script) Quirk {
		return Quirk{Name: name, Source: source, Verdict: Broken, Play: func(string) Script { return script() }}
	}
	body := func(status int, shape ErrorShape, message, kind string) func() Script {
		return func() Script {
			return Refusal(status, shape, ErrorInfo{Message: message, Type: kind, Param: "messages", Code: status})
		}
	}
	return []Quirk{
		quirk("401 invalid_api_key", "OpenAI, StepFun", BadKey),
		quirk("402", "StepFun, DeepSeek: no balance", NoBalance),
		quirk("403", "OpenAI, Groq: not allowed", Forbidden),
		quirk("404 model_not_found", "OpenAI", func() Script { return UnknownModel("step-9") }),
		quirk("400 unknown model", "StepFun", func() Script { return StepFunUnknownModel("step-9") }),
		quirk("400 context_length_exceeded", "OpenAI", func() Script { return ContextTooLong(16384, 20000) }),
		quirk("400 context, numeric code", "vLLM", func() Script { return VLLMContextTooLong(16384, 20000) }),
		quirk("400 exceed_context_size", "llama.cpp", LlamaCppContextTooLong),
		quirk("400 content_filter", "Azure: the prompt was refused", ContentBlocked),
		quirk("451", "StepFun: moderation", Moderated),
		quirk("429", "all: Retry-After and retry-after-ms", func() Script { return RateLimited(7 * time.Second) }),
		quirk("429 without Retry-After", "many", func() Script { return RateLimited(0) }),
		quirk("429 insufficient_quota", "OpenAI: waiting does not help", QuotaExhausted),
		quirk("400 credit balance", "relays: quota without its status",
			body(http.StatusBadRequest, ErrorOpenAI, "Your credit balance is too low.", "invalid_request_error")),
		quirk("529", "relays of Anthropic: overloaded", body(529, ErrorOpenAI, "Overloaded", "overloaded_error")),
		quirk("503 Retry-After", "OpenRouter, StepFun", func() Script { return Overloaded(3 * time.Second) }),
		quirk("400 max_tokens", "OpenAI o1 and later", func() Script { return RejectedParam("max_tokens") }),
		quirk("400 max_completion_tokens", "compatible servers", func() Script { return RejectedParam("max_completion_tokens") }),
		quirk("400 temperature", "OpenAI, reasoning models", func() Script { return RejectedParam("temperature") }),
		quirk("422 stream_options", "strict servers", func() Script { return RejectedParam("stream_options") }),
		quirk("429 string error", "Ollama through proxies; openai-go loses the status",
			body(http.StatusTooManyRequests, ErrorString, "too many requests", "")),
		quirk("500 flat error", "older vLLM; openai-go loses the message",
			body(http.StatusInternalServerError, ErrorFlatBody, "CUDA out of memory", "InternalServerError")),
		quirk("422 detail", "FastAPI; openai-go loses the message",
			body(http.StatusUnprocessableEntity, ErrorDetail, "Field required", "missing")),
		quirk("503 array", "Gemini; openai-go loses the message",
			body(http.StatusServiceUnavailable, ErrorGemini, "The model is overloaded.", "UNAVAILABLE")),
		quirk("502 html", "proxies; openai-go loses the message",
			body(http.StatusBadGateway, ErrorHTML, "", "")),
		quirk("500 empty", "proxies; openai-go loses the message",
			body(http.StatusInternalServerError, ErrorEmpty, "", "")),
	}
}
