package output

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gorun/value"
)

// errFormat is returned for a format that Python refuses, or that asks for what
// gorun does not know: attributes, nested fields, numbers in other bases.
var errFormat = errors.New("unusable format")

// format is Python's str.format with these arguments, for the formats that
// state_tabular and Salt itself have: {0}, {6[key]}, {}, with !s, !r or !a and a width.
func format(layout string, args ...value.Value) (string, error) {
	var b strings.Builder
	auto := 0
	for layout != "" {
		i := strings.IndexAny(layout, "{}")
		if i < 0 {
			b.WriteString(layout)
			break
		}
		b.WriteString(layout[:i])
		brace := layout[i]
		layout = layout[i+1:]
		if layout != "" && layout[0] == brace { // doubled: the character itself
			b.WriteByte(brace)
			layout = layout[1:]
			continue
		}
		field, rest, ok := strings.Cut(layout, "}")
		if brace == '}' || !ok || strings.Contains(field, "{") {
			return "", errFormat
		}
		layout = rest
		if nameless(field) {
			field = strconv.Itoa(auto) + field
			auto++
		}
		s, err := formatField(field, args)
		if err != nil {
			return "", err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

// nameless tells of a field that takes the next argument.
func nameless(field string) bool {
	return field == "" || strings.IndexByte("!:[", field[0]) >= 0
}

// formatField gives the text of a field: number[key]!conversion:specification.
func formatField(field string, args []value.Value) (string, error) {
	name, spec := field, ""
	if i := strings.IndexAny(field, "!:"); i >= 0 {
		name, spec = field[:i], field[i:]
	}
	number, path, _ := strings.Cut(name, "[")
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i >= len(args) {
		return "", errFormat
	}
	v := args[i]
	for path != "" {
		var key string
		var ok bool
		if key, path, ok = strings.Cut(path, "]"); !ok {
			return "", errFormat
		}
		if v, err = subscript(v, key); err != nil {
			return "", err
		}
		if path != "" && path[0] != '[' {
			return "", errFormat
		}
		path = strings.TrimPrefix(path, "[")
	}
	if strings.HasPrefix(spec, "!") {
		if len(spec) < 2 || len(spec) > 2 && spec[2] != ':' {
			return "", errFormat
		}
		switch spec[1] {
		case 's':
			v = str(v)
		case 'r':
			v = repr(v)
		case 'a':
			v = ascii(repr(v))
		default:
			return "", errFormat
		}
		spec = spec[2:]
	}
	return aligned(v, strings.TrimPrefix(spec, ":"))
}

// ascii escapes what is not ASCII as Python's ascii does.
func ascii(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// subscript is v[key] as a format has it: a key of digits is a number.
func subscript(v value.Value, key string) (value.Value, error) {
	i, err := strconv.Atoi(key)
	if err != nil {
		return field(v, key)
	}
	switch v := v.(type) {
	case value.List:
		if i < len(v) {
			return v[i], nil
		}
	case *value.Map:
		for _, e := range v.Entries {
			if value.Equal(e.Key, int64(i)) {
				return e.Val, nil
			}
		}
	}
	return nil, missingError(key)
}

// aligned applies a specification: [[fill]align][width][.precision][s|d|f].
func aligned(v value.Value, spec string) (string, error) {
	if spec == "" {
		return str(v), nil
	}
	fill, align := " ", byte('<')
	_, isText := v.(string)
	if !isText {
		align = '>'
	}
	r := []rune(spec)
	switch {
	case len(r) > 1 && strings.ContainsRune("<>^", r[1]):
		fill, align, r = string(r[0]), byte(r[1]), r[2:]
	case strings.ContainsRune("<>^", r[0]):
		align, r = byte(r[0]), r[1:]
	}
	rest := string(r)
	digits := strings.IndexFunc(rest+"x", func(r rune) bool { return r < '0' || r > '9' })
	columns, err := strconv.Atoi("0" + rest[:digits])
	if err != nil || strings.HasPrefix(rest, "0") || columns > 1<<16 {
		return "", errFormat
	}
	s, err := precise(v, rest[digits:])
	if err != nil {
		return "", err
	}
	n := max(columns-width(s), 0)
	left := 0
	switch align {
	case '>':
		left = n
	case '^':
		left = n / 2
	}
	return strings.Repeat(fill, left) + s + strings.Repeat(fill, n-left), nil
}

// precise applies the end of a specification, the precision and the type.
func precise(v value.Value, spec string) (string, error) {
	var kind byte
	if n := len(spec); n > 0 && strings.IndexByte("sdf", spec[n-1]) >= 0 {
		kind, spec = spec[n-1], spec[:n-1]
	}
	precision := -1
	if spec != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(spec, "."))
		if err != nil || spec[0] != '.' || n < 0 || n > 1<<10 {
			return "", errFormat
		}
		precision = n
	}
	switch x := v.(type) {
	case string:
		if kind != 0 && kind != 's' {
			return "", errFormat
		}
		if r := []rune(x); precision >= 0 && precision < len(r) {
			x = string(r[:precision])
		}
		return x, nil
	case int64, uint64, float64:
		f, _ := number(x)
		_, isFloat := x.(float64)
		switch {
		case kind == 'f' && precision < 0:
			return strconv.FormatFloat(f, 'f', 6, 64), nil
		case kind == 'f':
			return strconv.FormatFloat(f, 'f', precision, 64), nil
		case precision < 0 && (kind == 0 || kind == 'd' && !isFloat):
			return str(x), nil
		}
	}
	return "", errFormat
}
