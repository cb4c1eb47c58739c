package openai

import (
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/openai/openai-go/v3"

	"github.com/bobbin-bot/bobbin/llm"
)

// quirks are what a server has refused so far. Each is learned once, from a
// 400 or 422 that names the parameter, and kept for the life of the Provider.
type quirks struct {
	noStreamOptions       atomic.Bool
	noTemperature         atomic.Bool
	maxCompletionTokens   atomic.Bool // wants max_completion_tokens (OpenAI since o1)
	noMaxCompletionTokens atomic.Bool // refused that too
}

// refused is the state of quirks that one request was made with.
type refused struct {
	streamOptions, temperature, maxTokens, maxCompletionTokens bool
}

func (q *quirks) snapshot() refused {
	return refused{
		streamOptions:       q.noStreamOptions.Load(),
		temperature:         q.noTemperature.Load(),
		maxTokens:           q.maxCompletionTokens.Load(),
		maxCompletionTokens: q.noMaxCompletionTokens.Load(),
	}
}

// refusesParameter tells a parameter that a server does not want from a value
// that it does not like.
var refusesParameter = regexp.MustCompile(`unsupported|not support|unknown|unrecogni[sz]ed|not permitted|not allowed|forbidden|unexpected|extra `)

// learn looks for a parameter in a refusal of a request made with sent. It
// returns true if the request should be sent again without it.
func (q *quirks) learn(e *llm.Error, sent refused) bool {
	if e.Class != llm.ClassRequest || (e.Status != 400 && e.Status != 422) {
		return false
	}
	text := strings.ToLower(e.Code + " " + e.Message)
	if !refusesParameter.MatchString(text) { // perhaps only its value
		return false
	}
	switch {
	case !sent.streamOptions && strings.Contains(text, "stream_options"):
		q.noStreamOptions.Store(true)
	case !sent.maxCompletionTokens && sent.maxTokens && strings.Contains(text, "max_completion_tokens"):
		q.noMaxCompletionTokens.Store(true)
	case !sent.maxTokens && strings.Contains(text, "max_tokens"):
		q.maxCompletionTokens.Store(true)
	case !sent.temperature && strings.Contains(text, "temperature"):
		q.noTemperature.Store(true)
	default:
		return false
	}
	return true
}

// params builds the request body; "stream" is set by the caller.
func (p *Provider) params(req llm.Request, without refused) openai.ChatCompletionNewParams {
	body := openai.ChatCompletionNewParams{
		Model:    req.Model,
		Messages: make([]openai.ChatCompletionMessageParamUnion, 0, len(req.Messages)+1),
	}
	if req.System != "" {
		body.Messages = append(body.Messages, openai.SystemMessage(req.System))
	}
	for _, m := range alternating(req.Messages) {
		if m.Role == llm.RoleAssistant {
			body.Messages = append(body.Messages, openai.AssistantMessage(m.Content))
		} else {
			body.Messages = append(body.Messages, openai.UserMessage(m.Content))
		}
	}
	if !without.streamOptions {
		body.StreamOptions.IncludeUsage = openai.Bool(true)
	}
	limit := p.o.MaxOutputTokens
	if req.MaxOutputTokens > 0 {
		limit = req.MaxOutputTokens
	}
	if limit > 0 {
		switch {
		case !without.maxTokens:
			body.MaxTokens = openai.Int(int64(limit))
		case !without.maxCompletionTokens:
			body.MaxCompletionTokens = openai.Int(int64(limit))
		}
	}
	temperature := p.o.Temperature
	if req.Temperature != nil {
		temperature = req.Temperature
	}
	if temperature != nil && !without.temperature {
		body.Temperature = openai.Float(*temperature)
	}
	return body
}

// alternating joins neighbours of one role: strict servers refuse two user
// messages in a row.
func alternating(messages []llm.Message) []llm.Message {
	var out []llm.Message
	for _, m := range messages {
		if n := len(out); n > 0 && out[n-1].Role == m.Role {
			out[n-1].Content += "\n\n" + m.Content
			continue
		}
		out = append(out, m)
	}
	return out
}
