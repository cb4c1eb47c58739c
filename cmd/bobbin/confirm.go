package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// confirmation asks before something that cannot be undone.
type confirmation struct {
	in  io.Reader
	out io.Writer
	yes bool
}

// check refuses at once what could never be answered.
func (a confirmation) check() error {
	f, ok := a.in.(*os.File)
	if a.yes || ok && term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return errors.New("this cannot be undone, and there is no terminal to ask on: add --yes")
}

func (a confirmation) confirm(question string) error {
	if a.yes {
		return nil
	}
	fmt.Fprintf(a.out, "%s [y/N] ", question)
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was erased")
}
