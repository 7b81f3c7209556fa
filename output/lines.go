package output

import (
	"strings"
	"unicode/utf8"
)

// isSpace is Python's str.isspace, which has four control characters that Go's
// unicode.IsSpace has not.
func isSpace(r rune) bool {
	switch {
	case r >= '\t' && r <= '\r', r >= 0x1c && r <= 0x20, r == 0x85, r == 0xa0:
		return true
	case r < 0x1680:
		return false
	}
	return r == 0x1680 || r >= 0x2000 && r <= 0x200a || r == 0x2028 || r == 0x2029 ||
		r == 0x202f || r == 0x205f || r == 0x3000
}

// trimRight is Python's str.rstrip.
func trimRight[T string | []byte](s T) T {
	n := len(s)
	for n > 0 {
		c := s[n-1]
		if c < utf8.RuneSelf {
			if !isSpace(rune(c)) {
				break
			}
			n--
			continue
		}
		from := max(n-utf8.UTFMax, 0)
		r, size := utf8.DecodeLastRuneInString(string(s[from:n]))
		if !isSpace(r) {
			break
		}
		n -= size
	}
	return s[:n]
}

// trimLeft and trim are Python's str.lstrip and str.strip.
func trimLeft(s string) string { return strings.TrimLeftFunc(s, isSpace) }

func trim(s string) string { return trimLeft(trimRight(s)) }

// lineBreak returns the length of the line boundary at s[i], 0 where there is none.
// Python's str.splitlines knows eleven of them.
func lineBreak(s string, i int) int {
	switch c := s[i]; {
	case c > '\r' && c < 0x1c:
		return 0
	case c == '\r':
		if i+1 < len(s) && s[i+1] == '\n' {
			return 2
		}
		return 1
	case c >= '\n' && c <= '\r', c >= 0x1c && c <= 0x1e:
		return 1
	case c == 0xc2:
		if strings.HasPrefix(s[i:], "\u0085") {
			return 2
		}
	case c == 0xe2:
		if strings.HasPrefix(s[i:], "\u2028") || strings.HasPrefix(s[i:], "\u2029") {
			return 3
		}
	}
	return 0
}

// nextLine cuts the first line off s: the line, its boundary and the rest.
func nextLine(s string) (line, sep, rest string) {
	for i := range len(s) {
		if c := s[i]; c >= 0x20 && c != 0xc2 && c != 0xe2 {
			continue
		}
		if n := lineBreak(s, i); n > 0 {
			return s[:i], s[i : i+n], s[i+n:]
		}
	}
	return s, "", ""
}

// splitLines is Python's str.splitlines.
func splitLines(s string) []string {
	var lines []string
	for s != "" {
		var line string
		line, _, s = nextLine(s)
		lines = append(lines, line)
	}
	return lines
}

// width is the length of text as Python counts it: in characters.
func width(s string) int { return utf8.RuneCountInString(s) }

// escapes takes from text the power over the terminal, as strip_colors asks for.
func escapes(s string) string {
	if strings.IndexByte(s, 0x1b) < 0 {
		return s
	}
	return strings.ReplaceAll(s, "\x1b", "?")
}
