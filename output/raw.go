package output

import "gorun/value"

// printRaw follows salt.output.raw: Python's str() of the value.
func printRaw(w *writer, v value.Value, _ *Options) error {
	w.commit()
	switch v.(type) {
	case value.Rows, *value.Map:
		w.repr(v)
	default:
		w.buf = appendStr(w.buf, v)
	}
	return nil
}
