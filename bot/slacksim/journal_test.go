package slacksim

import (
	"strings"
	"testing"
)

func TestJournalsAreBounded(t *testing.T) {
	var j journal[int]
	for n := range 3 * journalLen {
		j.add(n)
		if len(j.list) > journalLen {
			t.Fatalf("journal holds %d entries, want at most %d", len(j.list), journalLen)
		}
	}
	if last := j.list[len(j.list)-1]; last != 3*journalLen-1 || len(j.list) < journalLen/2 {
		t.Errorf("journal holds %d entries up to %d, want the newest", len(j.list), last)
	}

	calls := journal[Call]{size: callSize}
	text := strings.Repeat("x", 1<<20)
	for range 200 {
		calls.add(Call{Args: map[string]string{"text": text}})
		if calls.bytes > journalBytes {
			t.Fatalf("journal holds %d bytes, want at most %d", calls.bytes, journalBytes)
		}
	}
	if len(calls.list) < 30 {
		t.Errorf("journal holds %d large calls, want about 50", len(calls.list))
	}
	sum := 0
	for _, c := range calls.list {
		sum += callSize(c)
	}
	if sum != calls.bytes {
		t.Errorf("journal counts %d bytes, holds %d", calls.bytes, sum)
	}
}
