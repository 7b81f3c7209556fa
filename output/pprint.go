package output

import (
	"errors"
	"math"
	"time"
	"unicode/utf8"

	"gorun/value"
)

// errIndent is returned by an outputter that cannot do with that output_indent.
var errIndent = errors.New("output_indent is no number")

// printPprint follows salt.output.pprint_out: Python's pprint.pformat, 80 columns
// wide.
func printPprint(w *writer, v value.Value, o *Options) error {
	p := pretty{writer: w, indent: 1}
	if o.HasIndent {
		n, ok := indentNumber(o.Indent)
		if !ok {
			return errIndent
		}
		if n >= 0 {
			p.indent = n
		}
	}
	w.commit()
	p.format(v, 0, 0, 0)
	return nil
}

// indentNumber gives output_indent where Python can compare it with a number.
func indentNumber(v value.Value) (int, bool) {
	switch v := v.(type) {
	case int64:
		return int(v), true
	case float64:
		return int(v), true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// pageWidth is the width that Python's pprint and libyaml write for.
const pageWidth = 80

// pretty is Python's pprint.PrettyPrinter: what fits into the rest of the line is
// written as its repr, with the keys of maps in order; anything longer is broken.
type pretty struct {
	*writer
	indent int // columns of one level
}

// format writes v, which begins in column, with allowance columns to be kept free
// behind its last line, at that level of nesting.
func (p pretty) format(v value.Value, column, allowance, level int) {
	p.full()
	room := pageWidth - column - allowance
	start := len(p.buf)
	b, ok := appendPretty(p.buf, v, start, max(room, 0))
	if ok && utf8.RuneCount(b[start:]) <= room {
		p.buf = b
		return
	}
	switch x := plain(v).(type) {
	case value.Rows:
		p.stream(x, column, allowance, level+1)
	case *value.Map:
		p.mapping(x, column, allowance, level+1)
	case value.List:
		p.list(x, column, allowance, level+1)
	case string:
		p.text(x, column, allowance, level+1)
	case value.Bytes:
		p.bytes(x, column, allowance, level+1)
	default:
		p.buf = appendRepr(p.buf, v)
	}
}

// shortestEntry is what an entry of a map takes at the least.
const shortestEntry = "1: 2, "

// errMany ends the reading of more rows than fit into a line.
var errMany = errors.New("more rows than one line has room for")

// first collects rows; ok is false where there are more than most.
func first(rows value.Rows, most int) (m *value.Map, ok bool) {
	n := 0
	m, err := value.Rows(func(f func(string, value.Value) error) error {
		return rows(func(key string, val value.Value) error {
			if n++; n > most {
				return errMany
			}
			return f(key, val)
		})
	}).Collect()
	return m, err == nil
}

// appendPretty appends the repr of v with the keys of maps in pprint's order. It
// gives up, and returns false, once there is more than room characters can take.
func appendPretty(b []byte, v value.Value, start, room int) ([]byte, bool) {
	var ok bool
	switch v := v.(type) {
	case value.List:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			if b, ok = appendPretty(b, e, start, room); !ok {
				return b, false
			}
		}
		b = append(b, ']')
	case value.Rows:
		m, ok := first(v, room/len(shortestEntry)+1)
		if !ok {
			return b, false
		}
		return appendPretty(b, m, start, room)
	case *value.Map:
		if len(shortestEntry)*len(v.Entries) > room { // not worth the sorting
			return b, false
		}
		b = append(b, '{')
		for i, e := range prettyEntries(v) {
			if i > 0 {
				b = append(b, ", "...)
			}
			if b, ok = appendPretty(b, e.Key, start, room); !ok {
				return b, false
			}
			if b, ok = appendPretty(append(b, ": "...), e.Val, start, room); !ok {
				return b, false
			}
		}
		b = append(b, '}')
	case string:
		if len(v) > utf8.UTFMax*room { // a character takes four bytes at the most
			return b, false
		}
		b = appendText(b, v)
	default:
		b = appendRepr(b, v)
	}
	return b, len(b)-start <= utf8.UTFMax*room
}

// prettyEntries gives the entries in pprint's order: keys that Python cannot compare
// go by the name of their type.
func prettyEntries(m *value.Map) []value.Entry {
	if _, sorted := keyState(m.Entries); sorted {
		return m.Entries
	}
	entries := append([]value.Entry(nil), m.Entries...)
	sortPython(entries, func(a, b value.Entry) bool {
		lt, ok := less(a.Key, b.Key)
		if !ok {
			return typeName(a.Key) < typeName(b.Key)
		}
		return lt
	})
	return entries
}

// typeName is Python's name of a type, as str(type(v)) has it between the quotes.
func typeName(v value.Value) string {
	switch plain(v).(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64, uint64:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case value.Bytes:
		return "bytes"
	case value.List:
		return "list"
	case *value.Map:
		return "dict"
	case time.Time:
		return "datetime.datetime"
	}
	return "salt.defaults._Constant"
}

func (p pretty) newline(column int) {
	p.byte('\n')
	p.spaces(column)
}

func (p pretty) mapping(m *value.Map, column, allowance, level int) {
	p.byte('{')
	p.spaces(p.indent - 1)
	column += p.indent
	entries := prettyEntries(m)
	for i, e := range entries {
		keep := 1
		if i == len(entries)-1 {
			keep = allowance + 1
		}
		p.entry(e, column, keep, level)
		if i < len(entries)-1 {
			p.byte(',')
			p.newline(column)
		}
	}
	p.byte('}')
}

func (p pretty) entry(e value.Entry, column, allowance, level int) {
	start := len(p.buf)
	p.buf, _ = appendPretty(p.buf, e.Key, start, math.MaxInt/8)
	length := utf8.RuneCount(p.buf[start:])
	p.str(": ")
	p.format(e.Val, column+length+2, allowance, level)
}

// stream is mapping for rows: each is written once the next is there, for the last one leaves
// room for what stands behind it.
func (p pretty) stream(rows value.Rows, column, allowance, level int) {
	p.byte('{')
	p.spaces(p.indent - 1)
	column += p.indent
	var (
		held  value.Entry
		inner value.Map // of held
		some  bool
	)
	_ = p.rows(rows, func(key string, val value.Value) error { // no error of its own
		if some {
			p.entry(held, column, 1, level)
			p.byte(',')
			p.newline(column)
		}
		if m, ok := val.(*value.Map); ok {
			inner.Entries = append(inner.Entries[:0], m.Entries...)
			val = &inner
		}
		held, some = value.Entry{Key: key, Val: val}, true
		return nil
	})
	if some {
		p.entry(held, column, allowance+1, level)
	}
	p.byte('}')
}

func (p pretty) list(l value.List, column, allowance, level int) {
	p.byte('[')
	p.spaces(p.indent - 1)
	column += p.indent
	for i, v := range l {
		if i < len(l)-1 {
			p.format(v, column, 1, level)
			p.byte(',')
			p.newline(column)
			continue
		}
		p.format(v, column, allowance+1, level)
	}
	p.byte(']')
}

// text breaks a text at its lines and then between its words; on the first level
// the pieces stand in parentheses.
func (p pretty) text(s string, column, allowance, level int) {
	if level == 1 {
		column++
		allowance++
	}
	room := pageWidth - column
	var chunks []string
	if s == "" {
		chunks = []string{repr(s)}
	}
	for s != "" {
		var line, sep string
		line, sep, s = nextLine(s)
		line += sep
		keep := 0
		if s == "" {
			keep = allowance
		}
		if rep := repr(line); width(rep) <= room-keep {
			chunks = append(chunks, rep)
			continue
		}
		chunks = appendWords(chunks, line, room, keep)
	}
	p.pieces(chunks, column, level)
}

// appendWords appends the pieces, each a repr, into which a line is broken: as many
// words as fit into room, the last one with keep columns less.
func appendWords(chunks []string, line string, room, keep int) []string {
	current := ""
	for line != "" {
		var word string
		word, line = nextWord(line)
		if line == "" {
			room -= keep
		}
		if width(repr(current+word)) > room {
			if current != "" {
				chunks = append(chunks, repr(current))
			}
			current = word
			continue
		}
		current += word
	}
	if current != "" {
		chunks = append(chunks, repr(current))
	}
	return chunks
}

// nextWord cuts a word with the white space behind it off s.
func nextWord(s string) (word, rest string) {
	space := false
	for i, r := range s {
		if isSpace(r) {
			space = true
		} else if space {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

func (p pretty) bytes(b value.Bytes, column, allowance, level int) {
	if len(b) <= 4 {
		p.buf = appendBytes(p.buf, b)
		return
	}
	if level == 1 {
		column++
		allowance++
	}
	room := pageWidth - column
	var chunks []string
	from := 0
	for i := 0; i < len(b); i += 4 {
		end := min(i+4, len(b))
		if i == len(b)/4*4 {
			room -= allowance
		}
		if len(appendBytes(nil, b[from:end])) > room {
			if from < i {
				chunks = append(chunks, string(appendBytes(nil, b[from:i])))
			}
			from = i
		}
	}
	chunks = append(chunks, string(appendBytes(nil, b[from:])))
	// Unlike text, bytes stand in parentheses even when they are in one piece.
	if len(chunks) == 1 && level == 1 {
		chunks[0] = "(" + chunks[0] + ")"
	}
	p.pieces(chunks, column, level)
}

func (p pretty) pieces(chunks []string, column, level int) {
	parens := level == 1 && len(chunks) > 1
	if parens {
		p.byte('(')
	}
	for i, chunk := range chunks {
		if i > 0 {
			p.newline(column)
		}
		p.str(chunk)
		p.full()
	}
	if parens {
		p.byte(')')
	}
}
