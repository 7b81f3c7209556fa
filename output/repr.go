package output

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gorun/value"
)

// A constant is one of Salt's own named constants, as salt.defaults prints it.
type constant struct {
	name string
	val  value.Value
}

const dateLayout = "20060102T15:04:05.000000"

// plain returns what Salt's unpacker makes of an extension value: a time.Time, a
// constant, or else bytes. Any other value is returned as it is.
func plain(v value.Value) any {
	e, ok := v.(value.Ext)
	if !ok {
		return v
	}
	switch e.Code {
	case value.ExtDate:
		if t, err := time.Parse(dateLayout, e.Data); err == nil {
			return t
		}
	case value.ExtConstant:
		pair, err := value.Decode([]byte(e.Data))
		if l, ok := pair.(value.List); err == nil && ok && len(l) == 2 {
			return constant{str(l[0]), l[1]}
		}
	}
	return value.Bytes(e.Data)
}

// str is Python's str().
func str(v value.Value) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(appendStr(nil, v))
}

// repr is Python's repr().
func repr(v value.Value) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return string(appendRepr(nil, v))
}

func appendStr(b []byte, v value.Value) []byte {
	switch v := plain(v).(type) {
	case string:
		return append(b, v...)
	case time.Time:
		return appendDate(b, v, ' ')
	default:
		return appendRepr(b, v)
	}
}

func appendRepr(b []byte, v any) []byte {
	switch v := plain(v).(type) {
	case nil:
		return append(b, "None"...)
	case bool, int64:
		return append(b, repr(v)...)
	case uint64:
		return strconv.AppendUint(b, v, 10)
	case float64:
		return appendFloat(b, v)
	case string:
		return appendText(b, v)
	case value.Bytes:
		return appendBytes(b, v)
	case value.List:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendRepr(b, e)
		}
		return append(b, ']')
	case *value.Map:
		b = append(b, '{')
		for i, e := range v.Entries {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = append(appendRepr(b, e.Key), ": "...)
			b = appendRepr(b, e.Val)
		}
		return append(b, '}')
	case time.Time:
		return appendDateRepr(b, v)
	case constant:
		b = append(append(b, "<Constant."...), v.name...)
		if value.Truth(v.val) {
			b = appendStr(append(b, " value="...), v.val)
		}
		return append(b, '>')
	default:
		return fmt.Append(b, v)
	}
}

// appendFloat writes the shortest digits that read back as f, in Python's form.
func appendFloat(b []byte, f float64) []byte {
	switch a := math.Abs(f); {
	case math.IsNaN(f):
		return append(b, "nan"...)
	case math.IsInf(f, 1):
		return append(b, "inf"...)
	case math.IsInf(f, -1):
		return append(b, "-inf"...)
	case a >= 1e16 || a != 0 && a < 1e-4:
		return strconv.AppendFloat(b, f, 'e', -1, 64)
	}
	n := len(b)
	b = strconv.AppendFloat(b, f, 'f', -1, 64)
	if bytes.IndexByte(b[n:], '.') < 0 {
		b = append(b, ".0"...)
	}
	return b
}

const hexDigits = "0123456789abcdef"

// quote is the one that Python's repr puts around a text.
func quote(single, double bool) byte {
	if single && !double {
		return '"'
	}
	return '\''
}

// appendASCII writes one ASCII character as it stands inside a repr.
func appendASCII(b []byte, c, q byte) []byte {
	switch {
	case c == q || c == '\\':
		return append(b, '\\', c)
	case c == '\n':
		return append(b, '\\', 'n')
	case c == '\r':
		return append(b, '\\', 'r')
	case c == '\t':
		return append(b, '\\', 't')
	case c < 0x20 || c >= 0x7f:
		return appendHex(append(b, '\\', 'x'), uint32(c), 2)
	}
	return append(b, c)
}

func appendHex(b []byte, n uint32, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		b = append(b, hexDigits[n>>shift&15])
	}
	return b
}

// appendText writes the repr of text. A byte that is no UTF-8 is written as Python 2
// did, "\xff": characters from U+0080 to U+00FF that print are never escaped, so
// that the two cannot be mistaken for each other, save for the C1 controls.
func appendText(b []byte, s string) []byte {
	q := quote(strings.IndexByte(s, '\'') >= 0, strings.IndexByte(s, '"') >= 0)
	b = append(b, q)
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			b = appendASCII(b, c, q)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = appendHex(append(b, '\\', 'x'), uint32(s[i]), 2)
		case unicode.IsPrint(r):
			b = append(b, s[i:i+size]...)
		case r <= 0xff:
			b = appendHex(append(b, '\\', 'x'), uint32(r), 2)
		case r <= 0xffff:
			b = appendHex(append(b, '\\', 'u'), uint32(r), 4)
		default:
			b = appendHex(append(b, '\\', 'U'), uint32(r), 8)
		}
		i += size
	}
	return append(b, q)
}

func appendBytes(b []byte, s []byte) []byte {
	q := quote(bytes.IndexByte(s, '\'') >= 0, bytes.IndexByte(s, '"') >= 0)
	b = append(b, 'b', q)
	for _, c := range s {
		b = appendASCII(b, c, q)
	}
	return append(b, q)
}

// appendDate writes a date as datetime.isoformat does.
func appendDate(b []byte, t time.Time, sep byte) []byte {
	b = t.AppendFormat(b, "2006-01-02")
	b = t.AppendFormat(append(b, sep), "15:04:05")
	if t.Nanosecond() != 0 {
		b = t.AppendFormat(b, ".000000")
	}
	return b
}

func appendDateRepr(b []byte, t time.Time) []byte {
	year, month, day := t.Date()
	parts := []int{year, int(month), day, t.Hour(), t.Minute(), t.Second(), t.Nanosecond() / 1000}
	n := len(parts)
	for n > 5 && parts[n-1] == 0 {
		n--
	}
	b = append(b, "datetime.datetime("...)
	for i, part := range parts[:n] {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendInt(b, int64(part), 10)
	}
	return append(b, ')')
}
