package output

import "gorun/value"

// printRaw follows salt.output.raw: Python's str() of the value.
func printRaw(w *writer, v value.Value, _ *Options) error {
	w.commit()
	w.buf = appendStr(w.buf, v)
	return nil
}
