package bot

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

// userText says in one calm sentence why there is no answer and what can be
// done. Details are for the log: the person asked a question, not for a stack
// trace.
func userText(err error) string {
	e, ok := errors.AsType[*llm.Error](err)
	if !ok {
		return "Something went wrong on my side, and I have no answer. It is in my log; please try again."
	}
	who := "The model provider"
	if e.Provider != "" {
		who += " " + e.Provider
	}
	const askAgain = " Please ask again in a moment."
	switch e.Class {
	case llm.ClassAuth:
		return who + " refused my key. Whoever runs me has to check `api_key` and `base_url`."
	case llm.ClassQuota:
		return who + " says that the account has no balance left. Whoever runs me has to top it up."
	case llm.ClassModel:
		model := ""
		if e.Model != "" {
			model = fmt.Sprintf(" `%s`", e.Model)
		}
		return who + " does not know the model" + model + ". Whoever runs me has to check `model`."
	case llm.ClassRate:
		return who + " is getting too many requests." + when(e.RetryAfter)
	case llm.ClassTimeout:
		return who + " did not answer in time." + askAgain
	case llm.ClassConnect:
		return who + " could not be reached." + askAgain
	case llm.ClassContext:
		return "This conversation has become too long for the model. Please start a new thread, or ask with less text."
	case llm.ClassContent:
		return who + " declined to answer this."
	case llm.ClassTruncated:
		return "The answer broke off." + askAgain
	case llm.ClassRequest:
		return who + " did not accept my request. The reason is in my log."
	case llm.ClassFlood:
		return "Several of your questions are waiting already. Please ask again when they are answered."
	case llm.ClassLocal:
		// A breaker that is open because nobody can be served: say why, not that.
		if cause, ok := errors.AsType[*llm.Error](e.Err); ok && slices.Contains(forTheOperator, cause.Class) {
			return userText(cause)
		}
		return who + " cannot be asked right now." + when(e.RetryAfter)
	}
	return who + " has a problem." + askAgain
}

// forTheOperator are the failures that waiting does not cure.
var forTheOperator = []llm.Class{llm.ClassAuth, llm.ClassQuota, llm.ClassModel}

func when(after time.Duration) string {
	if after <= 0 {
		return " Please ask again in a moment."
	}
	return fmt.Sprintf(" Please ask again in %s.", roundUp(after))
}

// roundUp writes a duration for people: whole seconds, minutes or hours.
func roundUp(d time.Duration) string {
	if d <= 90*time.Second {
		return fmt.Sprintf("%d s", max(1, int((d+time.Second-1)/time.Second)))
	}
	if d > 119*time.Minute {
		return fmt.Sprintf("%d h", int((d+30*time.Minute)/time.Hour))
	}
	return fmt.Sprintf("%d min", int((d+time.Minute-1)/time.Minute))
}

// instead is the line under an answer that another provider gave.
func instead(r *llm.Response) string {
	return strings.TrimSpace(fmt.Sprintf("Answered by %s: %s %s.", r.Provider, r.Instead.Provider, reason(r.Instead.Class)))
}

// reason is why a provider gave no answer, in words that follow its name.
func reason(class llm.Class) string {
	text := map[llm.Class]string{
		llm.ClassRate: "is over its rate limit", llm.ClassQuota: "has no balance left", llm.ClassAuth: "refused the key",
		llm.ClassModel: "does not know the model", llm.ClassTimeout: "did not answer in time",
		llm.ClassConnect: "could not be reached", llm.ClassLocal: "is paused after failures or busy",
		llm.ClassTruncated: "broke off", llm.ClassCancelled: "was stopped",
	}[class]
	if text == "" {
		return "had a problem"
	}
	return text
}
