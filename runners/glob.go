package runners

import (
	"strings"
	"unicode/utf8"
)

// Fnmatch tells whether name matches a shell pattern as Python's fnmatch.fnmatch has it on
// POSIX: *, ?, [seq] and [!seq]; * and ? match any character, a bracket that does not
// close is itself.
func Fnmatch(name, pattern string) bool {
	// The place to go back to: after the newest *, and what it has swallowed so far.
	star, mark := -1, 0
	p, n := 0, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			star, mark = p+1, n
			p++
			continue
		}
		if p < len(pattern) {
			_, size := utf8.DecodeRuneInString(name[n:])
			if width, ok := matchOne(name[n:n+size], pattern[p:]); ok {
				p, n = p+width, n+size
				continue
			}
		}
		if star < 0 {
			return false
		}
		_, size := utf8.DecodeRuneInString(name[mark:])
		mark += size
		p, n = star, mark
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne matches one character with what pattern begins with, and tells how long that is.
func matchOne(char, pattern string) (width int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		if set, width := bracket(pattern); width > 0 {
			return width, inSet(char, set)
		}
	}
	_, size := utf8.DecodeRuneInString(pattern)
	return size, pattern[:size] == char
}

// bracket returns what stands between the brackets that pattern begins with, and the width
// of the whole; 0 where they do not close.
func bracket(pattern string) (set string, width int) {
	i := 1
	if i < len(pattern) && pattern[i] == '!' {
		i++
	}
	if i < len(pattern) && pattern[i] == ']' {
		i++
	}
	end := strings.IndexByte(pattern[min(i, len(pattern)):], ']')
	if end < 0 {
		return "", 0
	}
	return pattern[1 : i+end], i + end + 1
}

// inSet tells whether char is in the set of a bracket.
func inSet(char, set string) bool {
	rest, negated := strings.CutPrefix(set, "!")
	c, _ := utf8.DecodeRuneInString(char)
	runes := []rune(rest)
	in := false
	for i := 0; i < len(runes); i++ {
		if i+2 < len(runes) && runes[i+1] == '-' {
			in = in || runes[i] <= c && c <= runes[i+2]
			i += 2
			continue
		}
		in = in || runes[i] == c
	}
	return in != negated
}
