package output

import "gorun/value"

// printNewlineValues follows salt.output.newline_values_only: the values of a map,
// and the elements of those that are lists, one a line.
func printNewlineValues(w *writer, v value.Value, _ *Options) error {
	line := func(v value.Value) {
		w.buf = appendStr(w.buf, v)
		w.byte('\n')
		w.full()
	}
	entry := func(val value.Value) {
		l, ok := val.(value.List)
		if !ok {
			line(val)
		}
		for _, v := range l {
			line(v)
		}
	}
	switch v := v.(type) {
	case value.Rows:
		w.commit()
		return w.rows(v, func(_ string, val value.Value) error {
			entry(val)
			return nil
		})
	case *value.Map:
		w.commit()
		for _, e := range v.Entries {
			entry(e.Val)
		}
		return nil
	}
	return errNotMap
}
