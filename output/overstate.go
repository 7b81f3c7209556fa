package output

import (
	"errors"

	"gorun/value"
)

// printOverstate follows salt.output.overstatestage: the stages of an overstate, a
// list of maps that name a stage and give its settings.
func printOverstate(w *writer, v value.Value, o *Options) error {
	colors := newPalette(o)
	stages, ok := v.(value.List)
	if !ok {
		return errors.New("not a list of stages")
	}
	for _, comp := range stages {
		m, ok := comp.(*value.Map)
		if !ok {
			return errNotMap
		}
		for _, stage := range m.Entries {
			settings, ok := stage.Val.(*value.Map)
			if !ok {
				return errNotMap
			}
			entries := append([]value.Entry(nil), settings.Entries...)
			if !sortEntries(entries) {
				return errKeyOrder
			}
			w.str(colors.lightBlue + str(stage.Key) + ": " + colors.end + "\n")
			for _, e := range entries {
				w.str("    " + colors.lightBlue + str(e.Key) + ": " + str(e.Val) + colors.end + "\n")
			}
		}
	}
	return nil
}
