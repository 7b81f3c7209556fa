package live

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// visible shows what would move the cursor, or is no text, as its escape: what minions send
// never reaches the terminal as it came.
func visible(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case !shown(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// shown tells whether a character stays where it is put: no control of C1, and none that
// turns the direction of the text.
func shown(r rune) bool {
	switch {
	case 0x80 <= r && r < 0xa0, 0x200e <= r && r <= 0x200f, 0x2028 <= r && r <= 0x202e, 0x2066 <= r && r <= 0x2069, r == 0xfeff:
		return false
	}
	return true
}

// fit gives s exactly width columns, cut with a … or filled with blanks.
func fit(s string, width int, right bool) string {
	if width <= 0 {
		return ""
	}
	s = ansi.Truncate(s, width, "…")
	fill := strings.Repeat(" ", width-ansi.StringWidth(s))
	if right {
		return fill + s
	}
	return s + fill
}

// fold cuts text into lines of at most width columns.
func fold(text string, width int) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = visible(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    "))
		lines = append(lines, strings.Split(ansi.Hardwrap(line, max(width, 1), true), "\n")...)
	}
	return lines
}

// age writes how long ago something was, in one unit: 5s, 3m, 2h, 11d.
func age(now, then time.Time) string {
	if then.IsZero() {
		return "-"
	}
	switch d := max(now.Sub(then), 0); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}
