package output

import "gorun/value"

// printNewlineValues follows salt.output.newline_values_only: the values of a map,
// and the elements of those that are lists, one a line.
func printNewlineValues(w *writer, v value.Value, _ *Options) error {
	m, ok := v.(*value.Map)
	if !ok {
		return errNotMap
	}
	w.commit()
	line := func(v value.Value) {
		w.buf = appendStr(w.buf, v)
		w.byte('\n')
		w.full()
	}
	for _, e := range m.Entries {
		if l, ok := e.Val.(value.List); ok {
			for _, v := range l {
				line(v)
			}
			continue
		}
		line(e.Val)
	}
	return nil
}
