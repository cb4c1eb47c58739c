// Package memnet is a network without an operating system: a listener and
// connections that live in memory.
//
// It is made for [testing/synctest]. Inside a bubble, a goroutine that waits
// on a socket stops the fake clock for ever; one that waits on a memnet
// connection is durably blocked, so time moves on and real HTTP and WebSocket
// code can be tested against minutes of silence in milliseconds.
//
// Writes are buffered, unlike those of [net.Pipe]: two ends that write at the
// same time, as a WebSocket pong and a server's message do, must not wait for
// each other. The buffer is bounded, so a reader that stops reading is felt
// by the writer as it is on a socket.
package memnet
