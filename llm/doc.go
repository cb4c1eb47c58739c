// Package llm asks language models and survives their bad days.
//
// A [Provider] streams one answer. Package openai has the adapter for servers
// that speak OpenAI's chat completions. Policies take a Provider and return
// one, so the wiring line says in which order they act:
//
//	p := llm.Fallback(
//		llm.Breaker(llm.Retry(llm.Throttle(primary, …), …), …),
//		llm.Breaker(llm.Retry(llm.Throttle(relay, …), …), …),
//	)
//
// Each attempt is throttled and counted by the breaker, which ends the retries
// once it has opened, and the fallback sees one verdict a provider.
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
// Nothing in this package reads the environment, starts a goroutine that
// outlives a call, or logs.
package llm
