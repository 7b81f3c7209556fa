package output

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"gorun/value"
)

// What nested was up to Salt 2015.8, in Python 2: text was bytes, a dash stood before each
// line of a text in a list, a float had twelve digits, and keys of any types had an order.

// oldText shows text. What is no UTF-8 counts as latin-1 (salt.utils.sdecode).
func (n *nested) oldText(s string, indent int, prefix string) {
	if n.strip {
		s = escapes(s)
	}
	for s != "" {
		line, rest := oldLine(s)
		s = rest
		if !utf8.ValidString(line) {
			line = latin1(line)
		}
		n.line(indent, n.colors.green, prefix, line, "")
	}
}

// oldLine cuts off the first line, as str.splitlines of bytes does.
func oldLine(s string) (line, rest string) {
	i := strings.IndexAny(s, "\r\n")
	switch {
	case i < 0:
		return s, ""
	case strings.HasPrefix(s[i:], "\r\n"):
		return s[:i], s[i+2:]
	}
	return s[:i], s[i+1:]
}

func latin1(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

// oldScalar is str of a number or a bool in Python 2.
func oldScalar(v value.Value) string {
	f, ok := v.(float64)
	if !ok || math.IsNaN(f) || math.IsInf(f, 0) {
		return repr(v)
	}
	s := strconv.FormatFloat(f, 'g', 12, 64)
	mantissa, exponent, scientific := strings.Cut(s, "e")
	if strings.Contains(mantissa, ".") {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	if scientific {
		return mantissa + "e" + exponent
	}
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	return mantissa
}

// oldRank orders the types of keys as Python 2 does: None, numbers, then the others by
// the names of their types.
func oldRank(v value.Value) int {
	switch plain(v).(type) {
	case nil:
		return 0
	case bool, int64, uint64, float64:
		return 1
	case *value.Map:
		return 2
	case value.List:
		return 3
	}
	return 4
}

// oldLess orders keys as Python 2 does.
func oldLess(a, b value.Value) bool {
	if x, y := oldRank(a), oldRank(b); x != y {
		return x < y
	}
	order, _ := compare(a, b)
	return order < 0
}
