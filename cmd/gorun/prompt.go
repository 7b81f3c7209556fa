package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// prompter asks the user. It asks on stderr: stdout is for the answer.
type prompter struct {
	in    io.Reader
	lines *bufio.Reader
	out   io.Writer
}

// line asks for what may be seen. Errors are errUsage where nothing is typed, and that of ctx.
func (p prompter) line(ctx context.Context, name string) (string, error) {
	return p.ask(ctx, name, func() (string, error) {
		line, err := p.lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line != "" {
			err = nil
		}
		return strings.TrimRight(line, "\r\n"), err
	})
}

// secret is line without an echo, where there is a terminal.
func (p prompter) secret(ctx context.Context, name string) (string, error) {
	f, ok := p.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return p.line(ctx, name)
	}
	fd := int(f.Fd())
	echo, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("ask for the %s: %w", name, err)
	}
	typed, err := p.ask(ctx, name, func() (string, error) {
		typed, err := term.ReadPassword(fd)
		return string(typed), err
	})
	if ctx.Err() != nil { // the reading goes on, and has not brought back the echo
		err = errors.Join(err, term.Restore(fd, echo))
	}
	_, _ = fmt.Fprintln(p.out) // the line end that was not echoed
	return typed, err
}

// ask waits for what read returns or for the end of ctx. Nothing ends a read from a terminal:
// it is left behind then, and ends with the process.
func (p prompter) ask(ctx context.Context, name string, read func() (string, error)) (string, error) {
	if _, err := fmt.Fprintf(p.out, "%s: ", name); err != nil {
		return "", fmt.Errorf("ask for the %s: %w", name, err)
	}
	type answer struct {
		typed string
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		typed, err := read()
		answers <- answer{typed, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case a := <-answers:
		switch {
		case errors.Is(a.err, io.EOF):
			return "", fmt.Errorf("%w: no %s: give --%s, or type it", errUsage, name, name)
		case a.err != nil:
			return "", fmt.Errorf("ask for the %s: %w", name, a.err)
		}
		return a.typed, nil
	}
}
