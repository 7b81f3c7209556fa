package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// A terminal is stdout where a person looks at it. Control characters in what minions and
// the bus have sent are shown escaped (\x1b) and do nothing; into a pipe or a file the
// bytes go as they are, which are salt-run's. gorun's own colours begin with csi, which
// nobody else can know.
type terminal struct {
	out  io.Writer
	csi  string
	held []byte // the beginning of what cannot be judged yet
}

// openTerminal is nil where w is no terminal.
func openTerminal(w io.Writer) *terminal {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return newTerminal(w)
}

func newTerminal(w io.Writer) *terminal {
	return &terminal{out: w, csi: fmt.Sprintf("\x1b%016x%016x[", rand.Uint64(), rand.Uint64())}
}

// Write shows p. The end of it may be held back until the next Write, or flush.
func (t *terminal) Write(p []byte) (int, error) {
	shown, rest := visible(append(t.held, p...), t.csi, false)
	t.held = bytes.Clone(rest)
	if _, err := t.out.Write(shown); err != nil {
		return 0, err
	}
	return len(p), nil
}

// flush shows what was held back.
func (t *terminal) flush() error {
	rest := escapeControls(string(t.held))
	t.held = nil
	_, err := io.WriteString(t.out, rest)
	return err
}

// escapeControls shows the control characters in s other than tabs and ends of lines.
func escapeControls(s string) string {
	shown, _ := visible([]byte(s), "", true)
	return string(shown)
}

// visible returns what p looks like: a control character, and a byte that is no UTF-8, as
// the escape of it; a colour that begins with csi as one. Unless p is all there is, an end
// that more bytes could change is returned as the rest.
func visible(p []byte, csi string, all bool) (shown, rest []byte) {
	for len(p) > 0 {
		n := 0
		for n < len(p) && plain(p[n]) {
			n++
		}
		shown, p = append(shown, p[:n]...), p[n:]
		if len(p) == 0 {
			break
		}
		text, size := control(p, csi)
		if size == 0 && !all {
			return shown, p
		}
		if size == 0 {
			text, size = fmt.Sprintf(`\x%02x`, p[0]), 1
		}
		shown, p = append(shown, text...), p[size:]
	}
	return shown, nil
}

func plain(c byte) bool { return c >= ' ' && c < 0x7f || c == '\n' || c == '\t' }

// maxColor bounds the parameters of a colour, in bytes.
const maxColor = 64

// control shows the first character of p, which is not plain, and tells its size: 0 where
// that depends on what follows.
func control(p []byte, csi string) (text string, size int) {
	switch c := p[0]; {
	case c == '\r' && len(p) == 1:
		return "", 0
	case c == '\r' && p[1] == '\n':
		return "\r\n", 2
	case c == '\x1b' && bytes.HasPrefix(p, []byte(csi)) && csi != "":
		color := p[len(csi):]
		if end := bytes.IndexByte(color[:min(len(color), maxColor)], 'm'); end >= 0 {
			return "\x1b[" + string(color[:end+1]), len(csi) + end + 1
		}
		if len(color) < maxColor {
			return "", 0
		}
	case c == '\x1b' && strings.HasPrefix(csi, string(p)):
		return "", 0
	case c >= utf8.RuneSelf:
		r, n := utf8.DecodeRune(p)
		switch {
		case r == utf8.RuneError && n == 1 && !utf8.FullRune(p):
			return "", 0
		case r == utf8.RuneError && n == 1:
		case r < 0xa0: // C1: some terminals take U+009B for ESC [
			return fmt.Sprintf(`\u%04x`, r), n
		default:
			return string(p[:n]), n
		}
	}
	return fmt.Sprintf(`\x%02x`, p[0]), 1
}
