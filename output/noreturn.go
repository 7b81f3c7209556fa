package output

import (
	"errors"
	"strings"

	"gorun/value"
)

// errKeyOrder is returned by an outputter that puts keys in order where Python
// cannot compare them.
var errKeyOrder = errors.New("keys that cannot be put in order")

// printNoReturn follows salt.output.no_return, a shorter nested that shows text and
// maps alone; salt -v uses it for minions that did not return.
func printNoReturn(w *writer, v value.Value, o *Options) error {
	n := noReturn{writer: w, colors: newPalette(o)}
	return n.display(v, 0)
}

type noReturn struct {
	*writer
	colors *palette
}

func (n noReturn) display(v value.Value, indent int) error {
	switch v := v.(type) {
	case string:
		for line := range strings.SplitSeq(v, "\n") {
			n.line(n.colors.red, indent, line, "\n")
		}
	case value.Rows:
		return n.rows(v, func(key string, val value.Value) error { return n.entry(key, val, indent) })
	case *value.Map:
		entries := append([]value.Entry(nil), v.Entries...)
		if !sortEntries(entries) {
			return errKeyOrder
		}
		for _, e := range entries {
			if err := n.entry(e.Key, e.Val, indent); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n noReturn) entry(key, val value.Value, indent int) error {
	n.line(n.colors.cyan, indent, str(key), ":\n")
	return n.display(val, indent+4)
}

func (n noReturn) line(color string, indent int, text, end string) {
	n.str(color)
	n.spaces(indent)
	n.str(text)
	n.str(n.colors.end)
	n.str(end)
	n.full()
}
