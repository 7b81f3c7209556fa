package output

import (
	"errors"

	"gorun/value"
)

// rowsWhere says where in a value an outputter can have rows.
type rowsWhere int

const (
	nowhere   rowsWhere = iota
	outermost           // as the whole of it
	anywhere            // also as the value of a map's key
)

// errWhole is returned by an outputter of rows that has to see all of them at once.
var errWhole = errors.New("to be printed as a whole")

// prepare gives v as the outputter can have it; errWhole where that is without rows only.
func (out Outputter) prepare(v value.Value, o *Options) (value.Value, error) {
	if u, ok := v.(value.Unsorted); ok {
		v = u.Rows
		if out.sorts != nil && out.sorts(o) {
			v = u.Sorted
		}
	}
	_, whole := v.(value.Rows)
	if out.rows == anywhere || out.rows == outermost && whole || !hasRows(v) {
		return v, nil
	}
	return nil, errWhole
}

// hasRows tells whether v is, or has as the value of a map's key, rows.
func hasRows(v value.Value) bool {
	switch v := v.(type) {
	case value.Rows, value.Unsorted:
		return true
	case *value.Map:
		for i := range v.Entries {
			if hasRows(v.Entries[i].Val) {
				return true
			}
		}
	}
	return false
}

// collect reads what rows there are in v into memory.
func collect(v value.Value) (value.Value, error) {
	switch v := v.(type) {
	case value.Unsorted:
		return v.Rows.Collect()
	case value.Rows:
		return v.Collect()
	case *value.Map:
		if !hasRows(v) {
			return v, nil
		}
		m := &value.Map{Entries: make([]value.Entry, len(v.Entries))}
		for i, e := range v.Entries {
			val, err := collect(e.Val)
			if err != nil {
				return nil, err
			}
			m.Entries[i] = value.Entry{Key: e.Key, Val: val}
		}
		return m, nil
	}
	return v, nil
}

// rows calls f with each entry, until it returns an error, which rows returns, or nobody takes
// what is printed any more. That of reading is kept for close: what comes behind them is printed.
func (w *writer) rows(rows value.Rows, f func(key string, val value.Value) error) error {
	var failed error
	err := ahead(rows)(func(key string, val value.Value) error {
		if failed = f(key, val); failed != nil {
			return failed
		}
		return w.err
	})
	if failed == nil && err != nil {
		w.fail(err)
	}
	return failed
}

// repr writes the repr of v, of whose maps each entry may be handed on at once.
func (w *writer) repr(v value.Value) {
	separator := "{"
	entry := func(key, val value.Value) {
		w.str(separator)
		separator = ", "
		w.buf = append(appendRepr(w.buf, key), ": "...)
		w.repr(val)
		w.full()
	}
	switch v := v.(type) {
	case value.Rows:
		_ = w.rows(v, func(key string, val value.Value) error { entry(key, val); return nil }) // no error of its own
	case *value.Map:
		for _, e := range v.Entries {
			entry(e.Key, e.Val)
		}
	default:
		w.buf = appendRepr(w.buf, v)
		return
	}
	if separator == "{" {
		w.str(separator)
	}
	w.byte('}')
}
