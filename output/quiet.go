package output

import "gorun/value"

// printQuiet follows salt.output.no_out_quiet: nothing.
func printQuiet(*writer, value.Value, *Options) error { return nil }

func quietRows(_ *writer, rows value.Rows, _ *Options) error {
	return rows(func(string, value.Value) error { return nil })
}
