package output

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"gorun/value"
)

// printJSON follows salt.output.json_out: Python's json with text as it is, and the
// repr of whatever JSON has no form for. Where a key has none, the whole is {}.
func printJSON(w *writer, v value.Value, o *Options) error {
	w.commit()
	j, ok := newJSON(w, o)
	if !ok || !j.possible(v) {
		j.impossible(o)
		return nil
	}
	j.value(v, 0)
	return nil
}

func newJSON(w *writer, o *Options) (j *jsonWriter, ok bool) {
	j = &jsonWriter{writer: w, pretty: true, indent: "    "}
	return j, !o.HasIndent || j.configure(o.Indent)
}

// impossible writes what Salt prints for a value that has no JSON form.
func (j *jsonWriter) impossible(o *Options) {
	o.log().Debug("value has no JSON form, {} is printed")
	j.str("{}")
}

// sortedJSON tells whether keys are put in order.
func sortedJSON(o *Options) bool { return o.HasIndent && o.Indent == "pretty" }

type jsonWriter struct {
	*writer
	pretty bool   // one line an element
	indent string // of one level, where pretty
	sorted bool
	// stack holds the sorted entries of the maps that are being shown.
	stack []value.Entry
}

// configure takes output_indent; it returns false for one that Python refuses.
func (j *jsonWriter) configure(indent value.Value) bool {
	switch n := indent.(type) {
	case nil:
		j.pretty = false
	case bool:
		if j.indent = ""; n { // Python's True is 1
			j.indent = " "
		}
	case int64:
		j.pretty = n >= 0
		j.indent = strings.Repeat(" ", int(min(max(n, 0), 1024)))
	case string:
		j.indent = n
		if n == "pretty" {
			j.sorted, j.indent = true, "    "
		}
	default:
		return false
	}
	return true
}

// possible tells whether every key has a JSON form, and can be put in order where
// that is asked for.
func (j *jsonWriter) possible(v value.Value) bool {
	switch v := v.(type) {
	case value.Rows:
		return j.rows(v, j.check) == nil
	case value.List:
		for _, e := range v {
			if !j.possible(e) {
				return false
			}
		}
	case *value.Map:
		for _, e := range v.Entries {
			switch e.Key.(type) {
			case value.Bytes, value.Ext, value.List, *value.Map:
				return false
			}
			if !j.possible(e.Val) {
				return false
			}
		}
		return !j.sorted || sortEntries(append([]value.Entry(nil), v.Entries...))
	}
	return true
}

func (j *jsonWriter) check(_ string, val value.Value) error {
	if !j.possible(val) {
		return errChanged
	}
	return nil
}

func (j *jsonWriter) value(v value.Value, depth int) {
	switch v := v.(type) {
	case nil:
		j.str("null")
	case bool:
		j.bool(v)
	case int64:
		j.buf = strconv.AppendInt(j.buf, v, 10)
	case uint64:
		j.buf = strconv.AppendUint(j.buf, v, 10)
	case float64:
		j.float(v)
	case string:
		j.quoted(v)
		j.byte('"')
	case value.List:
		j.list(v, depth)
	case *value.Map:
		j.mapping(v, depth)
	case value.Rows:
		j.stream(v, depth)
	default:
		j.quoted(repr(v))
		j.byte('"')
	}
}

func (j *jsonWriter) bool(v bool) {
	if v {
		j.str("true")
	} else {
		j.str("false")
	}
}

func (j *jsonWriter) float(f float64) {
	switch {
	case math.IsNaN(f):
		j.str("NaN")
	case math.IsInf(f, 1):
		j.str("Infinity")
	case math.IsInf(f, -1):
		j.str("-Infinity")
	default:
		j.buf = appendFloat(j.buf, f)
	}
}

func (j *jsonWriter) list(l value.List, depth int) {
	if len(l) == 0 {
		j.str("[]")
		return
	}
	j.byte('[')
	for i, v := range l {
		j.next(i, depth+1)
		j.value(v, depth+1)
	}
	j.newline(depth)
	j.byte(']')
}

func (j *jsonWriter) mapping(m *value.Map, depth int) {
	if len(m.Entries) == 0 {
		j.str("{}")
		return
	}
	entries := m.Entries
	if j.sorted {
		base := len(j.stack)
		defer func() { j.stack = j.stack[:base] }()
		j.stack = append(j.stack, entries...)
		entries = j.stack[base:]
		sortEntries(entries)
	}
	j.byte('{')
	for i := range entries {
		j.next(i, depth+1)
		j.key(entries[i].Key)
		j.str(`": `)
		j.value(entries[i].Val, depth+1)
	}
	j.newline(depth)
	j.byte('}')
}

// stream shows rows, which all had a JSON form when they were looked at.
func (j *jsonWriter) stream(rows value.Rows, depth int) {
	n := 0
	j.byte('{')
	err := j.rows(rows, func(key string, val value.Value) error {
		if err := j.check(key, val); err != nil {
			return err
		}
		j.next(n, depth+1)
		j.key(key)
		j.str(`": `)
		j.value(val, depth+1)
		n++
		return nil
	})
	if err != nil {
		j.fail(err)
	}
	if n > 0 {
		j.newline(depth)
	}
	j.byte('}')
}

// key writes a key up to its closing quote.
func (j *jsonWriter) key(key value.Value) {
	if s, ok := key.(string); ok {
		j.quoted(s)
		return
	}
	j.byte('"')
	j.value(key, 0)
}

// next goes to where the i-th element begins.
func (j *jsonWriter) next(i, depth int) {
	if i > 0 {
		j.byte(',')
		if !j.pretty {
			j.byte(' ')
		}
	}
	j.newline(depth)
}

func (j *jsonWriter) newline(depth int) {
	j.full()
	if !j.pretty {
		return
	}
	j.byte('\n')
	for range depth {
		j.str(j.indent)
	}
}

// plainJSON tells which bytes stand in a JSON text as they are; those of a longer
// character do when they are valid together.
var plainJSON = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 0x20 && c < utf8.RuneSelf && c != '"' && c != '\\'
	}
	return t
}()

// quoted writes s and the quote before it, not the one behind.
func (j *jsonWriter) quoted(s string) {
	b := append(j.buf, '"')
	from := 0
	for i := 0; i < len(s); {
		if plainJSON[s[i]] {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r >= utf8.RuneSelf && (r != utf8.RuneError || size > 1) {
			i += size
			continue
		}
		b = append(b, s[from:i]...)
		b = appendJSONEscape(b, s[i])
		i++
		from = i
	}
	j.buf = append(b, s[from:]...)
}

func appendJSONEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	case '\f':
		return append(b, '\\', 'f')
	case '\b':
		return append(b, '\\', 'b')
	}
	if c >= utf8.RuneSelf { // no UTF-8: the way in which Python carries such a byte
		return appendHex(append(b, `\u`...), 0xdc00|uint32(c), 4)
	}
	return appendHex(append(b, `\u`...), uint32(c), 4)
}
