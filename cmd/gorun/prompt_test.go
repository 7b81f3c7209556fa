package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// echoes tells whether a terminal shows what is typed.
func echoes(t *testing.T, pty *pseudoTerminal) bool {
	t.Helper()
	settings, err := unix.IoctlGetTermios(int(pty.slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return settings.Lflag&unix.ECHO != 0
}

// What is typed for a password is not shown; a Ctrl-C while it is asked for ends the asking,
// and leaves the terminal as it was.
func TestSecret(t *testing.T) {
	for _, interrupted := range []bool{false, true} {
		pty := openPty(t)
		var out bytes.Buffer
		p := prompter{in: pty.slave, lines: bufio.NewReader(pty.slave), out: &out}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for echoes(t, pty) {
				time.Sleep(time.Millisecond)
			}
			if interrupted {
				cancel()
			} else {
				_, _ = io.WriteString(pty.keys, "hidden\n")
			}
		}()
		typed, err := p.secret(ctx, "password")
		switch {
		case interrupted && !errors.Is(err, context.Canceled), !interrupted && (err != nil || typed != "hidden"):
			t.Errorf("%q, %v", typed, err)
		case !echoes(t, pty):
			t.Error("the terminal shows nothing any more")
		case out.String() != "password: \n":
			t.Errorf("asked %q", out.String())
		}
		cancel()
		_, _ = io.WriteString(pty.keys, "\n") // for a reading that was left behind
		if seen := pty.read(t); bytes.Contains(seen, []byte("hidden")) {
			t.Errorf("shown: %q", seen)
		}
	}
}

func TestLine(t *testing.T) {
	tests := []struct {
		typed, want string
		err         error
	}{{"sue\r\n", "sue", nil}, {"sue", "sue", nil}, {"\n", "", nil}, {"", "", errUsage}}
	for _, test := range tests {
		in := strings.NewReader(test.typed)
		p := prompter{in: in, lines: bufio.NewReader(in), out: io.Discard}
		if got, err := p.line(t.Context(), "username"); got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%q: %q, %v", test.typed, got, err)
		}
	}
}
