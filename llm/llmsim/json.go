package llmsim

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// The JSON is written member by member and not marshalled: quirks are a matter
// of null, "" and absent, and of numbers where strings belong. It also keeps <
// and > as they are, which most servers do.

const hex = "0123456789abcdef"

// appendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\t':
			b = append(b, '\\', 't')
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		case r < utf8.RuneSelf:
			b = append(b, s[i])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

func appendInt[T int | int64](b []byte, n T) []byte {
	return strconv.AppendInt(b, int64(n), 10)
}

// appendCode appends an error's code: a string, a number or null.
func appendCode(b []byte, code any) []byte {
	switch code := code.(type) {
	case nil:
		return append(b, "null"...)
	case int:
		return appendInt(b, code)
	default:
		return appendString(b, fmt.Sprint(code))
	}
}

// appendStringOrNull appends null for the empty string.
func appendStringOrNull(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return appendString(b, s)
}
