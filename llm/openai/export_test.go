package openai

import "io"

// Pieces reads rest in pieces of n bytes.
func Pieces(rest []byte, n int) io.Reader { return &pieces{rest, n} }
