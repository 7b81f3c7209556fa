package output

import (
	"slices"
	"strings"
	"unicode"
)

// fill is Python's textwrap.fill: text in lines of that many columns, each with a
// margin to its left.
func fill(text string, columns, margin int) string {
	words := splitWords([]rune(blanked(text)))
	room := columns - margin
	var lines []string
	for len(words) > 0 {
		if len(lines) > 0 && blank(words[0]) {
			words = words[1:]
		}
		var line [][]rune
		length := 0
		for len(words) > 0 && length+len(words[0]) <= room {
			length += len(words[0])
			line = append(line, words[0])
			words = words[1:]
		}
		if len(words) > 0 && len(words[0]) > room {
			n := breakWord(words[0], room-length)
			line = append(line, words[0][:n])
			words[0] = words[0][n:]
		}
		if n := len(line); n > 0 && blank(line[n-1]) {
			line = line[:n-1]
		}
		if len(line) > 0 {
			lines = append(lines, pad(margin)+string(slices.Concat(line...)))
		}
	}
	return strings.Join(lines, "\n")
}

func blank(word []rune) bool { return trim(string(word)) == "" }

// blanked writes blanks for tabs, up to the next column of eight, and for breaks.
func blanked(text string) string {
	var b strings.Builder
	column := 0
	for _, r := range text {
		switch r {
		case '\t':
			n := 8 - column%8
			b.WriteString(pad(n))
			column += n
			continue
		case '\n', '\r':
			column = -1
			r = ' '
		case '\v', '\f':
			r = ' '
		}
		b.WriteRune(r)
		column++
	}
	return b.String()
}

// breakWord tells after how many characters a word that is longer than a line is
// broken: behind its last hyphen there, or where room ends.
func breakWord(word []rune, room int) int {
	for i := min(room, len(word)) - 1; i > 0; i-- {
		if word[i] == '-' {
			if slices.ContainsFunc(word[:i], func(r rune) bool { return r != '-' }) {
				return i + 1
			}
			break
		}
	}
	return room
}

// splitWords cuts text where textwrap may break it: at blanks, behind hyphens
// between letters, and around dashes.
func splitWords(s []rune) [][]rune {
	var words [][]rune
	for from := 0; from < len(s); {
		to := wordEnd(s, from)
		words = append(words, s[from:to])
		from = to
	}
	return words
}

func wordEnd(s []rune, from int) int {
	if s[from] == ' ' {
		for from < len(s) && s[from] == ' ' {
			from++
		}
		return from
	}
	if n := dash(s, from); n > 0 && from > 0 && inWord(s[from-1]) {
		return from + n
	}
	for i := from + 1; ; i++ {
		switch {
		case i == len(s) || s[i] == ' ':
			return i
		case hyphen(s, i):
			return i + 1
		case inWord(s[i-1]) && dash(s, i) > 0:
			return i
		}
	}
}

// dash returns the length of the dash at s[i], two hyphens or more before a word; 0
// where there is none.
func dash(s []rune, i int) int {
	n := 0
	for i+n < len(s) && s[i+n] == '-' {
		n++
	}
	if n < 2 || i+n == len(s) || !alphanumeric(s[i+n]) {
		return 0
	}
	return n
}

// hyphen tells of a hyphen at s[i] behind which a word may be broken.
func hyphen(s []rune, i int) bool {
	if s[i] != '-' || i < 2 || i+2 >= len(s) {
		return false
	}
	before := letter(s[i-2]) && letter(s[i-1]) || i >= 3 && letter(s[i-3]) && s[i-2] == '-' && inWord(s[i-1])
	after := letter(s[i+1]) && (letter(s[i+2]) || s[i+2] == '-' && i+3 < len(s) && letter(s[i+3]))
	return before && after
}

func alphanumeric(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) }

func letter(r rune) bool { return alphanumeric(r) && !unicode.IsDigit(r) }

func inWord(r rune) bool { return alphanumeric(r) || strings.ContainsRune(`!"'&.,?`, r) }
