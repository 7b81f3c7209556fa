package output

import (
	"errors"
	"fmt"
	"slices"

	"gorun/value"
)

// printKey follows salt.output.key, which shows what salt-key lists: a map of
// minions, minions_pre, minions_denied, minions_rejected and local, each a list of
// ids or a map of ids and fingerprints.
func printKey(w *writer, v value.Value, o *Options) error {
	show := keyStatus(w, o)
	switch v := v.(type) {
	case value.Rows:
		return w.rows(v, func(key string, val value.Value) error { return show(key, val) })
	case *value.Map:
		entries := append([]value.Entry(nil), v.Entries...)
		if !sortEntries(entries) {
			return errKeyOrder
		}
		for _, e := range entries {
			if err := show(e.Key, e.Val); err != nil {
				return err
			}
		}
		return nil
	case string:
		if v == "" {
			return nil
		}
	case value.Bytes:
		if len(v) == 0 {
			return nil
		}
	case value.List:
		if len(v) == 0 {
			return nil
		}
	}
	return errNotMap
}

// errNotMap is returned by an outputter that shows maps only.
var errNotMap = errors.New("not a map")

// keyStatus gives what writes one status with its ids.
func keyStatus(w *writer, o *Options) func(key, ids value.Value) error {
	colors := newPalette(o)
	statuses := map[string]struct{ title, head, key string }{
		"minions":          {"Accepted Keys:", colors.lightGreen, colors.green},
		"minions_pre":      {"Unaccepted Keys:", colors.lightRed, colors.red},
		"minions_denied":   {"Denied Keys:", colors.lightMagenta, colors.magenta},
		"minions_rejected": {"Rejected Keys:", colors.lightBlue, colors.blue},
		"local":            {"Local Keys:", colors.lightMagenta, colors.magenta},
	}
	return func(key, ids value.Value) error {
		name, _ := key.(string)
		status, ok := statuses[name]
		if !ok {
			return fmt.Errorf("%q is no status of keys", str(key))
		}
		w.str(status.head)
		w.str(status.title)
		w.str(colors.end)
		w.byte('\n')
		return keyIDs(w, ids, status.key, colors.end, o)
	}
}

// keyIDs writes the ids of one status, and the fingerprints beside them.
func keyIDs(w *writer, ids value.Value, color, end string, o *Options) error {
	line := func(id value.Value, rest string) error {
		id, err := decode(id)
		if err != nil {
			return err
		}
		text := str(id)
		if s, ok := id.(string); ok && o.StripColors {
			text = escapes(s)
		}
		w.str(color)
		w.str(text)
		w.str(rest)
		w.str(end)
		w.byte('\n')
		w.full()
		return nil
	}
	switch ids := ids.(type) {
	case value.List:
		sorted := slices.Clone(ids)
		if !sortBy(sorted, func(id value.Value) value.Value { return id }) {
			return errKeyOrder
		}
		for _, id := range sorted {
			if err := line(id, ""); err != nil {
				return err
			}
		}
		return nil
	case *value.Map:
		entries := append([]value.Entry(nil), ids.Entries...)
		if !sortEntries(entries) {
			return errKeyOrder
		}
		for _, e := range entries {
			// Salt looks for the fingerprint under the decoded id.
			if id, err := decode(e.Key); err != nil || !value.Equal(id, e.Key) {
				return missingError(str(e.Key))
			}
			if err := line(e.Key, ":  "+str(e.Val)); err != nil {
				return err
			}
		}
		return nil
	case string: // Salt goes through the characters and shows none
		return nil
	}
	if _, ok := plain(ids).(value.Bytes); ok {
		return nil
	}
	return errors.New("keys that are no list")
}
