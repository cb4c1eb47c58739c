// Package openai is the adapter to servers that speak OpenAI's chat
// completions: OpenAI itself and the many that call themselves compatible.
//
// Request types, authentication and error decoding come from openai-go. The
// event stream is decoded here, because the servers differ where it hurts: the
// SDK's streaming call turns a missing end, an error sent in-band or an HTML
// page with status 200 into an answer that ended well. Here a stream is whole
// only if a finish_reason or [DONE] was seen and no error came in-band.
//
// Three clocks guard a call: to the first token, between two payloads (comments
// and keep-alives do not count), and in total.
package openai
