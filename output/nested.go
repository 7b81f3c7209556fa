package output

import (
	"slices"
	"unicode/utf8"

	"gorun/value"
)

// nested is the outline of salt.output.nested: keys in order, each level four
// columns to the right.
type nested struct {
	*writer
	colors  *palette
	strip   bool
	old     bool // as up to Salt 2015.8
	python2 bool
	// stack holds the sorted entries of the maps that are being shown.
	stack []value.Entry
}

func printNested(w *writer, v value.Value, o *Options) error {
	w.commit()
	nestedAt(w, v, o, o.NestedIndent)
	return nil
}

// nestedAt is nested with the whole outline at that column.
func nestedAt(w *writer, v value.Value, o *Options, indent int) {
	newNested(w, o).display(v, indent, "")
}

func newNested(w *writer, o *Options) *nested {
	return &nested{writer: w, colors: newPalette(o), strip: o.StripColors, old: o.OldMaster, python2: o.Python2}
}

// display shows v; prefix stands before a scalar: the dash of a list, or nothing.
func (n *nested) display(v value.Value, indent int, prefix string) {
	switch v := v.(type) {
	case nil:
		n.line(indent, n.colors.lightYellow, prefix, "None", "")
	case string:
		n.text(v, indent, prefix)
	case value.List:
		n.list(v, indent)
	case *value.Map:
		n.mapping(v, indent, prefix)
	case value.Rows: // in the order of their keys
		n.rule(indent)
		_ = n.rows(v, func(key string, val value.Value) error { // no error of its own
			n.entry(value.Entry{Key: key, Val: val}, indent, prefix)
			return nil
		})
	case value.Bytes:
		if utf8.Valid(v) { // Salt shows no other bytes at all
			n.text(string(v), indent, prefix)
		}
	case value.Ext:
		if b, ok := plain(v).(value.Bytes); ok { // dates and constants: nothing, as Salt
			n.display(b, indent, prefix)
		}
	default:
		text := repr(v)
		if n.old {
			text = oldScalar(v)
		} else if _, long := v.(uint64); long && n.python2 {
			text += "L"
		}
		n.line(indent, n.colors.lightYellow, prefix, text, "")
	}
}

func (n *nested) text(s string, indent int, prefix string) {
	if n.old {
		n.oldText(s, indent, prefix)
		return
	}
	if !utf8.ValidString(s) {
		n.line(indent, n.colors.yellow, prefix, "Not string data", "")
		return
	}
	if n.strip {
		s = escapes(s)
	}
	for s != "" {
		var line string
		line, _, s = nextLine(s)
		n.line(indent, n.colors.green, prefix, line, "")
		if prefix != "" {
			prefix = "  "
		}
	}
}

func (n *nested) list(l value.List, indent int) {
	for _, v := range l {
		switch v := v.(type) {
		case value.List:
			n.line(indent, n.colors.green, "", "|_", "")
			n.display(v, indent+2, "- ")
		case *value.Map:
			n.line(indent, n.colors.green, "", "|_", "")
			n.display(v, indent+2, "")
		default:
			n.display(v, indent, "- ")
		}
	}
}

func (n *nested) mapping(m *value.Map, indent int, prefix string) {
	n.rule(indent)
	base := len(n.stack)
	n.stack = append(n.stack, m.Entries...)
	entries := n.stack[base:]
	if n.old {
		slices.SortStableFunc(entries, func(a, b value.Entry) int {
			switch {
			case oldLess(a.Key, b.Key):
				return -1
			case oldLess(b.Key, a.Key):
				return 1
			}
			return 0
		})
	} else if !sortEntries(entries) {
		entries = textKeys(m)
		sortEntries(entries)
	}
	for _, e := range entries {
		n.entry(e, indent, prefix)
	}
	n.stack = n.stack[:base]
}

// rule stands above the entries of a map that is not at the margin.
func (n *nested) rule(indent int) {
	if indent != 0 {
		n.line(indent, n.colors.cyan, "", "----------", "")
	}
}

func (n *nested) entry(e value.Entry, indent int, prefix string) {
	n.line(indent, n.colors.cyan, prefix, str(e.Key), ":")
	n.display(e.Val, indent+4, "")
}

// textKeys gives the entries of a map whose keys cannot be compared, each key as
// text; of two that are the same then, the last value stays.
func textKeys(m *value.Map) []value.Entry {
	at := make(map[string]int, len(m.Entries))
	entries := make([]value.Entry, 0, len(m.Entries))
	for _, e := range m.Entries {
		key := str(e.Key)
		if i, twice := at[key]; twice {
			entries[i].Val = e.Val
			continue
		}
		at[key] = len(entries)
		entries = append(entries, value.Entry{Key: key, Val: e.Val})
	}
	return entries
}

// line writes one line of the outline. It is where nested spends its time: the buffer
// is taken once, as each of writer's own methods would, and without colours nothing is added
// for them.
func (n *nested) line(indent int, color, prefix, text, suffix string) {
	b := appendBlanks(n.buf, indent)
	if color != "" {
		b = append(b, color...)
	}
	if prefix != "" {
		b = append(b, prefix...)
	}
	b = append(b, text...)
	if n.colors.end != "" {
		b = append(b, n.colors.end...)
	}
	b = append(b, suffix...)
	n.buf = append(b, '\n')
	n.full()
}
