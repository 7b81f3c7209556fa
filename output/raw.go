package output

import "gorun/value"

// printRaw follows salt.output.raw: Python's str() of the value.
func printRaw(w *writer, v value.Value, _ *Options) error {
	w.commit()
	w.buf = appendStr(w.buf, v)
	return nil
}

func rawRows(w *writer, rows value.Rows, _ *Options) error {
	w.commit()
	separator := "{"
	err := rows(func(key string, val value.Value) error {
		w.str(separator)
		separator = ", "
		w.buf = append(appendRepr(w.buf, key), ": "...)
		w.buf = appendRepr(w.buf, val)
		w.full()
		return w.err
	})
	if separator == "{" {
		w.str(separator)
	}
	w.byte('}')
	return err
}
