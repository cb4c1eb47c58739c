package llmsim

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// BadKey is 401 invalid_api_key.
func BadKey() Script {
	return Refusal(http.StatusUnauthorized, ErrorOpenAI, ErrorInfo{
		Message: "Incorrect API key provided.",
		Type:    "invalid_request_error", Code: "invalid_api_key",
	})
}

// NoBalance is 402: StepFun, DeepSeek, OpenRouter.
func NoBalance() Script {
	return Refusal(http.StatusPaymentRequired, ErrorOpenAI, ErrorInfo{
		Message: "Insufficient Balance", Type: "unknown_error", Code: "invalid_request_error",
	})
}

// Forbidden is 403: the key may not use the model, or not from here.
func Forbidden() Script {
	return Refusal(http.StatusForbidden, ErrorOpenAI, ErrorInfo{
		Message: "Your account does not have access to this model.",
		Type:    "permission_error", Code: "forbidden",
	})
}

// UnknownModel is OpenAI's 404 model_not_found.
func UnknownModel(model string) Script {
	return Refusal(http.StatusNotFound, ErrorOpenAI, ErrorInfo{
		Message: fmt.Sprintf("The model `%s` does not exist or you do not have access to it.", model),
		Type:    "invalid_request_error", Code: "model_not_found",
	})
}

// StepFunUnknownModel is StepFun's 400 for the same.
func StepFunUnknownModel(model string) Script {
	return Refusal(http.StatusBadRequest, ErrorOpenAI, ErrorInfo{
		Message: fmt.Sprintf("model %s does not exist", model), Type: "request_params_invalid",
	})
}

// ContextTooLong is OpenAI's 400 context_length_exceeded.
func ContextTooLong(limit, asked int) Script {
	return Refusal(http.StatusBadRequest, ErrorOpenAI, ErrorInfo{
		Message: fmt.Sprintf("This model's maximum context length is %d tokens. However, your messages resulted in %d tokens. Please reduce the length of the messages.", limit, asked),
		Type:    "invalid_request_error", Param: "messages", Code: "context_length_exceeded",
	})
}

// VLLMContextTooLong is vLLM's: a numeric code and only the words to go by.
func VLLMContextTooLong(limit, asked int) Script {
	return Refusal(http.StatusBadRequest, ErrorOpenAI, ErrorInfo{
		Message: fmt.Sprintf("This model's maximum context length is %d tokens. However, you requested %d tokens.", limit, asked),
		Type:    "BadRequestError", Code: http.StatusBadRequest,
	})
}

// LlamaCppContextTooLong is llama.cpp's: a type of its own and a numeric code.
func LlamaCppContextTooLong() Script {
	return Refusal(http.StatusBadRequest, ErrorOpenAI, ErrorInfo{
		Message: "the request exceeds the available context size, try increasing it",
		Type:    "exceed_context_size_error", Code: http.StatusBadRequest,
	})
}

// SGLangContextTooLong says it in a stream that began with status 200.
func SGLangContextTooLong(limit, asked int) Script {
	return Script{Fault: Fault{Kind: ErrorObject, Done: true, Error: &ErrorInfo{
		Message: fmt.Sprintf("The input (%d tokens) is longer than the model's context length (%d tokens).", asked, limit),
		Type:    "BadRequestError", Code: http.StatusBadRequest,
	}}}
}

// ContentBlocked is Azure's 400 content_filter: the prompt was refused.
func ContentBlocked() Script {
	return Refusal(http.StatusBadRequest, ErrorOpenAI, ErrorInfo{
		Message: "The response was filtered due to the prompt triggering the content management policy.",
		Param:   "prompt", Code: "content_filter",
	})
}

// Moderated is StepFun's 451.
func Moderated() Script {
	return Refusal(http.StatusUnavailableForLegalReasons, ErrorOpenAI, ErrorInfo{
		Message: "The content you provided or machine outputted is blocked.", Type: "censorship_blocked",
	})
}

// RateLimited is 429 with Retry-After in whole seconds, rounded up, and
// retry-after-ms. With 0 neither is sent.
func RateLimited(retryAfter time.Duration) Script {
	return rateLimited(retryAfter, "Rate limit reached for requests")
}

func rateLimited(retryAfter time.Duration, message string) Script {
	script := Refusal(http.StatusTooManyRequests, ErrorOpenAI, ErrorInfo{
		Message: message, Type: "requests", Code: "rate_limit_exceeded",
	})
	setRetryAfter(script.Response.Header, retryAfter)
	return script
}

// QuotaExhausted is 429 insufficient_quota: waiting does not help.
func QuotaExhausted() Script {
	return Refusal(http.StatusTooManyRequests, ErrorOpenAI, ErrorInfo{
		Message: "You exceeded your current quota, please check your plan and billing details.",
		Type:    "insufficient_quota", Code: "insufficient_quota",
	})
}

// Overloaded is 503 with Retry-After, if that is not 0.
func Overloaded(retryAfter time.Duration) Script {
	script := Refusal(http.StatusServiceUnavailable, ErrorOpenAI, ErrorInfo{
		Message: "The engine is currently overloaded, please try again later.",
		Type:    "service_unavailable_error", Code: "engine_overloaded",
	})
	setRetryAfter(script.Response.Header, retryAfter)
	return script
}

// RejectedParam is the answer of a server that does not know a parameter, or
// not any more. Temperature and the two limits of tokens have OpenAI's 400
// shape, others the 422 of servers that are strict about extra members.
func RejectedParam(name string) Script {
	e := ErrorInfo{Type: "invalid_request_error", Param: name}
	switch name {
	case "max_tokens":
		e.Message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
		e.Code = "unsupported_parameter"
	case "max_completion_tokens":
		e.Message = "Unrecognized request argument supplied: max_completion_tokens"
	case "temperature":
		e.Message = "Unsupported value: 'temperature' does not support this value with this model. Only the default (1) value is supported."
		e.Code = "unsupported_value"
	default:
		return Refusal(http.StatusUnprocessableEntity, ErrorDetail, ErrorInfo{
			Message: "Extra inputs are not permitted", Type: "extra_forbidden", Param: name,
		})
	}
	return Refusal(http.StatusBadRequest, ErrorOpenAI, e)
}

// badRequest refuses what OpenAI would not accept.
func badRequest(status int, param, message string) *Script {
	script := Refusal(status, ErrorOpenAI, ErrorInfo{Message: message, Type: "invalid_request_error", Param: param})
	return &script
}

// setRetryAfter sets both headers, so that a client that knows only one obeys too.
func setRetryAfter(h http.Header, d time.Duration) {
	if d <= 0 {
		return
	}
	h.Set("Retry-After", strconv.Itoa(int(math.Ceil(d.Seconds()))))
	h.Set("Retry-After-Ms", strconv.FormatInt(int64(math.Ceil(float64(d)/float64(time.Millisecond))), 10))
}
