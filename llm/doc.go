// Package llm asks language models and survives their bad days.
//
// A [Provider] streams one answer. Package openai has the adapter for servers
// that speak OpenAI's chat completions. Policies take a Provider and return
// one, so the wiring line says in which order they act:
//
//		p := llm.Fallback([]llm.Provider{
//			llm.Breaker(llm.Retry(llm.Fit(llm.Throttle(primary, …), …), …), …),
//			llm.Breaker(llm.Retry(llm.Fit(llm.Throttle(relay, …), …), …), …),
//		}, llm.FallbackOptions{})
//
//	  - [Throttle] (queue.go, dispatch.go, limit.go, pace.go) keeps the limits of
//	    the configuration and those the provider tells, for each attempt.
//	  - [Fit] cuts a prompt that the model cannot read.
//	  - [Retry] asks again, within a budget that all callers share.
//	  - [Breaker] (breakerstate.go, probe.go) counts attempts, ends the retries
//	    once it has opened, and finds out without anybody's question when the
//	    provider is back.
//	  - [Fallback] turns to the next provider and keeps the promise that an answer
//	    or an error comes in time. error.go says which failure does what.
//
// Beside them, an [Estimator] guesses tokens, [Listed] knows prices, and a
// [Recorder] is told of everything.
//
// # Rules of a stream
//
// A stream is pulled: leaving the loop ends the call and frees its
// connection. It yields any number of deltas and ends either with a Delta
// whose Response is set or with an error, never with neither.
//
// Until the first visible text a policy may start over unseen. After it, an
// answer of another model is never glued to the first half: the stream yields
// a Delta with Restart set, which voids all text before it.
//
// Nothing in this package reads the environment, logs, or starts a goroutine;
// [BreakerProvider.Run] is for a goroutine of the caller's.
package llm
