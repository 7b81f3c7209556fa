package output

import (
	"errors"

	"gorun/value"
)

// errWhole is returned by an outputter of rows that has to see all of them at once.
var errWhole = errors.New("to be printed as a whole")

// keepText is how many bytes of text are kept until all rows are known to be printable.
const keepText = 4 << 20

// trial prints rows by an outputter that can fail at each of them, and then has printed
// nothing: errWhole. So it is for a single row, which may mean something else (see unwrap). each
// makes what prints one row. What is too much to be kept is printed in a second pass.
func trial(w *writer, rows value.Rows, o *Options, each func(o *Options) func(key string, val value.Value) error) error {
	n, dropped := 0, false
	var failed error
	row := each(o)
	err := rows(func(key string, val value.Value) error {
		n++
		if failed = row(key, val); failed != nil {
			return failed
		}
		if len(w.buf) > keepText {
			w.reset()
			dropped = true
		}
		return nil
	})
	switch {
	case failed != nil, n < 2 && err == nil:
		w.reset()
		return errWhole
	case !dropped:
		w.commit()
		return err
	}
	w.reset()
	w.commit()
	quiet := *o // it has been logged
	quiet.Log = nil
	row = each(&quiet)
	return rows(func(key string, val value.Value) error {
		if err := row(key, val); err != nil {
			return errChanged
		}
		w.full()
		return w.err
	})
}
