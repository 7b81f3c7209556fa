package output

import "gorun/value"

// printCompact is the highstate outputter for the states that failed or changed
// something, as salt.output.compact of 2014 means it (that one puts all but the
// first of them one level too deep).
func printCompact(w *writer, v value.Value, o *Options) error {
	hosts, ok := v.(*value.Map)
	if !ok {
		return errNotMap
	}
	out := &value.Map{}
	for _, host := range hosts.Entries {
		states, ok := host.Val.(*value.Map)
		if !ok {
			return errNotMap
		}
		shown := &value.Map{}
		for _, e := range states.Entries {
			result, err := field(e.Val, "result")
			if err != nil {
				return err
			}
			changes, err := field(e.Val, "changes")
			if err != nil {
				return err
			}
			if result == false || value.Truth(changes) {
				shown.Entries = append(shown.Entries, e)
			}
		}
		if shown.Len() > 0 {
			out.Entries = append(out.Entries, value.Entry{Key: host.Key, Val: shown})
		}
	}
	if out.Len() == 0 {
		return nil
	}
	return printHighstate(w, out, o)
}
