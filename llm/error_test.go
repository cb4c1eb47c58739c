package llm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bobbin-bot/bobbin/llm"
)

func TestErrorTextHidesKeys(t *testing.T) {
	e := &llm.Error{Class: llm.ClassAuth, Provider: "p", Status: 401, Err: fmt.Errorf("Authorization: Bearer sk-abcdefgh123456")}
	if s := e.Error(); strings.Contains(s, "abcdefgh") || !strings.Contains(s, "401") {
		t.Errorf("error text %q", s)
	}
}
