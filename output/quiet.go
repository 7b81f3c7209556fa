package output

import "gorun/value"

// printQuiet follows salt.output.no_out_quiet: nothing.
func printQuiet(w *writer, v value.Value, _ *Options) error {
	if rows, ok := v.(value.Rows); ok { // whether they can be read is told all the same
		return w.rows(rows, func(string, value.Value) error { return nil })
	}
	return nil
}
