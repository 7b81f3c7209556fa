package output

import (
	"strings"
	"unicode/utf8"
)

// A style is one of YAML's ways to write a scalar.
type style int

const (
	plainStyle style = iota
	singleQuoted
	doubleQuoted
	literal
)

// traits are what libyaml finds out about a text before it chooses a style.
type traits struct {
	multiline                          bool
	flowPlain, blockPlain, singleQuote bool // styles that can hold the text
}

// isBreak tells of the line boundaries of YAML, fewer than Python's.
func isBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029
}

// isBlank tells of what separates words; end stands for the end of the text.
func isBlank(r rune) bool {
	return r == ' ' || r == '\t' || r == end || r == 0 || isBreak(r)
}

// end is the character behind the last.
const end rune = -1

// isPrintable is libyaml's notion of it: a tab is not, and nothing beyond U+FFFF.
func isPrintable(r rune) bool {
	switch {
	case r == '\n', r >= 0x20 && r <= 0x7e:
		return true
	case r == 0xfeff, r == 0xfffe, r == 0xffff:
		return false
	}
	return r >= 0xa0 && r <= 0xffff
}

// analyze follows yaml_emitter_analyze_scalar.
func analyze(s string) traits {
	if s == "" {
		return traits{blockPlain: true, singleQuote: true}
	}
	if isSimple(s) {
		return traits{flowPlain: true, blockPlain: true, singleQuote: true}
	}
	var flowSign, blockSign, special, breaks, spaceBreak, breakSpace bool
	if strings.HasPrefix(s, "---") || strings.HasPrefix(s, "...") {
		flowSign, blockSign = true, true
	}
	previous := end
	var size int
	for i := 0; i < len(s); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(s[i:])
		next := end
		if i+size < len(s) {
			next, _ = utf8.DecodeRuneInString(s[i+size:])
		}
		flow, block := sign(r, previous, next)
		flowSign, blockSign = flowSign || flow, blockSign || block
		special = special || !isPrintable(r)
		breaks = breaks || isBreak(r)
		spaceBreak = spaceBreak || previous == ' ' && isBreak(r)
		breakSpace = breakSpace || r == ' ' && previous != end && isBreak(previous)
		previous = r
	}
	first, _ := utf8.DecodeRuneInString(s)
	edge := first == ' ' || previous == ' ' // a break at an edge forbids by itself
	escaped := spaceBreak || special
	t := traits{multiline: breaks}
	t.singleQuote = !breakSpace && !escaped
	fit := t.singleQuote && !edge && !breaks
	t.flowPlain, t.blockPlain = fit && !flowSign, fit && !blockSign
	return t
}

// isSimple tells of a text of letters, digits and underscores, which most are: there
// is nothing to be found out about it.
func isSimple(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// sign tells whether r, between those two, could be taken for a sign of YAML's in
// flow and in block style. previous is end for the first.
func sign(r, previous, next rune) (flow, block bool) {
	if previous == end {
		switch r {
		case '#', ',', '[', ']', '{', '}', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`':
			return true, true
		case '?', ':':
			return true, isBlank(next)
		case '-':
			return isBlank(next), isBlank(next)
		}
		return false, false
	}
	switch r {
	case ',', '?', '[', ']', '{', '}':
		return true, false
	case ':':
		return true, isBlank(next)
	case '#':
		return isBlank(previous), isBlank(previous)
	}
	return false, false
}

// style follows yaml_emitter_select_scalar_style.
func (e *emitter) style(s scalar, t traits, key bool) style {
	flow := e.flowLevel > 0
	if s.literal {
		if s.text == "" || flow || key {
			return doubleQuoted
		}
		return literal
	}
	switch {
	case key && t.multiline:
		return doubleQuoted
	case flow && t.flowPlain && s.plain, !flow && t.blockPlain && s.plain && (s.text != "" || !key):
		return plainStyle
	case t.singleQuote:
		return singleQuoted
	}
	return doubleQuoted
}

// plainText writes s without quotes. Where folding is allowed, a single blank beyond
// the width of the page becomes a line break; so it does in quotes.
func (e *emitter) plainText(s string, fold bool) {
	if !e.whitespace {
		e.put(" ")
	}
	e.words(s, fold, func(i int) bool { return !strings.HasPrefix(s[i+1:], " ") })
	e.whitespace, e.indention = false, false
}

// words writes a text that has no line breaks, folding it where foldable tells that
// it can be done at the blank at i.
func (e *emitter) words(s string, fold bool, foldable func(i int) bool) {
	if !fold || e.column+len(s) <= pageWidth { // nothing can be folded
		e.str(s)
		e.column += utf8.RuneCountInString(s)
		return
	}
	spaces := false
	for i, r := range s {
		if r != ' ' {
			e.rune(s[i : i+utf8.RuneLen(r)])
			e.indention, spaces = false, false
			continue
		}
		if fold && !spaces && e.column > pageWidth && foldable(i) {
			e.newline()
		} else {
			e.rune(" ")
		}
		spaces = true
	}
}

// single writes s in single quotes. A line break in it is written as two.
func (e *emitter) single(s string, fold bool) {
	e.sign("'", true, false, false)
	spaces, breaks := false, false
	for i, r := range s {
		switch {
		case r == ' ':
			inside := i > 0 && i < len(s)-1
			if fold && !spaces && e.column > pageWidth && inside && s[i+1] != ' ' {
				e.newline()
			} else {
				e.rune(" ")
			}
			spaces = true
			continue
		case isBreak(r):
			if !breaks && r == '\n' {
				e.lineBreak("\n")
			}
			e.lineBreak(string(r))
			e.indention, breaks = true, true
			continue
		}
		if breaks {
			e.newline()
		}
		if r == '\'' {
			e.put("'")
		}
		e.rune(s[i : i+utf8.RuneLen(r)])
		e.indention, spaces, breaks = false, false, false
	}
	if breaks {
		e.newline()
	}
	e.sign("'", false, false, false)
	e.whitespace, e.indention = false, false
}

// double writes s in double quotes, which can hold anything.
func (e *emitter) double(s string, fold bool) {
	e.sign(`"`, true, false, false)
	spaces := false
	for i, r := range s {
		switch {
		case !isPrintable(r) || isBreak(r) || r == '"' || r == '\\':
			e.escape(r)
			spaces = false
		case r == ' ':
			if fold && !spaces && e.column > pageWidth && i > 0 && i < len(s)-1 {
				e.newline()
				if s[i+1] == ' ' {
					e.put(`\`)
				}
			} else {
				e.rune(" ")
			}
			spaces = true
		default:
			e.rune(s[i : i+utf8.RuneLen(r)])
			spaces = false
		}
	}
	e.sign(`"`, false, false, false)
	e.whitespace, e.indention = false, false
}

// yamlEscapes are the characters that have an escape of one letter.
var yamlEscapes = map[rune]string{
	0: "0", 7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 0x1b: "e", '"': `"`,
	'\\': `\`, 0x85: "N", 0xa0: "_", 0x2028: "L", 0x2029: "P",
}

func (e *emitter) escape(r rune) {
	if letter, ok := yamlEscapes[r]; ok {
		e.put(`\` + letter)
		return
	}
	letter, digits := "x", 2
	if r > 0xffff {
		letter, digits = "U", 8
	} else if r > 0xff {
		letter, digits = "u", 4
	}
	hex := appendHex(nil, uint32(r), digits)
	e.put(`\` + letter + strings.ToUpper(string(hex)))
}

// literal writes the lines of s as they are, behind a bar. s is base64.
func (e *emitter) literal(s string) {
	e.sign("|", true, false, false)
	e.lineBreak("\n")
	e.indention, e.whitespace = true, true
	for line := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		e.newline()
		e.put(line)
		e.indention = false
		e.lineBreak("\n")
		e.indention = true
	}
}
